"""Keeps pictures before their links die: fetches what download effects ask for, and writes down what came of it."""

import asyncio
import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx

from hooks.backoff import DOWNLOAD_PAUSES
from hooks.downloads import fetch_file
from hooks.errors import HookError, NotFetched
from hooks.messages import Failure
from service.effects.errands import Errands
from service.effects.gallery import Gallery, NotKept
from storage.reactions import Effect
from storage.store import Store

LARGEST: Final = 100 * 1024 * 1024  # bytes of one file; videos are the large ones
DEADLINE: Final = 240.0  # seconds for one file in all; less than an effect's lease
IN_FLIGHT: Final = 8  # files at once, a few of one host
EACH: Final = 2  # of one host, so that a slow one leaves room for others
# Answers about a link that is dead, mostly: a picture may also be a moment late, so they are asked a few times.
GONE: Final = frozenset({401, 403, 404, 410})
GONE_ATTEMPTS: Final = 3
TOO_LARGE: Final = 413


class Downloader(Errands):
    """A worker. `client` is a `hooks.clients.target_client`, `folder` where files are kept, `largest` their bytes.

    `in_flight` are fetched at once, `each` of one host; `pauses` are the waits, in seconds, after each attempt but the
    last; `deadline` is seconds for one file.
    """

    def __init__(
        self,
        store: Store,
        client: httpx.AsyncClient,
        folder: Path,
        *,
        largest: int = LARGEST,
        deadline: float = DEADLINE,
        pauses: Sequence[float] = DOWNLOAD_PAUSES,
        in_flight: int = IN_FLIGHT,
        each: int = EACH,
    ) -> None:
        super().__init__(store, "download", in_flight=in_flight, each=each, pauses=pauses)
        self._client = client
        self._gallery = Gallery(folder)
        self._swept = False
        self._largest = largest
        self._deadline = deadline

    async def step(self) -> float | None:
        """Begin to fetch what is due; give the seconds until more may be, None when the bell will tell."""
        if not self._swept:
            await asyncio.to_thread(self._gallery.sweep)
            self._swept = True
        return await super().step()

    async def run(self, effect: Effect) -> Failure | str | None:
        """Fetch one file; gives the path at which it is kept, where that is not the one that was asked for."""
        draft = self._gallery.begin(effect.id)

        async def write(piece: bytes) -> None:
            await asyncio.to_thread(draft.write, piece)

        try:
            url = effect.request["url"]
            await fetch_file(url, self._client, write, largest=self._largest, deadline=self._deadline)
            path = await asyncio.to_thread(self._gallery.keep, draft, effect.request["path"], effect.task_id)
            return path if path != effect.request["path"] else None
        except NotFetched as error:
            gone = error.status in GONE and effect.attempts >= GONE_ATTEMPTS
            return Failure(detail=str(error), final=gone or error.status == TOO_LARGE)
        except (HookError, NotKept) as error:
            return Failure(detail=str(error), final=False)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            what = "the disk is full" if full else error.strerror or type(error).__name__
            return Failure(detail=f"it could not be written: {what}", final=False)
        finally:
            await asyncio.to_thread(draft.discard)
