"""Takes up a changed `ringback.yaml` while the service runs: rules, limits and subscriptions at once.

Gateways and groups are taken up at the next start.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

from service.config import Config
from service.deployment import gather_gateways
from service.gateways.roster import Roster
from service.rules.ruling import Ruling
from service.settings import Settings
from service.subscriptions.written import WrittenSubscription
from service.written.mistakes import Mistake, MistakesFound
from storage.bell import Topic
from storage.deferrals import hasten
from storage.errors import LedgerError
from storage.store import Store

LOOK: Final = 1.0  # seconds between two looks at the file
SETTLE: Final = 0.2  # seconds that a changed file has to stand still: editors empty it first, or move it away
LOOKS: Final = 25  # at a file that does not stand still, until the next step
# Looks until a file that was refused is read once more: what is wrong may lie outside of it, in `.env` or in a mask.
PATIENCE: Final = 10
RELOAD: Final[Topic] = "reload"

Load = Callable[[], tuple[Settings, Config]]
Subscribe = Callable[[Sequence[WrittenSubscription]], Awaitable[None]]
# What tells one state of a file from another: its times of change, its length, and which file it is.
_Print = tuple[int, int, int, int]
_Seen = tuple[_Print | None, ...]  # of the file itself, and of each that it names

log = structlog.get_logger("ringback.rules")


class Reloader:
    """Watches the file and the masks that it names, and enacts what they say when all of it is well.

    Otherwise the rules before it go on. `load` reads the whole deployment anew and raises MistakesFound; it runs on a
    thread and may take seconds, for which nobody waits. `subscribe` brings the ledger in line with the subscriptions of
    the file. `look` and `settle` are seconds.
    """

    def __init__(
        self,
        path: Path,
        *,
        load: Load,
        subscribe: Subscribe,
        ruling: Ruling,
        roster: Roster,
        store: Store,
        look: float = LOOK,
        settle: float = SETTLE,
    ) -> None:
        self._path = path
        self._load = load
        self._subscribe = subscribe
        self._ruling = ruling
        self._roster = roster  # at work until the next start
        self._store = store
        self._look = look
        self._settle = settle
        self._others: tuple[Path, ...] = ()  # files that the one in force names
        self._seen: _Seen | None = None  # the first look always reads: the file may have changed since the start
        self._asked = False
        self._looks = 0  # since the file was read

    def ask(self) -> None:
        """Read the file now, whether it has changed or not: `.env` may have. On the event loop."""
        self._asked = True
        self._store.bell.ring((RELOAD,))

    async def watch(self) -> float:
        """A worker's step: take up the file where it has changed; gives the seconds until the next look."""
        self._looks += 1
        again = self._ruling.refusal is not None and self._looks >= PATIENCE
        if self._asked or again or self._take_prints() != self._seen:
            self._looks = 0
            await self._take_up(await self._await_still())
        return self._look

    async def _await_still(self) -> _Seen:
        seen = self._take_prints()
        for _ in range(LOOKS):
            await asyncio.sleep(self._settle)
            before, seen = seen, self._take_prints()
            if seen == before:
                break
        return seen

    async def _take_up(self, seen: _Seen) -> None:
        before, self._seen = self._seen, seen
        asked, self._asked = self._asked, False
        if seen[0] is None:
            if before is not None and before[0] is not None:
                self._refuse(
                    (Mistake(str(self._path), None, None, "the file is gone; its rules and subscriptions go on"),),
                    asked=asked,
                )
            return
        try:
            settings, config = await asyncio.to_thread(self._load)
        except MistakesFound as error:
            self._refuse(error.mistakes, asked=asked)
            return
        if self._take_prints() != seen:
            return  # who knows which half of it was read: the next look sees that it has changed
        if settings.config != self._path:
            moved = f"RINGBACK_CONFIG names {settings.config} now; restart the service to use it"
            self._refuse((Mistake(str(self._path), None, None, moved),), asked=asked)
            return
        self._others = config.files  # where these are others than before, the next look reads all of it once more
        if gather_gateways(settings, config) != self._roster:
            log.warning("gateways changed", why="gateways and groups are taken up at the next start; all else is now")
        await self._enact_subscriptions(config)
        version, refused = self._ruling.version, self._ruling.refusal is not None
        self._ruling.enact(config.rulebook)
        if asked or refused or version != self._ruling.version:
            log.info("rules loaded", rules=len(config.rulebook.rules), version=self._ruling.version, before=version)
        if before is None or version != self._ruling.version:
            await asyncio.wrap_future(self._store.submit(hasten))  # what waits may have room by these rules

    async def _enact_subscriptions(self, config: Config) -> None:
        try:
            await self._subscribe(config.subscriptions)
        except LedgerError:
            self._seen = None  # the next look reads the file again
            raise

    def _refuse(self, mistakes: tuple[Mistake, ...], *, asked: bool) -> None:
        """Tell what is wrong, once; who asks is told again."""
        told = self._ruling.refusal
        if told is not None and told.mistakes == mistakes and not asked:
            return
        self._ruling.refuse(mistakes)
        for mistake in mistakes:
            log.error("rules refused", mistake=str(mistake), why="the rules before go on")

    def _take_prints(self) -> _Seen:
        return tuple(map(_take_print, (self._path, *self._others)))


def _take_print(path: Path) -> _Print | None:
    """What a file looks like from outside; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
