"""Whether a gateway's hooks arrive, and how soon and how often it is asked because of that. Pure."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from storage.arrivals import Arrival

HookState = Literal["arriving", "patchy", "missing", "unknown", "off"]

WINDOW: Final = 50  # endings that are looked at, the latest ones
HORIZON: Final = 6 * 3600  # seconds that they may lie back
ENOUGH: Final = 3  # endings that allow a judgement
NEWEST: Final = 5  # endings in a row without a single callback: none come any more
NEARLY_ALL: Final = 0.9  # of the endings

HOOKLESS_AFTER: Final = 5.0  # seconds without news before asking, at most, where no hook arrives
TRUST: Final = 4  # times as long is waited where hooks arrive: what goes silent is queueing, as a rule
STEPS: Final = 4  # looks at the ledger within one `silent_after`
SHORTEST_INTERVAL: Final = 0.05  # seconds
LONGEST_INTERVAL: Final = 10.0  # seconds


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a gateway's hooks are, by the latest endings of its tasks."""

    state: HookState
    by_callback: int = 0  # endings that a callback told of
    by_fetch: int = 0  # endings that became known because the gateway was asked
    declared: bool | None = None  # what new-api says of itself: whether it passes hooks on; None where it does not say


class Pace(NamedTuple):
    """How a gateway is asked."""

    silent_after: float  # seconds without news before a task is asked about
    interval: float  # seconds between two batches, whatever the number of tasks


def judge(arrivals: Sequence[Arrival], *, declared: bool | None, reachable: bool) -> Health:
    """Give the health of hooks from the latest endings, newest first; `reachable` is whether there is a public URL."""
    by_callback = sum(each.by_callback for each in arrivals)
    return Health(
        state=_name_state(arrivals, by_callback, declared) if reachable else "off",
        by_callback=by_callback,
        by_fetch=len(arrivals) - by_callback,
        declared=declared,
    )


def _name_state(arrivals: Sequence[Arrival], by_callback: int, declared: bool | None) -> HookState:
    if len(arrivals) < ENOUGH:
        heard = any(each.heard for each in arrivals)
        return "missing" if declared is False and not heard else "unknown"
    if not any(each.heard for each in arrivals[:NEWEST]):
        return "missing"
    return "arriving" if by_callback >= NEARLY_ALL * len(arrivals) else "patchy"


def choose_pace(state: HookState, silent_after: float) -> Pace:
    """Give the pace for a state, where `silent_after` seconds are the setting."""
    if state in ("missing", "off"):
        after = min(silent_after, HOOKLESS_AFTER)
        return Pace(after, after)
    interval = min(max(silent_after / STEPS, SHORTEST_INTERVAL), LONGEST_INTERVAL)
    return Pace(silent_after * TRUST if state == "arriving" else silent_after, interval)
