"""`limits:`, `budget:`, `quiet_hours:` and `attempts:` as they are written, checked and frozen."""

import re
from collections.abc import Mapping
from datetime import time
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from service.rules.limits import DEFAULT_MAX_DEPTH, DEPTH_CEILING, Attempts, Budget, Limits, Policy, QuietHours
from service.written.mistakes import did_you_mean, quoted
from service.written.nodes import Node

MOST_FOLLOW_UPS: Final = 1_000_000
MOST_SPENT: Final = 1e9
MOST_ATTEMPTS: Final = 10
MOST_PAUSES: Final = 10  # as many as there can be attempts
UNITS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}  # milliseconds
LONGEST_PAUSE: Final = UNITS["d"]

ROLLING: Final = ("per_hour", "per_day", "spend_per_hour", "spend_per_day")
BOUNDS: Final = ("per_root", "spend_per_root", *ROLLING)  # of one rule
_PAUSE = re.compile(r"([0-9]{1,9})([smhd])")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_MIDNIGHT = "24:00"  # as the end of a day


def read_limits(node: Node) -> Limits:
    """The Limits that a mapping writes down; mistakes are noted on its document."""
    values = node.mapping(("max_depth", *ROLLING, "policy", "quiet_hours"))
    depth = read_max_depth(values["max_depth"]) if "max_depth" in values else DEFAULT_MAX_DEPTH
    quiet_hours = read_quiet_hours(values["quiet_hours"]) if "quiet_hours" in values else None
    bounds = _read_bounds(values, ROLLING)
    if "policy" in values and not bounds:
        values["policy"].mistake(f"there is no budget that this could be for; give one of {', '.join(ROLLING)}")
    return Limits(
        max_depth=depth,
        budget=Budget(**bounds, policy=_read_policy(values)),
        quiet_hours=quiet_hours,
    )


def read_max_depth(node: Node) -> int:
    """The number of hops; the most that there may be and a mistake when it is none."""
    return node.whole(1, DEPTH_CEILING) or DEPTH_CEILING


def read_budget(node: Node) -> Budget:
    """A rule's Budget; mistakes are noted on the node's document."""
    values = node.mapping((*BOUNDS, "policy"))
    bounds = _read_bounds(values, BOUNDS)
    if isinstance(node.value, dict) and not set(values) & set(BOUNDS):
        node.mistake(f"a budget without a bound; give one of {', '.join(BOUNDS)}")
    return Budget(**bounds, policy=_read_policy(values))


def read_quiet_hours(node: Node) -> QuietHours | None:
    """The QuietHours that a mapping writes down; None and a mistake when they are none."""
    values = node.mapping(("from", "to", "tz", "policy"), required=("from", "to", "tz"))
    start = _read_clock(values["from"]) if "from" in values else None
    end = _read_end(values["to"]) if "to" in values else None
    zone = _read_zone(values["tz"]) if "tz" in values else None
    policy = _read_policy(values)
    if start is None or end is None:
        return None
    if start == end:
        node.mistake("quiet hours that end when they begin would last the whole day; to stop a rule, pause it")
        return None
    return None if zone is None else QuietHours(start=start, end=end, zone=zone, policy=policy)


def read_attempts(node: Node) -> Attempts:
    """The Attempts that a mapping writes down; mistakes are noted on its document."""
    values = node.mapping(("max", "backoff"), required=("max",))
    most = values["max"].whole(1, MOST_ATTEMPTS) if "max" in values else None
    written = values["backoff"].one_or_many() if "backoff" in values else []
    pauses = [_read_pause(each) for each in written]
    if len(pauses) > MOST_PAUSES:
        values["backoff"].mistake(f"there may be at most {MOST_PAUSES} pauses; the last one holds for all that follow")
    return Attempts(max=most or MOST_ATTEMPTS, backoff=tuple(each for each in pauses if each is not None))


def _read_bounds(values: Mapping[str, Node], names: tuple[str, ...]) -> dict[str, Any]:
    found = {
        name: _read_amount(values[name]) if name.startswith("spend") else values[name].whole(1, MOST_FOLLOW_UPS)
        for name in names
        if name in values
    }
    return {name: bound for name, bound in found.items() if bound is not None}


def _read_amount(node: Node) -> float | None:
    value = node.value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MOST_SPENT:
        return float(value)
    node.mistake(f"expected an amount above 0, found {node.kind}")
    return None


def _read_policy(values: Mapping[str, Node]) -> Policy:
    text = values["policy"].text() if "policy" in values else None
    for policy in get_args(Policy):
        if text == policy:
            return policy  # type: ignore[no-any-return]
    if text is not None:
        values["policy"].mistake(
            f"there is no policy {quoted(text)}{did_you_mean(text, get_args(Policy))};"
            " defer waits, drop lets the firing go"
        )
    return "defer"


def _read_clock(node: Node) -> time | None:
    found = _CLOCK.fullmatch(node.raw) if isinstance(node.value, str) else None
    if found:
        return time(int(found[1]), int(found[2]))
    hint = "; midnight is 00:00" if node.raw == _MIDNIGHT else ""
    node.mistake(f"expected a time of day such as 23:00, found {node.kind}{hint}")
    return None


def _read_end(node: Node) -> time | None:
    return time() if node.value == _MIDNIGHT else _read_clock(node)


def _read_zone(node: Node) -> ZoneInfo | None:
    name = node.text()
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: it is a folder of zones
        zones = available_timezones()
    hint = did_you_mean(name, zones) or "; zones are named like Asia/Shanghai"
    node.mistake(f"there is no time zone {quoted(name)}{hint}")
    return None


def _read_pause(node: Node) -> int | None:
    found = _PAUSE.fullmatch(node.raw) if isinstance(node.value, str) else None
    pause = int(found[1]) * UNITS[found[2]] if found else None
    if pause is not None and 0 < pause <= LONGEST_PAUSE:
        return pause
    node.mistake(f"expected a pause from 1s to 1d, such as 30s, 5m or 2h, found {node.kind}")
    return None
