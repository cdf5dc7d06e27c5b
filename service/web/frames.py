"""Events as the bytes of a stream, read once for all the streams that ask for the same at the same moment."""

import asyncio
import sqlite3
from typing import Any, Final

import msgspec

from hooks.envelope import show_event
from storage.bell import EVENTS, Topic
from storage.passages import read_passage
from storage.records import Event
from storage.store import Store

PAGE: Final = 100  # events read at once
SIZE: Final = 256 * 1024  # bytes after which no further event is read at once: memory per client stays constant


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are wanted."""

    types: tuple[str, ...] = ()
    task: str | None = None
    root: str | None = None
    tag: str | None = None

    @property
    def topic(self) -> Topic:
        """What to listen to while there is nothing to tell."""
        return self.task or EVENTS

    def as_query(self) -> dict[str, Any]:
        """As `storage.passages.read_passage` takes them."""
        return msgspec.structs.asdict(self)


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream tells next."""

    text: bytes  # whole frames; empty when there is nothing to tell
    next: int  # the `seq` to go on after
    more: bool  # there may be more to tell at once


class Frames:
    """Reads on in the ledger for every stream of a service.

    Streams that stand at the same place with the same filters, as all do that wait for news, are woken by the bell
    together and ask for the same. The first of them has the reading begun, which is when all those that were woken
    have asked; none joins a reading that has begun, since that one may have missed what the bell rang for.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._about_to_begin: dict[tuple[Filters, int], asyncio.Task[Chunk]] = {}

    async def read(self, filters: Filters, after: int, *, much: bool) -> Chunk:
        """Give what comes after a `seq`; `much` when that may be much to search. Raises what `Store.read` does."""
        key = (filters, after)
        reading = self._about_to_begin.get(key)
        if reading is None:
            # A task takes its first step after whatever the loop has been asked to do by now: whoever was woken.
            reading = self._about_to_begin[key] = asyncio.create_task(self._begin(key, much))
        return await asyncio.shield(reading)  # who leaves does not take it away from the others

    async def _begin(self, key: tuple[Filters, int], much: bool) -> Chunk:
        del self._about_to_begin[key]
        filters, after = key
        look = self._store.search if much else self._store.read
        return await look(read_chunk, filters, after)


def read_chunk(db: sqlite3.Connection, filters: Filters, after: int) -> Chunk:
    """Give the frames of what comes after a `seq`; where something is missing, a frame says so first."""
    passage = read_passage(db, frame_event, filters.as_query(), after=after, limit=PAGE, size=SIZE)
    frames = passage.events
    if passage.gap is not None:
        frames = [make_frame("gap", passage.gap, seq=passage.gap.next), *frames]
    return Chunk(text=b"".join(frames), next=passage.next, more=passage.more)


def write_event(event: Event) -> bytes:
    """Give an Event as JSON."""
    return msgspec.json.encode(show_event(event))


def frame_event(event: Event) -> bytes:
    """Give an Event as a frame."""
    return make_frame(event.type, show_event(event), seq=event.seq)


def make_frame(name: str, data: Any, *, seq: int | None = None) -> bytes:
    """Give one frame; `seq` is what a client comes back with."""
    place = "" if seq is None else f"id: {seq}\n"
    return f"{place}event: {name}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"
