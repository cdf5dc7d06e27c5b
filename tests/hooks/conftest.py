"""Servers for tests of what we call: raw TCP, because half of what matters is a server that misbehaves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

PATIENCE = 10.0  # seconds until a test gives up waiting
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server on the loopback interface that answers each connection's first request in the same way."""

    def __init__(self, answer: bytes | Talk) -> None:
        self.port = 0
        self.heard: list[bytes] = []  # the head of each request
        self._answer = answer

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if callable(self._answer):
                await self._answer(reader, writer)
            else:
                self.heard.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self._answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Serves: `async with serve(b"HTTP/1.1 200 OK…") as server`, or a conversation in the place of the bytes."""

    @asynccontextmanager
    async def serve_one(answer: bytes | Talk) -> AsyncIterator[Server]:
        server = Server(answer)
        listener = await asyncio.start_server(server.converse, "127.0.0.1", 0)
        server.port = listener.sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            listener.close()

    return serve_one
