"""One attempt: a delivery is made ready and POSTed, and what came of it is written as the ledger keeps it."""

import time
from collections.abc import Callable
from typing import Final

import httpx
import msgspec

from hooks.errors import SealBroken, Unsuited
from hooks.mailroom import Mailroom
from hooks.sender import DEADLINE, send
from storage.outbox import Parcel
from storage.records_of_deliveries import Attempt

SEALED: Final = "secret"  # the class of an error: what is sealed could not be opened
UNSUITED: Final = "unsuited"  # what the subscription's format has no words for
MISTAKE: Final = "mistake"  # one of ours or of a library's


class Attempted(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt, and the seconds that the subscriber asked us to wait after it."""

    attempt: Attempt
    retry_after: float | None = None


class Postman:
    """`client` is a `hooks.clients.target_client`, `now` the store's clock in milliseconds, `deadline` seconds.

    `open_sealed` opens what is sealed or raises SealBroken; `source` is what CloudEvents come from.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        open_sealed: Callable[[str], str],
        *,
        source: str,
        now: Callable[[], int],
        deadline: float = DEADLINE,
    ) -> None:
        self._client = client
        self._mailroom = Mailroom(open_sealed, source=source)
        self._now = now
        self._deadline = deadline

    async def deliver(self, parcel: Parcel) -> Attempted:
        """POST one; whatever happens is part of what it gives."""
        began, started = self._now(), time.monotonic()
        try:
            # A subscriber compares the signature's time with its own clock: with this machine's, not with the store's.
            mail = self._mailroom.prepare(parcel, int(time.time()))
            answer = await send(
                self._client, mail.opened.recipient.url, mail.headers, mail.body, deadline=self._deadline
            )
        except SealBroken as error:
            failure = SEALED, str(error)
        except Unsuited as error:
            failure = UNSUITED, str(error)
        except Exception as error:  # what it says may quote a URL
            failure = MISTAKE, f"it failed with {type(error).__name__}"
        else:
            attempt = Attempt(
                delivery_id=parcel.delivery.id,
                number=parcel.delivery.attempts,
                time=began,
                took=answer.took,
                status=answer.status,
                error=answer.error,
                detail=None if answer.detail is None else mail.opened.blank(answer.detail),
                answer=mail.opened.read(answer.answer) if answer.answer else None,
            )
            return Attempted(attempt=attempt, retry_after=answer.retry_after)
        error_class, detail = failure
        attempt = Attempt(
            delivery_id=parcel.delivery.id,
            number=parcel.delivery.attempts,
            time=began,
            took=round((time.monotonic() - started) * 1000),
            status=None,
            error=error_class,
            detail=detail,
            answer=None,
        )
        return Attempted(attempt=attempt)
