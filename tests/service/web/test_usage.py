"""`GET /v1/usage` over real HTTP."""

from typing import Any

import pytest

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def priced(start_ringback: Any, tmp_path_factory: Any) -> Any:
    """A service that has bought two grids and an upscale, of which the prices are known, and one that was refused."""
    with start_ringback() as ringback:
        grid = ringback.grid(tags=["shop", "red"])
        ringback.post(f"/v1/tasks/{grid['id']}/click", {"button": "U1"})
        ringback.succeed(ringback.open(tags=["shop"])["id"])
        yield ringback


def usage(ringback: Any, **query: str) -> Any:
    return ringback.get("/v1/usage", **query)


def test_what_was_bought_is_counted_by_group(priced: Any) -> None:
    child = priced.get("/v1/tasks", action="UPSCALE").json()["tasks"][0]
    priced.succeed(child["id"])
    by_tag = {each["key"]: each["tasks"] for each in usage(priced, by="tag").json()["usage"]}
    assert by_tag == {"shop": 3, "red": 2}
    assert {each["key"]: each["tasks"] for each in usage(priced, by="action").json()["usage"]} == {
        "IMAGINE": 2,
        "UPSCALE": 1,
    }
    (day,) = usage(priced).json()["usage"]
    assert (day["tasks"], day["cost"], day["unpriced"]) == (3, 0.0, 3)
    assert usage(priced, by="gateway").json()["usage"][0]["key"] == "midjourney-proxy"
    assert usage(priced, by="rule").json()["usage"][0]["key"] is None


@pytest.mark.parametrize("since", ["2099-01-01", "2099-01-01T08:00:00Z", "2099-01-01T08:00:00+08:00"])
def test_only_what_was_sent_since_is_counted(priced: Any, since: str) -> None:
    assert usage(priced, since=since).json() == {"usage": [], "next": None}
    assert len(usage(priced, since="2020-01-01").json()["usage"]) == 1


def test_a_question_that_makes_no_sense_is_422(priced: Any) -> None:
    answer = usage(priced, by="moon", since="yesterday")
    assert answer.status_code == 422
    assert [each.partition(":")[0] for each in answer.json()["errors"]] == ["by", "since"]


def test_what_a_task_costs_is_shown_and_summed(start_ringback: Any, simulate: Any, tmp_path: Any) -> None:
    config = tmp_path / "ringback.yaml"
    config.write_text(
        f"gateways:\n  - {{name: shop, preset: midjourney-proxy, url: '{simulate('trueai')}',"
        " key: gateway-key-0123456789, mode_style: path,\n"
        "     prices: {IMAGINE: 0.25, IMAGINE fast: 0.4, UPSCALE: 0.1}}\n"
    )
    with start_ringback(RINGBACK_CONFIG=str(config)) as ringback:
        plain = ringback.open(gateway="shop")
        fast = ringback.open(gateway="shop", options={"mode": "fast"}, then=["U1"])
        assert plain["cost"] is None
        for task in (plain, fast):
            ringback.get(f"/v1/tasks/{task['id']}", wait="10", **{"for": "chain"})
        assert ringback.task(plain["id"])["cost"] == 0.25
        assert [task["cost"] for task in ringback.get(f"/v1/tasks/{fast['id']}/chain").json()["tasks"]] == [0.4, 0.1]
        (day,) = usage(ringback).json()["usage"]
        assert (day["tasks"], day["cost"], day["unpriced"]) == (3, 0.75, 0)
