"""What a person stops, and lets go on."""

from collections.abc import Iterator
from typing import Any

import pytest

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
    assert ruled.get("/v1/pauses").json() == {"pauses": [paused], "next": None}
    task = ruled.open()
    ruled.post(f"/v1/tasks/{task['id']}/tags", {"add": ["a"]})  # the writer and the bell are awake all the while
    assert task["id"] not in ruled.gateway.submitted
    resumed = ruled.post("/v1/resume").json()
    assert resumed == {"scope": "*", "paused": False, "since": None, "origin": None, "detail": None}
    ruled.gateway.wait_for(task["id"])
    assert ruled.get("/readyz").json()["paused"] is False
    assert ruled.get("/v1/pauses").json()["pauses"] == []


def test_a_second_pause_keeps_the_first_ones_words(ruled: Any) -> None:
    first = ruled.post("/v1/pause", {"detail": "one"}).json()
    assert ruled.post("/v1/pause", {"detail": "two"}).json() == first
    ruled.post("/v1/resume")
    assert ruled.post("/v1/resume").json()["paused"] is False


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


def test_a_rule_that_is_none_is_404_with_the_nearest_one(ruled: Any) -> None:
    for verb in ("pause", "resume", "firings"):
        answer = ruled.http.request("GET" if verb == "firings" else "POST", f"/v1/rules/frist/{verb}")
        assert answer.status_code == 404
        assert "did you mean 'first'?" in answer.json()["detail"]


@pytest.mark.parametrize("body", [{"origin": "fuse"}, {"why": "x"}, {"detail": "x" * 501}])
def test_a_wrong_body_pauses_nothing(ruled: Any, body: dict[str, Any]) -> None:
    assert ruled.post("/v1/pause", body).status_code == 422
    assert ruled.get("/readyz").json()["paused"] is False
