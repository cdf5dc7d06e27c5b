"""Makes deliveries ready to be posted: opens their subscription, writes and signs the letter.

What was opened or written a moment ago is kept: an event goes to many subscriptions, a subscription hears many events.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from hooks.blanker import Blanker
from hooks.envelope import Letter, write_letter
from hooks.messages import list_pieces, list_words
from hooks.recipient import Recipient
from hooks.sender import LONGEST_KEPT
from hooks.signature import PREFIX, sign
from storage.outbox import Parcel

LETTERS: Final = 256  # kept, of 20 KB at most
OPENED: Final = 1024  # subscriptions kept open
LONGEST_SPELLING: Final = 6  # characters that one may become in JSON: \u0041

T = TypeVar("T")


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as it is called, and what must not be read in its answers."""

    recipient: Recipient
    secrets: tuple[str, ...]  # newest first
    blanker: Blanker
    longest: int  # characters of the longest thing that the blanker hides

    def __repr__(self) -> str:
        return "Opened(…)"

    def blank(self, text: str) -> str:
        """Somebody else's words, without its secrets, what its headers say, and what is secret in its URL."""
        return self.blanker.hide(text)

    def read(self, answer: bytes) -> str:
        """What is kept of an answer, of which there are LONGEST_KEPT bytes at most."""
        text = self.blank(answer.decode(errors="replace"))
        # Where it was cut, the beginning of a secret may stand, which nobody recognises.
        return text[: -LONGEST_SPELLING * self.longest] if len(answer) >= LONGEST_KEPT else text


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One POST, ready to go."""

    opened: Opened
    headers: dict[str, str]
    body: bytes

    def __repr__(self) -> str:
        return "Mail(…)"


class Mailroom:
    """`open_sealed` opens what is sealed, `source` is what CloudEvents come from."""

    def __init__(self, open_sealed: Callable[[str], str], *, source: str) -> None:
        self._open_sealed = open_sealed
        self._source = source
        self._opened: dict[tuple[str, tuple[str, ...]], Opened] = {}
        self._letters: dict[tuple[int, str], Letter] = {}

    def prepare(self, parcel: Parcel, seconds: int) -> Mail:
        """Make one ready that goes out at that time, in seconds since 1970. Raises SealBroken, Unsuited."""
        opened, letter = self._open(parcel), self._write(parcel)
        # Names in lower case: what is ours replaces what somebody else spelled in another way.
        headers = dict[str, str]()
        for each in (opened.recipient.headers, letter.headers):
            headers |= {name.lower(): value for name, value in each.items()}
        headers |= sign(opened.secrets, letter.id, seconds, letter.body)
        return Mail(opened=opened, headers=headers, body=letter.body)

    def _open(self, parcel: Parcel) -> Opened:
        key = parcel.subscription.sealed, parcel.secrets
        if (opened := self._opened.get(key)) is None:
            recipient = msgspec.json.decode(self._open_sealed(parcel.subscription.sealed), type=Recipient)
            secrets = tuple(self._open_sealed(each) for each in parcel.secrets)
            hidden = [*secrets, *(each.removeprefix(PREFIX) for each in secrets), *list_pieces(recipient.url)]
            for value in recipient.headers.values():
                hidden += list_words(value)
            opened = Opened(
                recipient=recipient, secrets=secrets, blanker=Blanker(hidden), longest=max(map(len, hidden))
            )
            _keep(self._opened, key, opened, OPENED)
        return opened

    def _write(self, parcel: Parcel) -> Letter:
        key = parcel.event.seq, parcel.subscription.format
        if (letter := self._letters.get(key)) is None:
            letter = write_letter(parcel.event, parcel.subscription.format, source=self._source)
            _keep(self._letters, key, letter, LETTERS)
        return letter


def _keep(kept: dict[Any, T], key: Any, value: T, most: int) -> None:
    """Keep one more; where that is one too many, the oldest goes."""
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
