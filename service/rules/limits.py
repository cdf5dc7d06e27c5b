"""`limits:`, `budget:`, `quiet_hours:` and `attempts:` — what rules may not exceed, as written."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

DEFAULT_MAX_DEPTH = 4
DEPTH_CEILING = 8  # nobody may ask for more hops than this
FUSE = 20  # firings of one rule that open tasks under one root; the next one pauses the rule
Policy = Literal["defer", "drop"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """How many follow-ups, and for how much; windows roll. None is no bound."""

    per_root: int | None = None  # a rule's only; never defers
    per_hour: int | None = None
    per_day: int | None = None  # 24 hours
    spend_per_root: float | None = None  # a rule's only; never defers
    spend_per_hour: float | None = None  # in the gateways' currency
    spend_per_day: float | None = None
    policy: Policy = "defer"  # what becomes of a firing that has to wait


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietHours:
    """A part of each day in which nothing is bought; it may cross midnight."""

    start: time
    end: time  # the first minute that is not quiet any more
    zone: ZoneInfo
    policy: Policy = "defer"

    def ends_at(self, now: int) -> int | None:
        """When the quiet hours end that hold at this instant (both ms since the epoch); None when it is not quiet."""
        local = self._local(now)
        if not self._is_quiet(local):
            return None
        while True:
            left = _until(local, self.end)
            later = now + left // _MILLISECOND
            if self._local(later).utcoffset() == local.utcoffset():
                return later
            # The clocks change before that. What they skip may hold the end; what they repeat is as quiet as before.
            now = self._next_change(now, later)
            local = self._local(now)
            if not self._is_quiet(local):
                return now

    def _local(self, instant: int) -> datetime:
        return (_EPOCH + instant * _MILLISECOND).astimezone(self.zone)

    def _is_quiet(self, local: datetime) -> bool:
        clock = local.time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def _next_change(self, before: int, after: int) -> int:
        """The first instant at which the clocks show another offset than before."""
        offset = self._local(before).utcoffset()
        while after - before > 1:
            middle = (before + after) // 2
            if self._local(middle).utcoffset() == offset:
                before = middle
            else:
                after = middle
        return after


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempts:
    """How often `resubmit` may ask once more, and after which pauses."""

    max: int  # resubmissions: 2 means three submissions in all
    backoff: tuple[int, ...] = ()  # milliseconds before the first, second … one; the last holds for all that follow


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of the whole service, over every rule and `then`."""

    max_depth: int = DEFAULT_MAX_DEPTH  # hops from a task that a person submitted
    budget: Budget = Budget()
    quiet_hours: QuietHours | None = None


def _until(local: datetime, clock: time) -> timedelta:
    """How long it takes until a clock that nobody changes shows that time; a whole day when it shows it now."""
    since = timedelta(
        hours=clock.hour - local.hour,
        minutes=clock.minute - local.minute,
        seconds=-local.second,
        microseconds=-local.microsecond,
    )
    return since if since > timedelta() else since + _DAY
