"""What the API needs to make subscriptions and to try them: seals, the guard, and one signed example."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from hooks.blanker import HIDDEN
from hooks.errors import ForbiddenTarget
from hooks.mailroom import Mailroom
from hooks.recipient import LONGEST_URL, Recipient, name_host
from hooks.seal import Sealer
from hooks.sender import Answer, SendError
from service.web.examples import make_parcel
from storage.records_of_deliveries import Subscription

Check = Callable[[str], Awaitable[None]]  # raises hooks.errors.ForbiddenTarget for a URL that may not be called
Post = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a subscription's deliveries go, as the ledger keeps it."""

    host: str
    sealed: str


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent."""

    type: str  # of the event
    headers: dict[str, str]  # the values of the subscription's own are left out
    body: str


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int | None
    error: SendError | None  # null: it was taken
    detail: str | None
    took: int  # milliseconds
    body: str  # its beginning, without secrets


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One example, and what the subscriber said to it."""

    sent: Sent
    answered: Answered


class Webhooks:
    """Makes, opens and tries what is sealed; the courier opens it by the same keys.

    `source` is what CloudEvents come from.
    """

    def __init__(self, *, sealer: Sealer, check: Check, post: Post, source: str) -> None:
        self.sealer = sealer
        self._check = check
        self._post = post
        self.source = source

    async def find_url_mistake(self, url: str) -> str | None:
        """Give why a URL may not be called, and the line that allows it where there is one; None where it may."""
        if len(url) > LONGEST_URL:
            return f"a URL has {LONGEST_URL} characters at most"
        try:
            name_host(url)
            await self._check(url)
        except ForbiddenTarget as error:
            return str(error)
        return None

    def seal(self, recipient: Recipient) -> Address:
        """Seal what is called. Raises ForbiddenTarget for what can never be."""
        host = name_host(recipient.url)
        return Address(host=host, sealed=self.sealer.seal(msgspec.json.encode(recipient).decode()))

    def open(self, subscription: Subscription) -> Recipient:
        """Open what `seal` sealed. Raises SealBroken."""
        return msgspec.json.decode(self.sealer.open(subscription.sealed), type=Recipient)

    async def try_out(self, subscription: Subscription, sealed_secrets: Sequence[str]) -> Tried:
        """Send one signed example of an event that the subscription hears of, now. Raises SealBroken."""
        seconds = time.time()
        parcel = make_parcel(subscription, tuple(sealed_secrets), now=int(seconds * 1000))
        mail = Mailroom(self.sealer.open, source=self.source).prepare(parcel, int(seconds))
        recipient = mail.opened.recipient
        answer = await self._post(recipient.url, mail.headers, mail.body)
        own = {name.lower(): HIDDEN for name in recipient.headers}
        return Tried(
            sent=Sent(type=parcel.event.type, headers=mail.headers | own, body=mail.body.decode()),
            answered=Answered(
                status=answer.status,
                error=answer.error,
                detail=answer.detail and mail.opened.blank(answer.detail),
                took=answer.took,
                body=mail.opened.read(answer.answer),
            ),
        )
