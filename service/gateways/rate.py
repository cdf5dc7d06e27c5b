"""How many POSTs a gateway is sent in a minute. Pure."""

from collections import deque
from collections.abc import Iterable
from typing import Final

MINUTE: Final = 60_000  # milliseconds


class Rate:
    """The POSTs of the last minute to one gateway: every attempt counts. Times are milliseconds by the store's clock.

    The ledger keeps the last POST of each submission alone, which is enough to begin with.
    """

    def __init__(self, per_minute: int, sent: Iterable[int]) -> None:
        self._per_minute = per_minute
        self._sent = deque(sent)  # oldest first

    def note(self, sent_at: int) -> None:
        """A POST begins."""
        self._sent.append(sent_at)

    def free(self, now: int) -> int:
        """How many more may go out."""
        while self._sent and self._sent[0] <= now - MINUTE:
            self._sent.popleft()
        while self._sent and self._sent[-1] > now:  # from before the clock stepped back
            self._sent.pop()
        return max(0, self._per_minute - len(self._sent))

    def pause(self, now: int) -> float:
        """The seconds until one more may go out, when none may."""
        return (self._sent[-self._per_minute] + MINUTE - now) / 1000
