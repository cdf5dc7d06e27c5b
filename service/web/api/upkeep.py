"""What is done for a subscription: a new secret, a try, off and on again, and what it missed sent after all."""

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.errors import SealBroken
from hooks.seal import Sealer
from hooks.signature import make_secret
from service.web.api.subscriptions import MISSING, SHOWN, answer_subscription
from service.web.calls import Call, answer_json, read_body, read_optional_body, read_time
from service.web.creation import Opening, create_once
from service.web.desk import Desk
from service.web.problems import Problem, tell_mistakes
from service.web.subscription_forms import find_secret_mistakes
from storage.records_of_deliveries import Subscription
from storage.recoveries import count_owed, count_recoverable, hurry_some, recover_some
from storage.subscriptions import read_subscription
from storage.suspensions import disable_subscription, enable_subscription
from storage.transaction import Transaction
from storage.webhook_secrets import add_secret, choose_secrets, list_secrets

OVERLAP: Final = 24 * 3600  # seconds that an older secret goes on signing beside the new one
LONGEST_OVERLAP: Final = 7 * 24 * 3600
SLICE: Final = 1000  # deliveries that are put back in one transaction
DISABLED: Final = "disabled by a person"

Overlap = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_OVERLAP)]


class RotateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What replaces a secret."""

    overlap: Overlap = OVERLAP  # seconds that the one before goes on signing, too, if it can; 0 revokes it at once
    secret: str | None = None  # whsec_…; one is made where none is brought


class DisableRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stops the deliveries."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] = DISABLED  # for whoever wonders later


class RecoverRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What asks for the deliveries that were held or given up."""

    since: str  # of events from this time on
    dry_run: bool = False  # only count them


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    count: int  # of those that were held or given up
    owed: int  # beside these: still on their way, and due now instead of at their next try
    recovered: bool  # false where they were only counted


class NewSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret, shown here and nowhere after."""

    secret: str


class UpkeepCalls:
    """The calls that look after one subscription."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        call = partial(Call, method="POST", needs_body=False)
        one = "/v1/subscriptions/{id}"
        return [
            call(
                path=f"{one}/rotate",
                handler=self.rotate,
                summary="Give it a new secret; both sign until the overlap is over",
                body=RotateRequest,
                creates=True,
                answers={
                    200: ("The new secret, shown here and nowhere after", "NewSecret"),
                    404: MISSING,
                    409: ("It has no secret of its own here", "Problem"),
                },
            ),
            call(
                path=f"{one}/test",
                handler=self.test,
                summary="Send it one signed example now, outside of all queues",
                answers={
                    200: ("What was sent, and what was answered", "Tried"),
                    404: MISSING,
                    409: ("It cannot be sent: the key that its address is sealed under is gone", "Problem"),
                },
            ),
            call(
                path=f"{one}/enable",
                handler=self.enable,
                summary="Deliver again from now on; what was held meanwhile waits for /recover",
                answers={200: SHOWN, 404: MISSING},
            ),
            call(
                path=f"{one}/disable",
                handler=self.disable,
                summary="Deliver nothing until it is enabled again; what comes meanwhile is held",
                body=DisableRequest,
                answers={200: SHOWN, 404: MISSING},
            ),
            call(
                path=f"{one}/recover",
                handler=self.recover,
                summary="Deliver what was held or given up since a time, and what is owed, now; or count it",
                body=RecoverRequest,
                needs_body=True,
                answers={
                    200: ("How many", "Recovered"),
                    404: MISSING,
                    409: ("It is disabled", "Problem"),
                },
            ),
        ]

    async def rotate(self, request: Request) -> Response:
        """`POST /v1/subscriptions/{id}/rotate`."""
        wanted = await read_optional_body(request, RotateRequest)
        return await answer_rotation(self._desk, request, request.path_params["id"], wanted)

    async def test(self, request: Request) -> Response:
        """`POST /v1/subscriptions/{id}/test`."""
        subscription, secrets = await self._read_with_secrets(request.path_params["id"])
        return answer_json(await self._desk.webhooks.try_out(subscription, secrets))

    async def enable(self, request: Request) -> Response:
        """`POST /v1/subscriptions/{id}/enable`."""
        subscription_id = request.path_params["id"]
        await self._desk.store.write(enable_subscription, subscription_id)
        return await answer_subscription(self._desk, subscription_id)

    async def disable(self, request: Request) -> Response:
        """`POST /v1/subscriptions/{id}/disable`."""
        subscription_id = request.path_params["id"]
        wanted = await read_optional_body(request, DisableRequest)
        await self._desk.store.write(disable_subscription, subscription_id, wanted.reason)
        return await answer_subscription(self._desk, subscription_id)

    async def recover(self, request: Request) -> Response:
        """`POST /v1/subscriptions/{id}/recover`."""
        subscription_id, store = request.path_params["id"], self._desk.store
        wanted = await read_body(request, RecoverRequest)
        try:
            since = read_time(wanted.since)
        except ValueError as error:
            raise tell_mistakes([f"since: {error}"]) from None
        await store.read(read_subscription, subscription_id)
        if wanted.dry_run:
            count = await store.search(count_recoverable, subscription_id, since)
            owed = await store.search(count_owed, subscription_id)
            return answer_json(Recovered(count=count, owed=owed, recovered=False))
        count, owed = 0, await store.search(count_owed, subscription_id)
        while await store.write(hurry_some, subscription_id, limit=SLICE):
            pass
        while some := await store.write(recover_some, subscription_id, since, limit=SLICE):
            count += some
        return answer_json(Recovered(count=count, owed=owed, recovered=True))

    async def _read_with_secrets(self, subscription_id: str) -> tuple[Subscription, Sequence[str]]:
        now = self._desk.store.now()

        def read(db: sqlite3.Connection) -> tuple[Subscription, Sequence[str]]:
            subscription = read_subscription(db, subscription_id)
            return subscription, choose_secrets(db, subscription, now)

        return await self._desk.store.read(read)


async def answer_rotation(desk: Desk, request: Request, subscription_id: str | None, wanted: RotateRequest) -> Response:
    """Give a subscription, or the service itself, a new secret, and show it."""

    async def prepare() -> Opening:
        if mistakes := find_secret_mistakes(wanted.secret):
            raise tell_mistakes(mistakes)
        return partial(_rotate, subscription_id=subscription_id, wanted=wanted, sealer=desk.webhooks.sealer)

    return await create_once(desk.store, request, wanted, prepare, show=_show_secret, sealer=desk.webhooks.sealer)


def _rotate(tx: Transaction, *, subscription_id: str | None, wanted: RotateRequest, sealer: Sealer) -> tuple[int, str]:
    if subscription_id is not None:
        _require_own_secret(read_subscription(tx, subscription_id))
    secret = wanted.secret or make_secret()
    overlap = wanted.overlap if _can_sign(tx, subscription_id, sealer) else 0
    add_secret(tx, subscription_id, sealer.seal(secret), overlap=round(overlap * 1000))
    return 200, secret


def _can_sign(tx: Transaction, subscription_id: str | None, sealer: Sealer) -> bool:
    """Whether every secret can be opened; one that cannot would keep all the others from signing."""
    try:
        for each in list_secrets(tx, subscription_id):
            sealer.open(each.sealed)
    except SealBroken:
        return False
    return True


def _require_own_secret(subscription: Subscription) -> None:
    if subscription.origin == "file":
        raise Problem(409, "Its secret stands in the configuration file, or is the service's own; change it there.")
    if subscription.root_id is not None:
        raise Problem(409, "It is signed with the service's own secret: POST /v1/webhook-secret/rotate.")


def _show_secret(secret: str) -> NewSecret:
    return NewSecret(secret=secret)
