"""Streams of a real server: five hundred at once, and those whose readers fell asleep."""

import asyncio
import contextlib
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.events import append_event
from storage.records import DELIVERY_EXHAUSTED
from storage.store import Store
from tests.journeys.processes import API_KEY, Service, wait_until

STREAMS = 500
FILES = 2048  # that a process may have open: a socket for each stream, and some
WITHIN = 10.0  # seconds; README's figure is a fraction of one, and is measured where the machine is quiet
LARGE = 100_000  # bytes of an event
GROWTH = 5 * 1024  # KiB


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    """Let this process, and those that it starts, open enough files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def gateway(stage: Any) -> Any:
    """One that takes its time: nothing happens but what a test does."""
    gateway = stage.gateway(grid_seconds=60)
    gateway.await_ready()
    return gateway


def ask_for_stream(after: int | None = None) -> bytes:
    last = "" if after is None else f"Last-Event-ID: {after}\r\n"
    head = f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n{last}"
    return f"{head}Authorization: Bearer {API_KEY}\r\n\r\n".encode()


@pytest.mark.journey
def test_an_event_reaches_five_hundred_streams_at_once(stage: Any, gateway: Any) -> None:
    service: Service = stage.service(gateway, rules=[])
    service.await_ready()
    port = int(service.url.rpartition(":")[2])

    async def open_one() -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        writer.write(ask_for_stream())
        await reader.readuntil(b"retry: 1000\n\n")
        return reader

    async def hear(reader: asyncio.StreamReader) -> float:
        while b"a needle in a haystack" not in await reader.readuntil(b"\n\n"):
            pass
        return time.perf_counter()

    async def listen() -> list[float]:
        readers = [reader for _ in range(10) for reader in await open_some()]
        hearing = asyncio.gather(*map(hear, readers))
        said = time.perf_counter()
        await asyncio.to_thread(service.submit, "a needle in a haystack")
        async with asyncio.timeout(WITHIN):
            took = sorted(heard - said for heard in await hearing)
        for writer in writers:
            writer.close()
        return took

    async def open_some() -> list[asyncio.StreamReader]:
        return await asyncio.gather(*(open_one() for _ in range(STREAMS // 10)))

    writers: list[asyncio.StreamWriter] = []
    took = asyncio.run(listen())
    assert len(took) == STREAMS
    first, last = (round(each * 1000) for each in (took[0], took[-1]))
    print(f"\n{STREAMS} streams: the first after {first} ms, the last after {last} ms")  # noqa: T201 — for `-s`


# --- readers that fall asleep


def resident(process_id: int) -> int:
    """KiB of memory."""
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(process_id)], capture_output=True, check=True).stdout)


def count_sockets(process_id: int) -> int:
    count = 0
    for each in Path(f"/proc/{process_id}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            count += each.readlink().name.startswith("socket:")
    return count


@pytest.fixture
def hasty(stage: Any, gateway: Any) -> Service:
    """A service with little patience, whose ledger holds large events."""
    store = Store(stage.directory / "ringback.db")
    store.start()
    for _ in range(200):
        store.submit(append_event, None, DELIVERY_EXHAUSTED, "service", {}, {"detail": "x" * LARGE}).result()
    store.close()
    service: Service = stage.service(gateway, rules=[])
    service.end(signal.SIGKILL)
    service.http.headers["connection"] = "close"  # sockets are counted
    service.command = [sys.executable, str(Path(__file__).with_name("hasty.py")), "serve"]
    service.restart()
    return service


def fall_asleep(port: int) -> socket.socket:
    """Ask for every event, and read hardly anything."""
    sleeper = socket.socket()
    sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sleeper.connect(("127.0.0.1", port))
    sleeper.sendall(ask_for_stream(after=0))
    assert sleeper.recv(12) == b"HTTP/1.1 200"
    return sleeper


@pytest.mark.fault
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="open sockets are counted in /proc")
def test_a_reader_that_falls_asleep_is_dropped_and_costs_little(hasty: Service) -> None:
    port = int(hasty.url.rpartition(":")[2])

    def let_sleep() -> int:
        """Have a reader fall asleep, and wait until it is dropped; gives the memory that the service has then."""
        before = count_sockets(hasty.pid)
        with contextlib.closing(fall_asleep(port)):
            wait_until(lambda: count_sockets(hasty.pid) == before, "the sleeper is dropped")
        return resident(hasty.pid)

    # The first ones also pay for what is kept for good: threads, and what each of them remembers of the ledger.
    used = max(let_sleep() for _ in range(3))
    grown = max(let_sleep() for _ in range(3)) - used
    print(f"\na sleeping reader: {grown} KiB")  # noqa: T201 — for `-s`
    assert grown < GROWTH
    assert "Traceback" not in hasty.log
    assert "without completing" not in hasty.log
    assert hasty.http.get("/v1/events", params={"limit": 1}).json()["events"]
