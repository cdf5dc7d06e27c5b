"""What the ledger keeps sealed: moved under the newest secret key, a little at a time, so that older ones can go."""

from collections.abc import Sequence
from typing import Final

import structlog

from hooks.errors import SealBroken
from hooks.seal import Sealer
from hooks.signature import make_secret
from storage.store import Store
from storage.suspensions import disable_subscription
from storage.transaction import Transaction
from storage.webhook_secrets import Sealed, add_secret, list_sealed, list_secrets, replace_sealed

SLICE: Final = 500  # texts that are sealed anew in one transaction: some 50 ms
UNOPENED: Final = "Its address or its secret cannot be opened. {why} Then enable it."

log = structlog.get_logger("ringback.subscriptions")


class Seals:
    """A worker, done once everything is under the newest key; what cannot be opened is told and left as it is."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer
        self._broken = 0  # that stay as they are

    async def renew(self) -> float | None:
        """Seal some anew; gives when to go on, None when all is done."""
        found = await self._store.read(list_sealed, self._sealer.prefix, SLICE, skip=self._broken)
        if found:
            self._broken += await self._store.write(_renew, found, self._sealer)
        return 0.0 if len(found) == SLICE else None


def ensure_secret(tx: Transaction, sealer: Sealer) -> None:
    """Make the service's own webhook secret, if there is none yet."""
    if not list_secrets(tx, None):
        add_secret(tx, None, sealer.seal(make_secret()), overlap=0)


def _renew(tx: Transaction, found: Sequence[Sealed], sealer: Sealer) -> int:
    """Seal these anew; gives how many could not be opened. A subscription of which that is so is disabled."""
    broken = 0
    for each in found:
        try:
            text = sealer.open(each.sealed)
        except SealBroken as error:
            broken += 1
            _tell(tx, each, str(error))
        else:
            replace_sealed(tx, each, sealer.seal(text))
    return broken


def _tell(tx: Transaction, sealed: Sealed, why: str) -> None:
    if sealed.subscription_id is None:
        log.error("the service's own webhook secret cannot be opened", why=why)
        return
    log.error("subscription disabled", subscription=sealed.subscription_id, why=why)
    disable_subscription(tx, sealed.subscription_id, UNOPENED.format(why=why))
