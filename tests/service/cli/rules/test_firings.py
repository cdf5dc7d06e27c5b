"""What rules decided, as a person sees it."""

import httpx
import pytest
from click.testing import CliRunner

from service.cli.rules import command
from service.cli.rules.firings import tell_actions
from service.cli.rules.past import NAMED


def make_firing(**more):
    return {
        "id": 1,
        "rule": "cats",
        "task_id": "8000000000000001",
        "outcome": "fired",
        "reason": None,
        "detail": None,
        "actions": [{"action": "click", "button": "U1", "result": "opened"}],
        "created_at": "2026-11-20T01:00:00.000Z",
        "updated_at": "2026-11-20T01:00:00.000Z",
    } | more


@pytest.fixture
def listed(make_api, answers, monkeypatch):
    """Lists these firings; gives the lines below the head."""

    def run(*firings):
        page = httpx.Response(200, json={"firings": firings, "next": None})
        monkeypatch.setattr("service.cli.rules.firings.connect", lambda _: make_api(answers(page)))
        return CliRunner().invoke(command, ["firings"]).stdout.splitlines()[1:]

    return run


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ({"action": "click", "button": "U1", "result": "opened"}, "click U1"),
        ({"action": "click", "button": "U1", "result": "exists"}, "click U1 (exists)"),
        ({"action": "click", "button": "U1", "result": "would"}, "would click U1"),
        ({"action": "click", "button": "U9", "result": "error", "detail": "no U9"}, "click U9 is not possible: no U9"),
        ({"action": "tag", "tags": ["a", "b"], "result": "done"}, "tag a, b"),
        ({"action": "notify", "result": "planned"}, "notify (planned)"),
        ({"action": "notify", "result": "planned", "detail": "HTTP 503"}, "notify is put off: HTTP 503"),
        ({"action": "download", "path": "a.png", "result": "failed", "detail": "x"}, "download a.png failed: x"),
    ],
)
def test_an_action_is_told_with_what_came_of_it(action, told):
    assert tell_actions([action]) == told


@pytest.mark.parametrize(
    ("result", "mark"), [("done", "✓"), ("planned", "!"), ("error", "!"), ("failed", "✗"), ("opened", "✓")]
)
def test_a_firing_of_which_something_fails_is_not_shown_as_well(listed, result, mark):
    detail = {} if mark == "✓" else {"detail": "HTTP 404"}
    (line,) = listed(make_firing(actions=[{"action": "notify", "result": result} | detail]))
    assert (line.split()[0], "HTTP 404" in line) == (mark, bool(detail))


def test_what_happened_last_comes_first_and_gives_the_age(listed):
    late = make_firing(id=1, rule="late", updated_at="2999-01-01T00:00:00.000Z")
    first, second = listed(make_firing(id=2), late)
    assert first.split()[1:5] == ["fired", "0", "s", "late"]
    assert "cats" in second


def test_a_long_path_is_folded_and_not_cut_off(listed):
    path = "/".join(["long"] * 60)
    lines = listed(make_firing(actions=[{"action": "download", "path": path, "result": "done"}]))
    assert "".join(line[-160:].split("8000000000000001")[-1].strip() for line in lines).endswith(path[-100:])


def test_applying_a_rule_tells_what_it_would_open_and_cost(make_api, answers, a_task, monkeypatch):
    def ask(**forecast):
        basics = {"actions": {}, "cost": 0.0, "unpriced": 0, "deferred": 0, "blocked": {}}
        ids = [f"800000000000000{number}" for number in range(7)]
        meant = {"meant": 7, "tasks": ids, "forecast": basics | forecast}
        wire = answers(httpx.Response(200, json=meant), httpx.Response(200, json=a_task(prompt="a\x1b猫")))
        monkeypatch.setattr("service.cli.rules.past.connect", lambda _: make_api(wire))
        return CliRunner().invoke(command, ["apply", "late", "--since", "7d"], input="n\n").stderr.splitlines()

    head, *tasks, more, _ask, _aborted = ask(actions={"click": 6, "notify": 1}, cost=4.5)
    assert head == (
        "late means 7 tasks that it has not acted on: 6 clicks, 1 notification, 4.5 at today's prices;"
        " what they open can fire rules again."
    )
    assert tasks == [f"  800000000000000{number}  a 猫" for number in range(NAMED)]
    assert more == "  and 2 more"
    assert ask(actions={"notify": 27})[0].endswith(": 27 notifications.")
    unpriced = ask(actions={"click": 2}, unpriced=2, deferred=1, blocked={"budget": 5})
    assert unpriced[0].endswith(": 2 clicks, 2 without a known price; what they open can fire rules again.")
    assert unpriced[1] == "Of the tasks 1 would wait first, 5 would be blocked (budget)."
