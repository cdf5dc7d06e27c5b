"""Takes up a changed `ringback.yaml` while the service runs: rules and limits at once, all else at the next start."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from service.config import Config
from service.deployment import gather_gateways
from service.gateways.roster import Roster
from service.rules.ruling import Ruling
from service.settings import Settings
from service.written.mistakes import Mistake, MistakesFound
from storage.bell import Bell, Topic

LOOK: Final = 1.0  # seconds between two looks at the file
SETTLE: Final = 0.2  # seconds that a changed file has to stand still: editors empty it first, or move it away
LOOKS: Final = 25  # at a file that does not stand still, until the next step
RELOAD: Final[Topic] = "reload"

Load = Callable[[], tuple[Settings, Config]]
# What tells one state of a file from another: its time of change, its length, and which file it is.
_Print = tuple[int, int, int]

log = structlog.get_logger("ringback.rules")


class Reloader:
    """Watches the file, and enacts what it says when all of it is well; otherwise the rules before it go on.

    `load` reads the whole deployment anew and raises MistakesFound; `look` and `settle` are seconds.
    """

    def __init__(
        self,
        path: Path,
        *,
        load: Load,
        ruling: Ruling,
        roster: Roster,
        bell: Bell,
        look: float = LOOK,
        settle: float = SETTLE,
    ) -> None:
        self._path = path
        self._load = load
        self._ruling = ruling
        self._roster = roster  # at work until the next start
        self._bell = bell
        self._look = look
        self._settle = settle
        self._seen: _Print | None = None  # the first look always reads: the file may have changed since the start
        self._asked = False

    def ask(self) -> None:
        """Read the file now, whether it has changed or not: `.env` may have. On the event loop."""
        self._asked = True
        self._bell.ring((RELOAD,))

    async def watch(self) -> float:
        """A worker's step: take up the file where it has changed; gives the seconds until the next look."""
        if _take_print(self._path) != self._seen or self._asked:
            await self._take_up(await self._await_still())
        return self._look

    async def _await_still(self) -> _Print | None:
        seen = _take_print(self._path)
        for _ in range(LOOKS):
            await asyncio.sleep(self._settle)
            before, seen = seen, _take_print(self._path)
            if seen == before:
                break
        return seen

    async def _take_up(self, seen: _Print | None) -> None:
        was_there, self._seen = self._seen is not None, seen
        asked, self._asked = self._asked, False
        if seen is None:
            if was_there:
                self._refuse((Mistake(str(self._path), None, None, "the file is gone; its rules go on"),))
            return
        try:
            settings, config = await asyncio.to_thread(self._load)
        except MistakesFound as error:
            self._refuse(error.mistakes)
            return
        if _take_print(self._path) != seen:
            return  # who knows which half of it was read: the next look sees that it has changed
        if settings.config != self._path:
            moved = f"RINGBACK_CONFIG names {settings.config} now; restart the service to use it"
            self._refuse((Mistake(str(self._path), None, None, moved),))
            return
        if gather_gateways(settings, config) != self._roster:
            log.warning("gateways changed", why="gateways and groups are taken up at the next start; rules are now")
        before, refused = self._ruling.version, self._ruling.refusal is not None
        self._ruling.enact(config.rulebook)
        if asked or refused or before != self._ruling.version:
            log.info("rules loaded", rules=len(config.rulebook.rules), version=self._ruling.version, before=before)

    def _refuse(self, mistakes: tuple[Mistake, ...]) -> None:
        self._ruling.refuse(mistakes)
        for mistake in mistakes:
            log.error("rules refused", mistake=str(mistake), why="the rules before go on")


def _take_print(path: Path) -> _Print | None:
    """What the file looks like from outside; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
