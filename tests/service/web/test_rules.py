"""`/v1/rules`: what rules there are, what they did and why, and what they would have done."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.journey

RULES = """\
limits: {max_depth: 2}
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
  - id: again
    on: task.failed
    attempts: {max: 1, backoff: [1h]}
    do: [resubmit: {}]
  - id: never
    on: task.cancelled
    match: {state: "${SECRET}"}
    do: [{tag: gone}]
"""
SECRET = "hidden-0123456789"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rules") / "ringback.yaml"


@pytest.fixture(scope="module")
def ruled(start_ringback: Any, config: Path) -> Iterator[Any]:
    config.write_text(RULES)
    with start_ringback(RINGBACK_CONFIG=str(config), SECRET=SECRET) as running:
        yield running


@pytest.fixture(scope="module")
def wide(ruled: Any) -> Any:
    """A grid that the first rule means."""
    return ruled.grid()


@pytest.fixture(scope="module")
def square(ruled: Any) -> Any:
    """A grid that no rule means."""
    return ruled.grid(prompt="一只狗 --ar 1:1")


def now(**shift: int) -> str:
    return (datetime.now(UTC) + timedelta(**shift)).isoformat()


def test_rules_are_shown_with_their_text_and_what_they_did(ruled: Any, wide: Any) -> None:
    page = ruled.get("/v1/rules").json()
    assert [rule["id"] for rule in page["rules"]] == ["wide", "dry", "again", "never"]
    rule = page["rules"][0]
    assert (rule["on"], rule["line"], rule["paused"], rule["dry_run"]) == ("task.succeeded", 3, False, False)
    assert rule["text"]["match"]["params.ar"] == "16:9"
    assert rule["worst_case"].startswith("up to 2 follow-ups per task")
    assert rule["last_24h"]["fired"] >= 1
    assert rule["last_fired_at"] is not None
    assert page["rules"][1]["dry_run"] is True
    assert (page["file"]["name"], page["file"]["refused_at"], page["file"]["mistakes"]) == ("ringback.yaml", None, [])
    assert page["next"] is None


def test_a_secret_in_a_rule_is_never_shown(ruled: Any, wide: Any) -> None:
    shown = ruled.get("/v1/rules").text + ruled.get(f"/v1/tasks/{wide['id']}/why").text
    assert "${SECRET}" in shown
    assert SECRET not in shown


def test_what_a_rule_decided_is_listed_newest_first(ruled: Any, wide: Any) -> None:
    dry = ruled.grid(prompt="x", tags=["dry"])
    other = ruled.grid()
    page = ruled.get("/v1/rules/wide/firings", limit=1).json()
    assert [firing["task_id"] for firing in page["firings"]] == [other["id"]]
    rest = ruled.get("/v1/rules/wide/firings", cursor=page["next"]).json()
    assert [firing["task_id"] for firing in rest["firings"]][-1] == wide["id"]
    assert rest["next"] is None
    (firing,) = ruled.get("/v1/rules/dry/firings", outcome="blocked").json()["firings"]
    assert (firing["task_id"], firing["reason"], firing["actions"][0]["result"]) == (dry["id"], "dry_run", "would")
    every = ruled.get("/v1/firings", task=dry["id"]).json()["firings"]
    assert [each["rule"] for each in every] == ["dry"]


def test_a_firing_that_waits_says_until_when(ruled: Any) -> None:
    failed = ruled.open()
    ruled.call_back(failed["id"], "FAILURE", failReason="执行超时")
    (firing,) = ruled.get("/v1/firings", task=failed["id"], outcome="deferred").json()["firings"]
    assert (firing["rule"], firing["reason"], firing["root_id"]) == ("again", "backoff", failed["id"])
    assert firing["next_at"] > firing["created_at"]
    assert ruled.get("/readyz").json()["deferred_firings"] >= 1


def test_why_tells_each_clause_with_its_line_and_what_was_there(ruled: Any, square: Any) -> None:
    told = ruled.get("/v1/rules/wide/why", task=square["id"]).json()
    assert told["on"]["ok"] and told["on"]["expected"] == "task.succeeded"
    clauses = [(each["line"], each["field"], each["found"], each["ok"]) for each in told["clauses"]]
    assert clauses == [(6, "action", "IMAGINE", True), (7, "params.ar", "1:1", False), (8, "any", None, False)]
    assert [part[0]["field"] for part in told["clauses"][2]["parts"]] == ["prompt", "tags"]
    assert (told["missed"], told["guards"], told["decision"], told["firing"]) == (2, [], None, None)


def test_why_tells_the_guards_and_the_firing(ruled: Any, wide: Any) -> None:
    told = ruled.get("/v1/rules/wide/why", task=wide["id"]).json()
    assert told["missed"] == 0
    assert all(guard["ok"] for guard in told["guards"]) and told["guards"]
    assert told["firing"]["outcome"] == "fired"
    assert told["decision"]["actions"] == ["click U1", "click U2"]


def test_why_of_a_task_begins_with_the_nearest_miss(ruled: Any, square: Any) -> None:
    told = ruled.get(f"/v1/tasks/{square['id']}/why").json()["explanations"]
    assert [each["missed"] for each in told] == sorted(each["missed"] for each in told)
    assert {each["rule"] for each in told} == {"wide", "dry", "again", "never"}


def test_why_of_a_tasks_own_list(ruled: Any, square: Any) -> None:
    task = ruled.grid(prompt="x", then=["U2"])
    assert ruled.get("/v1/rules/then/why", task=task["id"]).json()["firing"]["outcome"] == "fired"
    assert ruled.get("/v1/rules/then/why", task=square["id"]).status_code == 404


def test_why_needs_a_rule_and_a_task_that_are_there(ruled: Any, wide: Any) -> None:
    assert ruled.get("/v1/rules/wode/why", task=wide["id"]).status_code == 404
    assert ruled.get("/v1/rules/wide/why", task="8999999999999999").status_code == 404
    assert ruled.get("/v1/tasks/8999999999999999/why").status_code == 404
    assert ruled.get("/v1/rules/wide/why").json()["detail"].startswith("task: it is missing")


def test_a_backtest_of_the_rules_in_force_finds_what_they_did(ruled: Any, wide: Any) -> None:
    found = ruled.post("/v1/rules/backtest", {"since": now(hours=-1), "diff": True}).json()
    rules = {each["rule"]: each for each in found["rules"]}
    assert rules["wide"]["fired"] == len(ruled.get("/v1/rules/wide/firings").json()["firings"])
    assert rules["wide"]["follow_ups"] == 2 * rules["wide"]["fired"]
    assert (found["appear"], found["disappear"]) == (0, 0)


def test_a_backtest_of_another_file_says_what_would_be_different(ruled: Any, square: Any) -> None:
    before = len(ruled.get("/v1/tasks", limit=1000).json()["tasks"])
    text = 'rules: [{id: square, on: task.succeeded, match: {action: IMAGINE, params.ar: "1:1"}, do: [click: U4]}]'
    found = ruled.post("/v1/rules/backtest", {"since": now(hours=-1), "rules": text, "diff": True}).json()
    assert {"rule": "square", "task_id": square["id"]} in found["appearing"]
    assert "wide" in {each["rule"] for each in found["disappearing"]}
    without = ruled.post("/v1/rules/backtest", {"since": now(hours=-1), "rules": text}).json()
    assert (without["appear"], without["appearing"]) == (found["appear"], [])
    assert len(ruled.get("/v1/tasks", limit=1000).json()["tasks"]) == before, "nothing is done"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "since: it is missing"),
        ({"since": "soon"}, "since: expected a day or a time"),
        ({"since": "2026-01-01", "until": "x"}, "until: expected a day or a time"),
        ({"since": "2999-01-01"}, "since: it lies ahead"),
        ({"since": "2026-01-02", "until": "2026-01-01"}, "since: it lies after until"),
        ({"since": "2026-01-01", "rules": "rules: [{id: a}]"}, "rules:1:9: 'do' is missing"),
    ],
)
def test_a_backtest_that_cannot_be_is_told_why(ruled: Any, body: dict[str, Any], says: str) -> None:
    answer = ruled.post("/v1/rules/backtest", body)
    assert (answer.status_code, says in answer.json()["detail"]) == (422, True), answer.text


def test_rules_that_are_sent_learn_nothing_of_the_environment(ruled: Any) -> None:
    rule = "rules: [{id: asked, on: task.succeeded, match: {state: '${%s}'}, do: [{tag: x}]}]"
    told = []
    for name in ("SECRET", "NOT_SET"):
        answer = ruled.post("/v1/rules/backtest", {"since": now(hours=-1), "rules": rule % name})
        assert answer.status_code == 422
        told.append(answer.json()["detail"].replace(name, "NAME"))
    assert told[0] == told[1]
    assert told[0].endswith("what is sent knows nothing of the service's environment; write the value out")


def test_a_rule_is_applied_to_the_past_after_it_has_said_to_how_much(start_ringback: Any, tmp_path: Path) -> None:
    database, config = str(tmp_path / "r.db"), tmp_path / "ringback.yaml"
    with start_ringback(RINGBACK_DATABASE=database) as ringback:
        grids = [ringback.grid() for _ in range(3)]
    config.write_text("rules: [{id: late, on: task.succeeded, match: {action: IMAGINE}, do: [click: U1]}]")
    with start_ringback(RINGBACK_DATABASE=database, RINGBACK_CONFIG=str(config)) as ringback:
        told = ringback.get("/v1/rules/late/why", task=grids[0]["id"]).json()
        assert (told["firing"], told["decision"]["outcome"]) == (None, "fired")
        dry = ringback.post("/v1/rules/late/apply", {"since": now(hours=-1)}).json()
        assert (dry["dry_run"], dry["meant"], dry["fired"]) == (True, 3, 0)
        assert dry["tasks"] == [grid["id"] for grid in grids]
        forecast = {"actions": {"click": 3}, "cost": 0.0, "unpriced": 3, "deferred": 0, "blocked": {}}
        assert dry["forecast"] == forecast
        assert ringback.get("/v1/rules/late/firings").json()["firings"] == []
        done = ringback.post("/v1/rules/late/apply", {"since": now(hours=-1), "dry_run": False}).json()
        assert (done["meant"], done["fired"], done["blocked"], done["forecast"]) == (3, 3, {}, None)
        for grid in grids:
            (child,) = ringback.get(f"/v1/tasks/{grid['id']}/chain").json()["tasks"][1:]
            assert (child["button"], child["origin"]) == ("U1", "rule:late")
        again = ringback.post("/v1/rules/late/apply", {"since": now(hours=-1), "dry_run": False}).json()
        assert (again["meant"], again["fired"]) == (0, 0)
        ahead = ringback.post("/v1/rules/late/apply", {"since": now(hours=1)})
        assert (ahead.status_code, ahead.json()["detail"]) == (422, "since: it lies ahead")
        assert ringback.post("/v1/rules/none/apply", {"since": now()}).status_code == 404
