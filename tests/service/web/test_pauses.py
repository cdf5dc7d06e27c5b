"""What a person stops, and lets go on."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.rules.rulebook import Rulebook

RULES = """
rules:
  - id: first
    on: task.succeeded
    match: {action: IMAGINE}
    do: [click: U1]
"""


@pytest.fixture(scope="module")
def ruled(start_ringback: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A service with a rule that clicks U1 of every grid."""
    config = tmp_path_factory.mktemp("rules") / "ringback.yaml"
    config.write_text(RULES)
    with start_ringback(RINGBACK_CONFIG=str(config)) as running:
        yield running


def test_a_pause_stops_every_submission_and_what_came_meanwhile_goes_out_afterwards(ruled: Any) -> None:
    paused = ruled.post("/v1/pause", {"origin": "cli", "detail": "too dear 太贵"}).json()
    assert (paused["scope"], paused["paused"], paused["origin"], paused["detail"]) == (
        "*",
        True,
        "cli",
        "too dear 太贵",
    )
    assert ruled.get("/readyz").json()["paused"] is True
    assert ruled.get("/v1/rules").json()["paused"] is True
    assert paused.pop("changed") is True
    assert ruled.get("/v1/pauses").json() == {"pauses": [paused], "next": None}
    task = ruled.open()
    ruled.post(f"/v1/tasks/{task['id']}/tags", {"add": ["a"]})  # the writer and the bell are awake all the while
    assert task["id"] not in ruled.gateway.submitted
    resumed = ruled.post("/v1/resume").json()
    assert resumed == {
        **{"scope": "*", "paused": False, "changed": True},
        **{"since": None, "origin": None, "detail": None},
    }
    ruled.gateway.wait_for(task["id"])
    assert ruled.get("/readyz").json()["paused"] is False
    assert ruled.get("/v1/pauses").json()["pauses"] == []


def test_a_second_pause_keeps_the_first_ones_words(ruled: Any) -> None:
    first = ruled.post("/v1/pause", {"detail": "one"}).json()
    assert ruled.post("/v1/pause", {"detail": "two"}).json() == first | {"changed": False}
    ruled.post("/v1/resume")
    again = ruled.post("/v1/resume").json()
    assert (again["paused"], again["changed"]) == (False, False)


def test_a_paused_rule_leaves_blocked_firings_and_a_resumed_one_fires(ruled: Any) -> None:
    assert ruled.post("/v1/rules/first/pause", {}).json()["paused"] is True
    (rule,) = ruled.get("/v1/rules").json()["rules"]
    assert rule["paused"] is True
    grid = ruled.grid()
    (firing,) = ruled.get(f"/v1/tasks/{grid['id']}/firings").json()["firings"]
    assert (firing["outcome"], firing["reason"]) == ("blocked", "paused")
    events = ruled.get("/v1/events", type="rule.paused").json()["events"]
    assert [(event["task"], event["data"]["rule"]) for event in events] == [(None, "first")]
    ruled.post("/v1/rules/first/resume")
    grid = ruled.grid()
    (firing,) = ruled.get(f"/v1/tasks/{grid['id']}/firings").json()["firings"]
    assert firing["outcome"] == "fired"


@pytest.fixture
def held(ruled: Any) -> Iterator[Any]:
    """Nothing is sent for as long as the test takes; afterwards, no rule is paused."""
    ruled.post("/v1/pause")
    yield ruled
    for scope in ("rules/first/", "rules/then/", ""):
        ruled.post(f"/v1/{scope}resume")


def test_a_pause_tells_what_of_the_rule_waits_and_takes_it_back_when_asked_to(held: Any) -> None:
    ruled = held
    ruled.post("/v1/resume")
    grid = ruled.open()
    ruled.gateway.wait_for(grid["id"])
    ruled.post("/v1/pause")
    ruled.succeed(grid["id"])
    paused = ruled.post("/v1/rules/first/pause", {"detail": "太贵"}).json()
    assert (paused["changed"], paused["waiting"]) == (True, {"tasks": 1, "firings": 0})
    assert paused["dropped"] == {"tasks": 0, "firings": 0}
    (rule,) = ruled.get("/v1/rules").json()["rules"]
    assert (rule["pause"]["origin"], rule["pause"]["detail"]) == ("api", "太贵")
    assert rule["outstanding"] == {"tasks": 1, "firings": 0}
    dropped = ruled.post("/v1/rules/first/pause", {"drop": True}).json()
    assert (dropped["changed"], dropped["detail"], dropped["dropped"]["tasks"]) == (False, "太贵", 1)
    assert dropped["waiting"] == {"tasks": 0, "firings": 0}
    child = ruled.get(f"/v1/tasks/{grid['id']}/chain").json()["tasks"][1]
    assert (child["status"], child["submission"]) == ("CANCEL", "rejected")


def test_what_waits_of_a_rule_that_is_gone_is_listed_and_can_be_taken_back(held: Any) -> None:
    ruled, ruling = held, held.service._ruling
    rules = ruling.rulebook
    ruled.post("/v1/resume")
    grid = ruled.open()
    ruled.gateway.wait_for(grid["id"])
    ruled.post("/v1/pause")
    ruled.succeed(grid["id"])
    ruling.enact(Rulebook())
    try:
        page = ruled.get("/v1/rules").json()
        (gone,) = (each for each in page["others"] if each["id"] == "first")
        assert (page["rules"], gone["outstanding"]) == ([], {"tasks": 1, "firings": 0})
        assert ruled.post("/v1/rules/first/pause", {"drop": True}).json()["dropped"] == {"tasks": 1, "firings": 0}
    finally:
        ruling.enact(rules)


def test_tasks_own_lists_are_paused_as_a_rule_is(held: Any) -> None:
    ruled = held
    ruled.post("/v1/resume")
    assert ruled.post("/v1/rules/then/pause").json()["scope"] == "then"
    grid = ruled.grid(then=["U2"])
    firings = {each["rule"]: each for each in ruled.get("/v1/firings", task=grid["id"]).json()["firings"]}
    assert (firings["then"]["reason"], firings["first"]["outcome"]) == ("paused", "fired")
    (then,) = (each for each in ruled.get("/v1/rules").json()["others"] if each["id"] == "then")
    assert (then["paused"], then["last_24h"]["blocked"]) == (True, {"paused": 1})
    assert ruled.post("/v1/rules/then/resume").json()["changed"] is True


def test_a_rule_that_is_none_is_404_with_the_nearest_one(ruled: Any) -> None:
    for verb in ("pause", "resume", "firings"):
        answer = ruled.http.request("GET" if verb == "firings" else "POST", f"/v1/rules/frist/{verb}")
        assert answer.status_code == 404
        assert answer.json()["detail"] == "There is no rule 'frist' (did you mean 'first'?)."
    assert ruled.post("/v1/rules/x/pause").json()["detail"] == "There is no rule 'x'; there is first."


@pytest.mark.parametrize("body", [{"origin": "fuse"}, {"why": "x"}, {"detail": "x" * 501}])
def test_a_wrong_body_pauses_nothing(ruled: Any, body: dict[str, Any]) -> None:
    assert ruled.post("/v1/pause", body).status_code == 422
    assert ruled.get("/readyz").json()["paused"] is False
