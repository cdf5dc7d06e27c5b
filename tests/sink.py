"""A subscriber that keeps books of what it is told, and has any vice that it is asked to have.

In a test: `async with Sink(secrets=[…], vices={"fail": 0.2}) as sink: … sink.url …`. As a process of its own,
which prints its address when it listens: `python -m tests.sink --port 0 --secret whsec_… --vice fail=0.2 --seed 7`.

`POST /anything` is answered as `vices` have it (a share of all, by name), `POST /vice/NAME` always by that vice.
`GET /books` shows the books as JSON, `PUT /vices` with `{"fail": 0.2}` changes its ways.
"""

import argparse
import asyncio
import contextlib
import gzip
import json
import random
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from email.utils import formatdate
from typing import Any, Self

import uvloop
from standardwebhooks import Webhook

Writer = asyncio.StreamWriter


@dataclass(kw_only=True)
class Attempt:
    """One POST as it came in."""

    time: float  # seconds since 1970
    answer: str  # "taken", "unsigned" or the vice
    headers: dict[str, str]
    same: bool  # whether its body has the bytes of the first one


@dataclass(kw_only=True)
class Entry:
    """All that came under one webhook-id."""

    body: bytes
    task: str | None
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def taken(self) -> int:
        """How many of them were answered with 2xx."""
        return sum(attempt.answer == "taken" for attempt in self.attempts)


class Books:
    """Who was told what, how often, in which order."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}  # by webhook-id
        self.orders: dict[str, list[str]] = {}  # by task: the webhook-ids, in the order in which each was taken first
        self.attempts = 0
        self.connections = 0
        self.open = 0  # connections, now

    def enter(self, headers: dict[str, str], body: bytes, answer: str) -> None:
        msg_id = headers.get("webhook-id", "")
        entry = self.entries.setdefault(msg_id, Entry(body=body, task=find_task(headers, body)))
        if answer == "taken" and not entry.taken and entry.task is not None:
            self.orders.setdefault(entry.task, []).append(msg_id)
        same = entry.body == body
        self.attempts += 1
        entry.attempts.append(Attempt(time=time.time(), answer=answer, headers=headers, same=same))

    def show(self) -> dict[str, Any]:
        """The books as JSON can hold them."""
        entries = {
            msg_id: asdict(entry) | {"body": entry.body.decode(errors="replace"), "taken": entry.taken}
            for msg_id, entry in self.entries.items()
        }
        counts = {"attempts": self.attempts, "connections": self.connections, "open": self.open}
        return {"entries": entries, "orders": self.orders, **counts}


def find_task(headers: Mapping[str, str], body: bytes) -> str | None:
    """The task that a letter is about, in any of the formats."""
    try:
        letter = json.loads(body)
    except ValueError:
        return None
    if not isinstance(letter, dict):
        return None
    data = letter.get("data")
    inner = data if isinstance(data, dict) else letter
    task = inner.get("task")
    found = (
        headers.get("ce-subject"),
        letter.get("subject"),
        inner.get("task_id"),
        task.get("id") if isinstance(task, dict) else None,
        inner.get("id") if inner is letter else None,
    )
    return next((each for each in found if isinstance(each, str)), None)


class Sink:
    """The subscriber. With `secrets`, a letter that none of them signed is answered with 401."""

    def __init__(
        self, *, secrets: Sequence[str] = (), vices: Mapping[str, float] | None = None, seed: int = 0, port: int = 0
    ) -> None:
        self.books = Books()
        self.vices = dict(vices or {})  # name: the share of POSTs, 0 to 1
        self.url = ""
        self._hooks = [Webhook(secret) for secret in secrets]
        self._dice = random.Random(seed)
        self._port = port
        self._talks: set[asyncio.Task[None]] = set()
        self._heard = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self._port, limit=2**20)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def wait_for(self, attempts: int) -> None:
        """Wait until so many POSTs have come in."""
        async with self._heard:
            await self._heard.wait_for(lambda: self.books.attempts >= attempts)

    async def _talk(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        self.books.connections += 1
        self.books.open += 1
        try:
            while await self._answer_one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side left, or the sink closes
        finally:
            self.books.open -= 1
            self._talks.discard(talk)
            writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: Writer) -> bool:
        """Whether the connection is kept for another request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if method == "GET":
            await reply(writer, 200, json.dumps(self.books.show()).encode())
        elif method == "PUT":
            self.vices = json.loads(body)
            await reply(writer, 204)
        else:
            vice = self._choose(path)
            signed = not self._hooks or any(verifies(hook, headers, body) for hook in self._hooks)
            self.books.enter(headers, body, vice or ("taken" if signed else "unsigned"))
            async with self._heard:
                self._heard.notify_all()
            if vice is not None:
                return bool(await VICES[vice](writer))
            await reply(writer, 204 if signed else 401)
        return headers.get("connection", "").lower() != "close"

    def _choose(self, path: str) -> str | None:
        if path.startswith("/vice/"):
            return path.removeprefix("/vice/").partition("?")[0]
        lot = self._dice.random()
        for name, share in self.vices.items():
            if lot < share:
                return name
            lot -= share
        return None


def verifies(hook: Webhook, headers: dict[str, str], body: bytes) -> bool:
    """Whether this secret signed that letter."""
    try:
        hook.verify(body, headers, json_parse=False)
    except Exception:  # whatever a stranger's headers make of it
        return False
    return True


async def reply(writer: Writer, status: int, body: bytes = b"", *headers: str) -> bool:
    """Answer properly; the connection can be kept."""
    lines = (f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", "")
    if status == 204:
        lines = (lines[0], *headers, "", "")
    writer.write("\r\n".join(lines).encode() + body)
    await writer.drain()
    return True


async def hang(writer: Writer) -> None:
    await asyncio.Event().wait()


async def reset(writer: Writer) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def close(writer: Writer) -> None:
    """Take it, and leave without a word."""


async def garble(writer: Writer) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n\x00\xff\x00\r\n\r\n")
    await writer.drain()


async def bomb(writer: Writer) -> None:
    """A hundred megabytes in a hundred kilobytes."""
    await reply(writer, 200, BOMB, "Content-Encoding: gzip")


async def pour(writer: Writer) -> None:
    """A success whose body has no end."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(bytes(65536))
        await writer.drain()


async def drip(writer: Writer) -> None:
    """A head that comes letter by letter, and never whole."""
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.05)


async def pause(writer: Writer) -> bool:
    date = formatdate(time.time() + 120, usegmt=True)
    return await reply(writer, 503, b"down for a while", f"Retry-After: {date}")


def replies(status: int, body: bytes = b"", *headers: str) -> Callable[[Writer], Awaitable[bool]]:
    return lambda writer: reply(writer, status, body, *headers)


BOMB = gzip.compress(bytes(2**20)) * 100
VICES: dict[str, Callable[[Writer], Awaitable[bool | None]]] = {
    "fail": replies(500, b"something broke"),
    "redirect": replies(302, b"", "Location: http://169.254.169.254/latest/meta-data/?token=Geheim"),
    "gone": replies(410, b"unsubscribed"),
    "throttle": replies(429, b"slowly", "Retry-After: 1"),
    "pause": pause,
    "hang": hang,
    "reset": reset,
    "close": close,
    "garbage": garble,
    "bomb": bomb,
    "endless": pour,
    "drip": drip,
}


async def serve(options: argparse.Namespace) -> None:
    vices = {name: float(share) for name, share in (each.split("=") for each in options.vice)}
    async with Sink(secrets=options.secret, vices=vices, seed=options.seed, port=options.port) as sink:
        print(sink.url, flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--secret", action="append", default=[])
    parser.add_argument("--vice", action="append", default=[])
    parser.add_argument("--seed", type=int, default=0)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(parser.parse_args()))
