"""All that carries events to subscribers, put together: seals, the guard's client, the courier, and who clears up."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from hooks.clients import target_client
from hooks.courier import TOPIC, Courier
from hooks.errors import ForbiddenTarget
from hooks.guard import check_target
from hooks.recipient import name_host
from hooks.resolver import Resolver
from hooks.seal import Sealer
from hooks.sender import send
from hooks.targets import AllowList
from service.pruner import Pruner
from service.seals import Seals, ensure_secret
from service.subscriptions.sync import take_up
from service.subscriptions.written import WrittenSubscription
from service.web.webhooks import Webhooks
from service.workers import Worker
from storage.store import Store
from storage.subscriptions import take_up_hooks

NOWHERE: Final = "urn:ringback"  # what CloudEvents come from where there is no public URL


class PostOffice:
    """It works once it is open, by its workers. `public_url` is ours, `allowed` what may be called though private."""

    def __init__(self, store: Store, sealer: Sealer, *, allowed: AllowList, public_url: str | None) -> None:
        source = public_url or NOWHERE
        self._store = store
        self._sealer = sealer
        self._client = target_client(allowed)
        self._resolver = Resolver()
        self._courier = Courier(store, self._client, open_sealed=sealer.open, source=source)
        self.webhooks = Webhooks(
            sealer=sealer,
            check=partial(check_target, allowed=allowed, resolve=self._resolver),
            post=partial(send, self._client),
            source=source,
        )
        self.workers = (
            Worker(name="courier", step=self._courier.step, topics=(TOPIC,)),
            Worker(name="seals", step=Seals(store, sealer).renew),
            Worker(name="pruner", step=Pruner(store).prune),
        )

    async def open(self, written: Sequence[WrittenSubscription]) -> None:
        """Before anything is delivered: a secret of our own, the file's subscriptions, and what older ledgers kept."""
        await self._store.write(ensure_secret, self._sealer)
        while await self._store.write(take_up_hooks, self._sealer.seal, _find_host):
            pass
        await take_up(self._store, self._sealer, written)

    async def close(self) -> None:
        """Cut off what is under way; it is due again at the next start."""
        await self._courier.close()
        await self._client.aclose()
        self._resolver.close()


def _find_host(url: str) -> str:
    """The host of a hook that was kept as plain text. Raises ValueError where it can never be called."""
    try:
        return name_host(url)
    except ForbiddenTarget as error:
        raise ValueError(str(error)) from None
