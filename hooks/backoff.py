"""How long to wait before trying again: pure schedules, in seconds.

Answers about capacity and refused connections repeat until somebody else gives up; the "not yet" answers that
follow a SUCCESS are worth about two minutes, the time a relaying gateway needs to notice that success itself.
"""

from collections.abc import Sequence
from typing import Final

# Waits after the first, second, … "not yet". new-api notices within 15 s, one hop more within 30: close steps until
# then, so that a follow-up comes soon after; 120 s in all.
NOT_YET: Final = (2, 3, 5, 5, 5, 5, 5, 10, 10, 10, 15, 15, 30)
CAPACITY_CEILING: Final = 30
UNSENT_CEILING: Final = 60
# Waits after the first, second … attempt of what costs nothing: ten to tell somebody within five hours, in which most
# outages end; eight to keep a picture within an hour, before a link that expires is dead.
NOTICE_PAUSES: Final = (10, 30, 60, 300, 600, 1800, 3600, 3600, 7200)
DOWNLOAD_PAUSES: Final = (10, 30, 60, 300, 600, 900, 1500)
# Waits after each attempt of a delivery but the last: ten attempts within three days and a half, so that a subscriber
# may be down over a weekend (the schedule of Standard Webhooks).
DELIVERY_PAUSES: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER: Final = 0.2  # by which part of it a pause may be shorter or longer, so that not all come back at once
# Waits of a subscriber's lane after its first, second … answer in a row that it is too busy.
SLOW_DOWN_RESTS: Final = (5, 10, 20, 40, 80, 160, 300)
# The same after an attempt that was not answered: the first may be chance; a dead one is then tried once a second.
SILENCE_RESTS: Final = (0, 1)


def capacity_pause(consecutive: int) -> int:
    """Seconds to leave a gateway alone after its `consecutive`-th answer in a row (from 1) that it is full."""
    return _doubling(consecutive, CAPACITY_CEILING)


def unsent_pause(attempt: int) -> int:
    """Seconds to wait after the `attempt`-th try (from 1) that proved not to have left this machine."""
    return _doubling(attempt, UNSENT_CEILING)


def pause_after(attempt: int, pauses: Sequence[float]) -> float | None:
    """Seconds to wait after the `attempt`-th try (from 1); None when that was the last one."""
    return pauses[attempt - 1] if attempt <= len(pauses) else None


def spread(seconds: float, chance: float) -> float:
    """A pause, shorter or longer by up to JITTER; `chance` is from 0 to 1."""
    return seconds * (1 + JITTER * (2 * chance - 1))


def _doubling(count: int, ceiling: int) -> int:
    # Beyond the ceiling's own bits the power needs no computing, however long an outage lasts.
    return min(ceiling, 1 << min(max(count, 1) - 1, ceiling.bit_length()))
