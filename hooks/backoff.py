"""How long to wait before trying again: pure schedules, in seconds.

Answers about capacity and refused connections repeat until somebody else gives up; the "not yet" answers that
follow a SUCCESS are worth about two minutes, the time a relaying gateway needs to notice that success itself.
"""

from typing import Final

# Waits after the first, second, … "not yet". new-api notices within 15 s, one hop more within 30: close steps until
# then, so that a follow-up comes soon after; 120 s in all.
NOT_YET: Final = (2, 3, 5, 5, 5, 5, 5, 10, 10, 10, 15, 15, 30)
CAPACITY_CEILING: Final = 30
UNSENT_CEILING: Final = 60


def capacity_pause(consecutive: int) -> int:
    """Seconds to leave a gateway alone after its `consecutive`-th answer in a row (from 1) that it is full."""
    return _doubling(consecutive, CAPACITY_CEILING)


def unsent_pause(attempt: int) -> int:
    """Seconds to wait after the `attempt`-th try (from 1) that proved not to have left this machine."""
    return _doubling(attempt, UNSENT_CEILING)


def _doubling(count: int, ceiling: int) -> int:
    # Beyond the ceiling's own bits the power needs no computing, however long an outage lasts.
    return min(ceiling, 1 << min(max(count, 1) - 1, ceiling.bit_length()))
