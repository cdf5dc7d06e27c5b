"""How much a gateway takes at once: less when it says that it is full, more as it accepts. Pure."""

from collections.abc import Container
from typing import Final

from hooks.backoff import CAPACITY_CEILING, capacity_pause

HANGS_AFTER: Final = 1  # seconds; most callbacks that overtake an answer do so by less


class Room:
    """One gateway's room. Times are milliseconds by the store's clock, `seq` that of the newest event.

    An answer that it is full lets the gateway rest: 1 s, doubling to 30 s, or until a task ends there. Then one POST
    may be out, and one more for each that it accepts, up to `most`. One that was out before the refusal and has had
    no answer all through the rest does not count against that, nor one without an answer for 30 s: it may hang.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = most
        self._out: dict[int, int] = {}  # submissions whose POST has no answer yet, and when it began
        self._refusals = 0  # in a row, since it last accepted something
        self._refused_at = -1  # what was sent before that is refused together with its cause,
        self._awaited_until = 0  # or answers by then, or hangs
        self.rests_until = 0
        self.ends_after = 0  # a task that ends there after this event lifts the rest

    def rests(self, now: int) -> bool:
        """Whether it is to be left alone."""
        # A rest that seems longer than any began before the clock stepped back.
        return 0 < self.rests_until - now <= CAPACITY_CEILING * 1000

    def enter(self, submission_id: int, sent_at: int) -> None:
        """A POST begins."""
        self._out[submission_id] = sent_at

    def leave(self, submission_id: int) -> None:
        """A POST needs its place no more."""
        self._out.pop(submission_id, None)

    def keep_only(self, submission_ids: Container[int], now: int) -> None:
        """Free the places of others that hang: what became of them is known without their answers."""
        self._out = {
            each: sent_at
            for each, sent_at in self._out.items()
            if each in submission_ids or now - sent_at < HANGS_AFTER * 1000
        }

    def free(self, now: int) -> int:
        """How many more POSTs may go out beside those that are."""
        counted = sum(now < self._counts_until(sent_at) for sent_at in self._out.values())
        return max(0, min(self._most - len(self._out), self._allowed - counted))

    def accept(self, now: int) -> None:
        """It has accepted something: its refusals are counted anew, and more may be asked of it."""
        self._refusals = 0
        self._allowed = min(self._most, self._allowed + 1)
        # What was refused beside it still waits for a task to end there, but not for long.
        self.rests_until = min(self.rests_until, now + capacity_pause(1) * 1000)

    def refuse(self, *, now: int, sent_at: int, seq: int) -> None:
        """It is full. `sent_at` and `seq` are of the POST's beginning."""
        if not self.rests(now):
            if sent_at <= self._refused_at:  # out together with one that was refused before: the same refusal
                self.ends_after = max(seq, self.ends_after)
            else:
                self._refusals, self._refused_at, self.ends_after = self._refusals + 1, now, seq
            self._allowed = 1
            self.rests_until = self._awaited_until = now + capacity_pause(self._refusals) * 1000

    def lift(self, seq: int) -> None:
        """A task has ended there: it rests no more. Endings up to `seq` are used up by that."""
        self.rests_until = 0
        self.ends_after = seq

    def _counts_until(self, sent_at: int) -> int:
        """Until when a POST without an answer counts against what is allowed."""
        until = sent_at + CAPACITY_CEILING * 1000
        return min(until, self._awaited_until) if sent_at <= self._refused_at else until
