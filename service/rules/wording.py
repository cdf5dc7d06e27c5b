"""Numbers and times as the rules tell them to a person."""

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))  # milliseconds


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 hop", "2 hops"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def tell_instant(instant: int, now: int) -> str:
    """An instant to come (ms since the epoch): "14:03:20 UTC", with its date where that is not today's."""
    then, today = datetime.fromtimestamp(_round_up(instant), UTC), datetime.fromtimestamp(now / 1000, UTC)
    return f"{then:%H:%M:%S} UTC" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M:%S} UTC"


def tell_pause(milliseconds: int) -> str:
    """A pause as one would write it in a rule: "30s", "5m"."""
    length, unit = next(((each, name) for each, name in _UNITS if milliseconds % each == 0), (1, "ms"))
    return f"{milliseconds // length}{unit}"


def tell_amount(amount: float) -> str:
    """An amount of money without the noise of its arithmetic: "20", "0.3"."""
    return f"{round(amount, 6):.15g}"


def _round_up(instant: int) -> int:
    # Nothing is promised for earlier than it comes true.
    return -(-instant // 1000)
