"""What the latest endings say of a gateway's hooks, and the pace that follows from it."""

from typing import Any

import pytest

from service.gateways.health import HOOKLESS_AFTER, LONGEST_INTERVAL, TRUST, HookState, choose_pace, judge
from storage.arrivals import Arrival

TOLD = Arrival(task_id="8", by_callback=True, heard=True)
ASKED = Arrival(task_id="8", by_callback=False, heard=False)
LATE = Arrival(task_id="8", by_callback=False, heard=True)  # callbacks came, and not the last one


@pytest.mark.parametrize(
    ("arrivals", "declared", "state"),
    [
        ([], None, "unknown"),
        ([], True, "unknown"),
        ([], False, "missing"),
        ([TOLD], False, "unknown"),  # it says no, and yet one came
        ([ASKED] * 2, None, "unknown"),
        ([ASKED] * 3, None, "missing"),
        ([ASKED] * 3, True, "missing"),
        ([TOLD] * 3, None, "arriving"),
        ([TOLD] * 3, False, "arriving"),
        ([LATE] * 3, None, "patchy"),
        ([ASKED, TOLD, TOLD, TOLD], None, "patchy"),
        ([*[TOLD] * 45, *[ASKED] * 5], None, "arriving"),
        ([*[TOLD] * 44, *[ASKED] * 6], None, "patchy"),
        ([*[ASKED] * 4, *[TOLD] * 46], None, "arriving"),
        ([*[ASKED] * 5, *[TOLD] * 45], None, "missing"),  # the newest count: they have stopped
        ([TOLD, *[ASKED] * 49], None, "patchy"),  # they have begun again
    ],
)
def test_the_latest_endings_tell_how_hooks_do(arrivals: list[Arrival], declared: bool | None, state: HookState) -> None:
    health = judge(arrivals, declared=declared, reachable=True)
    assert health.state == state
    assert health.by_callback == sum(each.by_callback for each in arrivals)
    assert health.by_callback + health.by_fetch == len(arrivals)


@pytest.mark.parametrize("declared", [None, True, False])
def test_without_a_public_url_there_are_no_hooks(declared: Any) -> None:
    assert judge([TOLD] * 5, declared=declared, reachable=False).state == "off"


@pytest.mark.parametrize(
    ("state", "silent_after", "after", "interval"),
    [
        ("unknown", 30, 30, 7.5),
        ("patchy", 30, 30, 7.5),
        ("arriving", 30, 30 * TRUST, 7.5),
        ("missing", 30, HOOKLESS_AFTER, HOOKLESS_AFTER),
        ("off", 30, HOOKLESS_AFTER, HOOKLESS_AFTER),
        ("off", 0.5, 0.5, 0.5),
        ("patchy", 600, 600, LONGEST_INTERVAL),
        ("unknown", 0.001, 0.001, 0.05),
    ],
)
def test_the_pace_follows_from_it(state: HookState, silent_after: float, after: float, interval: float) -> None:
    assert choose_pace(state, silent_after) == (after, interval)
