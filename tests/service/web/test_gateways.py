"""`GET /v1/gateways`, and what hooks spare a gateway."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.journey

CONFIG = """
gateways:
  - name: spare
    preset: deerapi
    key: another-gateway-key
    mode: relax
    limits: {in_flight: 3, per_minute: 10}
    prices: {IMAGINE: 0.3, IMAGINE fast: 0.5}
groups:
  any: [midjourney-proxy, spare]
"""
TASKS = 200


def test_every_gateway_is_shown_with_its_terms_and_never_with_its_key(
    start_ringback: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "ringback.yaml").write_text(CONFIG)
    with start_ringback(RINGBACK_CONFIG=str(tmp_path / "ringback.yaml")) as ringback:
        ringback.gateway.wait_for(ringback.open()["id"])
        answer = ringback.get("/v1/gateways")
        first, spare = answer.json()["gateways"]
        assert answer.json()["next"] is None
        assert (first["name"], first["host"]) == ("midjourney-proxy", ringback.gateway.url.removeprefix("http://"))
        assert (first["in_flight"], first["waiting"], first["resting_until"]) == (1, 0, None)
        assert first["limits"] == {"in_flight": None, "per_minute": None}
        assert first["groups"] == spare["groups"] == ["any"]
        assert (spare["host"], spare["mode"], spare["in_flight"]) == ("api.deerapi.com", "relax", 0)
        assert spare["limits"] == {"in_flight": 3, "per_minute": 10}
        assert spare["prices"] == {"IMAGINE": 0.3, "IMAGINE fast": 0.5}
        assert spare["hooks"] == {
            "state": "unknown",
            "by_callback": 0,
            "by_fetch": 0,
            "last_callback_at": None,
            "declared": None,
        }
        assert spare["polls"] == {"made": 0, "avoided": 0}
        assert "key" not in json.dumps(answer.json()).lower()


def test_hooks_that_arrive_are_seen_and_200_finished_tasks_cost_at_most_5_questions(
    start_ringback: Callable[..., Any],
) -> None:
    with start_ringback(RINGBACK_SILENT_AFTER="2") as ringback:
        for _ in range(TASKS):
            ringback.grid()
        (gateway,) = ringback.get("/v1/gateways").json()["gateways"]
        assert gateway["hooks"]["state"] == "arriving"
        assert (gateway["hooks"]["by_callback"], gateway["hooks"]["by_fetch"]) == (50, 0)
        assert gateway["hooks"]["last_callback_at"] is not None
        assert gateway["polls"]["made"] <= 5
        assert gateway["polls"]["avoided"] >= TASKS - 5


def test_stripped_hooks_are_seen_and_told_from_late_ones(start_ringback: Callable[..., Any]) -> None:
    with start_ringback(RINGBACK_SILENT_AFTER="0.05") as ringback:
        tasks = [ringback.open() for _ in range(4)]
        for task in tasks:
            ringback.gateway.wait_for(task["id"])
        ringback.gateway.rows = [{"id": ringback.gateway.ids[task["id"]], "status": "SUCCESS"} for task in tasks]
        for task in tasks:
            assert ringback.get(f"/v1/tasks/{task['id']}", wait=10).json()["status"] == "SUCCESS"
        (gateway,) = ringback.get("/v1/gateways").json()["gateways"]
        assert gateway["hooks"] | {"declared": None} == {
            "state": "missing",
            "by_callback": 0,
            "by_fetch": 4,
            "last_callback_at": None,
            "declared": None,
        }
        assert gateway["polls"]["made"] > 0
        assert ringback.call_back(tasks[0]["id"], "SUCCESS").status_code == 200
        (gateway,) = ringback.get("/v1/gateways").json()["gateways"]
        assert gateway["hooks"]["state"] == "patchy"


def test_without_a_public_url_hooks_are_off(start_ringback: Callable[..., Any]) -> None:
    with start_ringback(RINGBACK_PUBLIC_URL="") as ringback:
        assert ringback.get("/v1/gateways").json()["gateways"][0]["hooks"]["state"] == "off"
