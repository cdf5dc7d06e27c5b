"""The rules of a running service, by the command line."""

import json
import re

import pytest
from click.testing import CliRunner

from service.cli.doctor.mistakes import examine_mistakes, read_refusal
from service.cli.main import main
from service.cli.rules.why import GUARDS_NOW
from service.written.mistakes import Mistake

pytestmark = pytest.mark.journey

API_KEY = "api-0123456789abcdef"  # of `start_ringback`
RULES = """\
rules:
  - id: wide
    on: task.succeeded
    match:
      action: IMAGINE
      params.ar: "16:9"
      any: [{prompt: {contains: 猫}}, {tags: cat}]
    do: [click: [U1, U2]]
  - id: dry
    on: task.succeeded
    match: {action: IMAGINE, tags: dry}
    dry_run: true
    do: [click: U3]
"""
HOSTILE = "\x1b[2J\u202e一只狗\x07 --ar 1:1"


class Ruled:
    """A service with rules, and verbs run beside it."""

    def __init__(self, ringback, config):
        self.ringback = ringback
        self.config = config

    def run(self, *arguments, typed=""):
        environ = {"RINGBACK_URL": self.ringback.url, "RINGBACK_API_KEY": API_KEY}
        return CliRunner().invoke(main, arguments, env=environ, input=typed)

    def objects(self, *arguments):
        return [json.loads(line) for line in self.run(*arguments, "--json").stdout.splitlines()]


@pytest.fixture(scope="module")
def ruled(start_ringback, tmp_path_factory):
    config = tmp_path_factory.mktemp("rules") / "ringback.yaml"
    config.write_text(RULES)
    with start_ringback(RINGBACK_CONFIG=str(config)) as running:
        yield Ruled(running, config)


@pytest.fixture(scope="module")
def wide(ruled):
    return ruled.ringback.grid()["id"]


@pytest.fixture(scope="module")
def square(ruled):
    return ruled.ringback.grid(prompt=HOSTILE)["id"]


def test_rules_are_listed_with_what_they_did(ruled, wide):
    outcome = ruled.run("rules", "list")
    assert outcome.exit_code == 0
    head, first, second, *more = outcome.stdout.splitlines()
    assert head.split() == ["RULE", "ON", "STATE", "FIRED", "BLOCKED", "WAIT", "UNSENT", "LAST"]
    assert first.split()[:3] == ["wide", "task.succeeded", "live"]
    assert second.split()[:3] == ["dry", "task.succeeded", "dry"]
    assert more[-3].startswith("wide: up to 2 follow-ups per task")
    assert more[-1].startswith("Per submission means: ")
    assert [rule["id"] for rule in ruled.objects("rules", "list")][:2] == ["wide", "dry"]


def test_a_refused_file_is_told_and_is_status_1(ruled):
    ruling = ruled.ringback.service._ruling
    ruling.refuse((Mistake("ringback.yaml", 3, 9, "there is no event 'x\x1b'"),))
    try:
        outcome = ruled.run("rules", "list")
        assert outcome.exit_code == 1
        assert "ringback.yaml:3:9: there is no event 'x '" in outcome.stderr
        (finding,) = examine_mistakes((), read_refusal(ruled.ringback.url, API_KEY), rules="ringback.yaml")
        assert (finding.check, finding.ok) == ("rules", False)
        assert "The service refused a newer ringback.yaml" in finding.detail
        assert "ringback.yaml:3:9: there is no event" in finding.detail
        assert ruled.ringback.get("/readyz").status_code == 200
        assert ruled.ringback.get("/readyz").json()["rules"] == (
            "refused: 1 mistake in a newer file; the 2 before it go on"
        )
        assert ruled.ringback.get("/v1/rules").json()["file"]["mistakes"][0]["line"] == 3
    finally:
        ruling.refusal = None
    assert read_refusal(ruled.ringback.url, API_KEY) is None


def test_firings_are_listed_newest_first(ruled, wide):
    dry = ruled.ringback.grid(prompt="x", tags=["dry"])["id"]
    lines = ruled.run("rules", "firings").stdout.splitlines()
    assert lines[1].split()[:2] == ["✗", "blocked"]
    assert dry in lines[1] and "dry_run: " in lines[1] and "would click U3" in lines[1]
    assert wide in ruled.run("rules", "firings", "wide").stdout
    assert [each["task_id"] for each in ruled.objects("rules", "firings", "--task", wide)] == [wide]
    assert ruled.run("rules", "firings", "wode").exit_code == 1


def test_why_tells_clause_by_clause_what_was_there(ruled, square):
    outcome = ruled.run("rules", "why", "wide", square)
    assert outcome.exit_code == 1
    verdict, *lines = outcome.stdout.splitlines()
    assert verdict == "wide  does not mean the task: 2 lines missed"
    told = [re.split(r"\s{2,}", line) for line in lines]
    assert told[0][0] == "ringback.yaml:2" and told[0][-1] == "ok"
    assert told[2] == ["ringback.yaml:6", "params.ar", 'is "16:9"', 'found "1:1"', "NO"]
    assert told[3][:2] == ["ringback.yaml:7", "any"] and told[3][-1] == "NO"
    assert 'prompt  contains "猫"' in lines[4]


def test_why_tells_the_guards_and_what_happened(ruled, wide):
    outcome = ruled.run("rules", "why", "wide", wide)
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("wide  fired\n")
    before, now, guards = outcome.stdout.partition(f"{GUARDS_NOW}\n")
    assert now and "guard" not in before and guards.startswith("guard ")
    assert outcome.stdout.splitlines()[-1].endswith(": click U1, click U2")


def test_why_of_a_task_tells_of_every_rule(ruled, square):
    outcome = ruled.run("rules", "why", square)
    assert outcome.exit_code == 1
    assert [line.split()[0] for line in outcome.stdout.split("\n\n")] == ["dry", "wide"]
    assert [each["rule"] for each in ruled.objects("rules", "why", square)] == ["dry", "wide"]


def test_why_of_a_rule_alone_asks_for_the_task(ruled):
    for rule in ("wide", "then"):
        outcome = ruled.run("rules", "why", rule)
        assert (outcome.exit_code, outcome.stderr) == (
            2,
            f"Name the task as well: ringback rules why {rule} TASK\n",
        )
    assert ruled.run("rules", "why", "wode").stderr == "There is no task wode in this ledger.\n"


def test_a_hostile_prompt_reaches_no_terminal_raw(ruled, square):
    for arguments in (("rules", "why", square), ("rules", "why", "wide", square), ("rules", "firings")):
        said = ruled.run(*arguments).output
        assert not set(said) & {"\x1b", "\u202e", "\x07"}
    assert "一只狗" in ruled.run("rules", "why", "wide", square).stdout


def test_a_backtest_is_told_in_counts_and_names_the_difference(ruled, wide, square, tmp_path):
    outcome = ruled.run("rules", "backtest", "--since", "1h")
    assert outcome.exit_code == 0
    assert "first-order firings only" in outcome.stdout
    assert "0 real firings would disappear, 0 new ones would appear." in outcome.stdout
    other = tmp_path / "other.yaml"
    other.write_text(
        'rules: [{id: square, on: task.succeeded, match: {action: IMAGINE, params.ar: "1:1"}, do: [click: U4]}]'
    )
    outcome = ruled.run("rules", "backtest", "--since", "1h", "--file", str(other), "--diff")
    assert f"appears  square  {square}" in outcome.stdout.replace("appearing", "appears")
    assert f"disappears  wide  {wide}" in outcome.stdout
    other.write_text("rules:\n  - {id: square}")
    outcome = ruled.run("rules", "backtest", "--since", "1h", "--file", str(other))
    assert outcome.exit_code == 1
    assert sorted(outcome.stderr.splitlines()) == [f"{other}:2:5: '{each}' is missing" for each in ("do", "on")]


@pytest.mark.parametrize("since", ["soon", "7", "7y", "", "99999999d"])
def test_a_time_that_is_none_is_refused(ruled, since):
    outcome = ruled.run("rules", "backtest", "--since", since)
    assert (outcome.exit_code, "no span such as 7d" in outcome.stderr) == (2, True)


def test_a_rule_is_applied_when_a_person_agrees(ruled):
    task = ruled.ringback.grid(prompt="y", tags=["dry"])["id"]
    refused = ruled.run("rules", "apply", "dry", "--since", "1h", typed="n\n")
    assert refused.exit_code == 1
    assert "that it has not acted on: nothing would be done." in refused.stderr
    assert "would be blocked (dry_run)." in refused.stderr
    assert f"  {task}  y\n" in refused.stderr
    done = ruled.run("rules", "apply", "dry", "--since", "1h", typed="y\n")
    assert done.exit_code == 0
    assert "blocked (dry_run)" in done.stdout, "its guards hold"
    none = ruled.run("rules", "apply", "wide", "--since", "1h", "--yes")
    assert none.stderr == "wide means no task of that time that it has not acted on.\n"
    (applied,) = ruled.objects("rules", "apply", "dry", "--since", "1h", "--yes")
    assert (applied["dry_run"], applied["fired"]) == (False, 0)


def test_a_rule_is_paused_and_resumed(ruled):
    paused = ruled.run("rules", "pause", "wide", "--why", "太贵")
    assert (paused.exit_code, paused.stdout.startswith("wide is paused since ")) == (0, True)
    listed = ruled.run("rules", "list").stdout
    assert "paused" in listed.splitlines()[1]
    assert " by the cli: 太贵. To go on: ringback rules resume wide\n" in listed
    again = ruled.run("rules", "pause", "wide", "--why", "x", "--drop").stdout
    assert "太贵. It was so before.\nTaken back: 0 follow-ups and 0 waiting firings.\n" in again
    (state,) = ruled.objects("rules", "pause", "wide")
    assert (state["origin"], state["detail"]) == ("cli", "太贵")
    assert ruled.run("rules", "resume", "wide").stdout == "wide fires again.\n"
    assert ruled.run("rules", "resume", "wide").stdout == "wide was not paused.\n"
    assert ruled.run("rules", "resume", "wode").stderr == "There is no rule 'wode' (did you mean 'wide'?).\n"
    assert ruled.run("rules", "pause", "../pause").exit_code == 1, "a rule's name is no way to another call"
    assert ruled.ringback.get("/readyz").json()["paused"] is False


def test_what_of_a_paused_rule_is_still_to_be_sent_is_told(ruled):
    ringback = ruled.ringback
    grid = ringback.open()["id"]
    ringback.gateway.wait_for(grid)
    ringback.post("/v1/pause")
    try:
        ringback.succeed(grid)
        told = "there are 2 follow-ups of it still to be sent; to take that back: ringback rules pause wide --drop\n"
        assert f"But {told}" in ruled.run("rules", "pause", "wide").stdout
        assert f"But {told}" in ruled.run("rules", "list").stdout
        assert "2 follow-ups and 0" in ruled.run("rules", "pause", "wide", "--drop").stdout
        assert ruled.run("cancel", grid, "--chain").stdout == (
            "0 tasks of the chain taken back before a gateway was asked.\n"
        )
    finally:
        for scope in ("", "rules/wide/"):
            ringback.post(f"/v1/{scope}resume")


def test_what_of_a_cancelled_chain_is_still_at_the_gateway_is_told(ruled):
    grid = ruled.ringback.open()["id"]
    ruled.ringback.gateway.wait_for(grid)
    assert ruled.run("cancel", grid, "--chain").stdout == (
        "0 tasks of the chain taken back before a gateway was asked.\n"
        "Still at the gateway: 1 task. What it ends as can fire rules again; to stop that:"
        " ringback pause, or ringback rules pause RULE --drop\n"
    )


def test_everything_is_paused_and_resumed(ruled):
    paused = ruled.run("pause", "--why", "x")
    assert "nothing is submitted. To go on: ringback resume" in paused.stdout
    assert "Everything is paused" in ruled.run("rules", "list").stderr
    assert ruled.objects("pause")[0]["paused"] is True
    outcome = ruled.run("submit", "x", "--timeout", "0")
    assert outcome.stderr.endswith(" waits: everything is paused; to go on: ringback resume.\n")
    assert ruled.run("resume").stdout == "Submissions go on.\n"
    assert ruled.objects("resume")[0]["paused"] is False


def test_tags_are_added_and_taken_away(ruled, wide):
    outcome = ruled.run("tag", wide, "a", "猫", "--remove", "b")
    assert (outcome.exit_code, outcome.stdout) == (0, f"{wide}  a, 猫\n")
    assert ruled.objects("tag", wide, "--remove", "a")[0]["tags"] == ["猫"]
    assert ruled.run("tag", wide).exit_code == 2
    bad = ruled.run("tag", wide, "a\tb")
    assert bad.stderr == "add: a tag has 1 to 64 characters, and no control character among them, found 'a\\tb'\n"


def test_what_failed_is_asked_for_once_more(ruled):
    failed = ruled.ringback.open()["id"]
    ruled.ringback.call_back(failed, "FAILURE", failReason="执行超时")
    outcome = ruled.run("resubmit", failed, "--no-wait")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("Submitted once more as 8")
    (retry,) = ruled.objects("resubmit", failed, "--no-wait")
    assert (retry["retry_of"], retry["origin"]) == (failed, "cli")
    assert ruled.run("resubmit", failed, "--no-wait").stdout.startswith(f"It stands already: task {retry['id']}.")
