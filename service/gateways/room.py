"""How much a gateway takes at once: less when it says that it is full, more as it accepts. Pure."""

from hooks.backoff import capacity_pause


class Room:
    """One gateway's room. Times are milliseconds by the store's clock, `seq` that of the newest event.

    An answer that it is full lets the gateway rest: 1 s, doubling to 30 s, or until a task ends there. Then one POST
    may be out, and one more for each that it accepts, up to `most`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = most
        self._refusals = 0  # in a row, since it last accepted something
        self._refused_at = -1  # what was sent before that is refused together with its cause
        self.rests_until = 0
        self.ends_after = 0  # a task that ends there after this event lifts the rest

    def rests(self, now: int) -> bool:
        """Whether it is to be left alone."""
        return now < self.rests_until

    def free(self, out: int) -> int:
        """How many more POSTs may go out beside those that are."""
        return max(0, self._allowed - out)

    def accept(self, now: int) -> None:
        """It has accepted something: its refusals are counted anew, and more may be asked of it."""
        self._refusals = 0
        self._allowed = min(self._most, self._allowed + 1)
        # What was refused beside it still waits for a task to end there, but not for long.
        self.rests_until = min(self.rests_until, now + capacity_pause(1) * 1000)

    def refuse(self, *, now: int, sent_at: int, seq: int) -> float:
        """It is full. `sent_at` and `seq` are of the POST's beginning; give the seconds to wait."""
        if not self.rests(now):
            if sent_at <= self._refused_at:  # out together with one that was refused before: the same refusal
                self.ends_after = max(seq, self.ends_after)
            else:
                self._refusals, self._refused_at, self.ends_after = self._refusals + 1, now, seq
            self._allowed = 1
            self.rests_until = now + capacity_pause(self._refusals) * 1000
        return (self.rests_until - now) / 1000

    def lift(self, seq: int) -> None:
        """A task has ended there: it rests no more. Endings up to `seq` are used up by that."""
        self.rests_until = 0
        self.ends_after = seq
