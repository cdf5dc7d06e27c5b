"""Puts the pieces together. The one place, beside the command line, that knows the settings."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

import structlog
from starlette.applications import Starlette

from hooks.blanker import Blanker
from hooks.clients import fetch_client, submit_client, target_client
from hooks.links import LinkSigner
from hooks.receiver import PREFIX, Receiver
from hooks.seal import Sealer
from hooks.token import TokenSigner
from service.chronicler import Chronicler
from service.config import Config, parse_config
from service.deployment import gather_gateways
from service.effects.downloader import Downloader
from service.effects.notifier import Notifier
from service.gateways.adopter import Adopter
from service.gateways.attachments import take_attachments
from service.gateways.board import Board
from service.gateways.client import GatewayClient
from service.gateways.reconciler import Reconciler
from service.gateways.submitter import Submitter
from service.gateways.watch import Calls, HookWatch
from service.keys import Keys
from service.post_office import PostOffice
from service.reloader import RELOAD, Load, Reloader
from service.rules.deferrals import Deferrals
from service.rules.labels import check_then
from service.rules.reactor import Reactor
from service.rules.rulebook import Rulebook
from service.rules.ruling import Ruling
from service.settings import Settings
from service.subscriptions.audience import assemble
from service.subscriptions.sync import take_up
from service.web.desk import Desk, Goodbye
from service.web.links import PictureLinks
from service.web.site import create_site
from service.web.turns import Turns
from service.workers import Supervisor, Worker
from service.written.environment import Concealed
from storage.ledger import Recorded, record
from storage.queue import count_orphans
from storage.records import Progress, Source
from storage.store import Store

log = structlog.get_logger("ringback.service")


def open_ledger(settings: Settings, config: Config) -> Store:
    """Open the ledger and hold it, with the rules that decide in it.

    Raises what `storage.store.Store` raises, and SettingsError without a gateway.
    """
    price = gather_gateways(settings, config).price
    return Store(settings.database, react=Reactor(config.rulebook, price=price), assemble=assemble)


class Service:
    """A whole Ringback over an open ledger; it works while its ASGI application runs, and closes the ledger then.

    `load` reads the deployment anew, so that changed rules are taken up; without it they stay as they are.
    Raises SettingsError without a gateway.
    """

    def __init__(
        self, settings: Settings, config: Config, keys: Keys, store: Store, *, load: Load | None = None
    ) -> None:
        roster = gather_gateways(settings, config)
        self._public_url = settings.public_url
        self._written = config.subscriptions
        sealer = Sealer(keys.secret_keys)
        self._post_office = PostOffice(store, sealer, allowed=settings.allow_targets, public_url=settings.public_url)
        self._ruling = Ruling(store, config.rulebook, file=settings.config.name, price=roster.price)
        self._reloader: Reloader | None = None
        if load is not None:
            self._reloader = Reloader(
                settings.config,
                load=load,
                subscribe=partial(take_up, store, sealer),
                ruling=self._ruling,
                roster=roster,
                store=store,
            )
        self._signer = TokenSigner(keys.secret_keys)
        self.store = store
        submit, targets = submit_client(), target_client(settings.allow_targets)
        fetch = {gateway.name: fetch_client() for gateway in roster.gateways}  # one that hangs keeps no other waiting
        self._http = (submit, targets, *fetch.values())
        clients = {
            gateway.name: GatewayClient(gateway, submit=submit, fetch=fetch[gateway.name])
            for gateway in roster.gateways
        }
        self._calls = Calls()
        watches = {
            name: HookWatch(store, client, calls=self._calls, http=fetch[name], reachable=self._public_url is not None)
            for name, client in clients.items()
        }
        self._submitters = _make_submitters(
            store, clients, roster.groups, make_hook=self._make_hook, lost_after=settings.lost_after
        )
        reconciler = Reconciler(
            store,
            clients,
            judge=lambda name: watches[name].judge(),
            silent_after=settings.silent_after,
            lost_after=settings.lost_after,
        )
        self._chronicler = Chronicler(store)
        self._downloader = Downloader(store, targets, settings.downloads)
        self._notifier = Notifier(store, targets, self._ruling.find_url)
        self._supervisor = Supervisor(
            store.bell,
            [
                Worker(name="chronicler", step=self._chronicler.tell, topics=("events", "firings")),
                Worker(name="deferred firings", step=Deferrals(store).take_up, topics=("firings",)),
                Worker(name="downloads", step=self._downloader.step, topics=("effects",)),
                Worker(name="notifications", step=self._notifier.step, topics=("effects",)),
                *self._post_office.workers,
                *(
                    Worker(name="reloader", step=reloader.watch, topics=(RELOAD,))
                    for reloader in (self._reloader,)
                    if reloader is not None
                ),
                *(
                    Worker(name=f"submitter of {name}", step=submitter.submit_due, topics=("submissions",))
                    for name, submitter in self._submitters.items()
                ),
                *(
                    Worker(name=f"reconciler of {name}", step=partial(reconciler.reconcile_silent, name))
                    for name in clients
                ),
                *(Worker(name=f"watch of {name}", step=watch.watch) for name, watch in watches.items()),
            ],
        )
        self.goodbye = Goodbye(store.bell.wake_all)
        desk = Desk(
            store=store,
            reconciler=reconciler,
            supervisor=self._supervisor,
            goodbye=self.goodbye,
            gateways=tuple(clients),
            groups=roster.groups,
            clients=clients,
            adopter=Adopter(store, clients),
            board=Board(store, roster, self._submitters, watches),
            links=PictureLinks(LinkSigner(keys.secret_keys), self._public_url),
            take_attachments=partial(take_attachments, client=targets),
            turns=Turns(),
            ruling=self._ruling,
            read_rules=partial(_read_rules, settings),
            public_url=self._public_url,
            webhooks=self._post_office.webhooks,
            check_then=check_then,
        )
        blanker = Blanker(tuple(gateway.key for gateway in roster.gateways))
        receiver = Receiver(read_token=self._signer.read, blanker=blanker, record=self._record)
        self.asgi = create_site(
            desk, receiver, api_keys=keys.api_keys, secret_keys=keys.secret_keys, lifespan=self._live
        )

    def reload(self) -> None:
        """Read the configuration file now. On the event loop."""
        if self._reloader is not None:
            self._reloader.ask()

    def _make_hook(self, task_id: str, nonce: str) -> str | None:
        """Give the notifyHook of a submission, minted as it is sent; None without a public URL."""
        if self._public_url is None:
            return None
        return f"{self._public_url}{PREFIX}{self._signer.mint(task_id, nonce)}"

    def _record(self, task_id: str, nonce: str, progress: Progress, source: Source) -> Awaitable[Recorded]:
        self._calls.note(task_id)
        return self.store.write(record, task_id, nonce, progress, source)

    @asynccontextmanager
    async def _live(self, _site: Starlette) -> AsyncIterator[None]:
        """What happens between the first and the last request."""
        self.store.start(asyncio.get_running_loop())
        if doubted := self.store.doubted:
            log.warning("submissions in doubt", count=doubted, why="the last process stopped while they were sent")
        for gateway, count in (await self.store.read(count_orphans, tuple(self._submitters))).items():
            log.warning("submissions wait", gateway=gateway, count=count, why="no gateway of that name is configured")
        await self._post_office.open(self._written)
        await self._chronicler.begin()
        self._supervisor.start()
        log.info(
            "started",
            version=version("ringback"),
            ledger=str(self.store.path),
            gateways=",".join(self._submitters),
            rules=len(self._ruling.rulebook.rules),
            hooks=self._public_url or "none",
        )
        try:
            yield
        finally:
            await self._supervisor.stop()
            await asyncio.gather(
                *(submitter.close() for submitter in self._submitters.values()),
                self._downloader.close(),
                self._notifier.close(),
                self._post_office.close(),
            )
            for client in self._http:
                await client.aclose()
            try:
                await self._chronicler.catch_up()
            finally:
                await asyncio.to_thread(self.store.close)
            log.info("stopped", why=self.goodbye.why)


def _read_rules(settings: Settings, text: str) -> Rulebook:
    """The rules of a file that somebody sent, as if it lay beside ours. Raises ConfigError."""
    known = {"RINGBACK_GATEWAY": settings.environ.get("RINGBACK_GATEWAY", "")}  # groups may name it
    file = settings.config.with_name("rules")
    return parse_config(text.encode(), file=str(file), environ=Concealed(known)).rulebook


def _make_submitters(
    store: Store,
    clients: Mapping[str, GatewayClient],
    groups: Mapping[str, Sequence[str]],
    *,
    make_hook: Callable[[str, str], str | None],
    lost_after: float,
) -> dict[str, Submitter]:
    """One submitter for each gateway, by its name; each knows who comes before it in its `groups`."""
    seniors: dict[str, dict[str, list[Submitter]]] = {name: {} for name in clients}
    submitters = {
        name: Submitter(store, client, make_hook=make_hook, lost_after=lost_after, seniors=seniors[name])
        for name, client in clients.items()
    }
    for group, members in groups.items():
        for place, name in enumerate(members):
            seniors[name][group] = [submitters[senior] for senior in members[:place]]
    return submitters
