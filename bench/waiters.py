"""What waiting costs: ingest with clients that wait for tasks, as a ratio to ingest without them.

Method: the run of bench.ingest, by which every task gets its callbacks, while as many clients as are asked for wait for
the ending of one task each (`GET /v1/tasks/{id}?wait=60`, over again when it has ended) on connections of their own.
Each round runs both, one after the other, each server fresh; the ratio is taken round by round.

    python -m bench.waiters [--waiters 100] [--connections 32] [--rounds 3]
"""

import argparse
import asyncio
import shutil
import sqlite3
import statistics
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path

from bench.ingest import check, load, server
from bench.servers import API_KEY


async def wait_for(port: int, task_id: str, answers: list[int]) -> None:
    """Wait for one task, again and again, on one connection; adds the status of each answer to `answers`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            writer.write(
                f"GET /v1/tasks/{task_id}?wait=60 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Authorization: Bearer {API_KEY}\r\n\r\n".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
            answers.append(int(head.split()[1]))
            await asyncio.sleep(1)  # it has ended: the next answer is there at once
    finally:
        writer.close()


@contextmanager
def waiting(port: int, task_ids: list[str]) -> Iterator[list[int]]:
    """Wait for these tasks in a thread; gives the answers' statuses as they come."""
    answers: list[int] = []
    stopping = asyncio.Event()

    async def wait_all() -> None:
        waits = [asyncio.create_task(wait_for(port, task_id, answers)) for task_id in task_ids]
        begun.set_result(asyncio.get_running_loop())
        await stopping.wait()
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    begun: Future[asyncio.AbstractEventLoop] = Future()
    thread = threading.Thread(target=asyncio.run, args=(wait_all(),))
    thread.start()
    try:
        yield answers
    finally:
        begun.result().call_soon_threadsafe(stopping.set)
        thread.join()


def run(waiters: int, connections: int) -> float:
    """Give durable callbacks per second while so many wait."""
    folder = Path(tempfile.mkdtemp(prefix="ringback-bench-"))
    try:
        with server("gateway") as gateway_port, server("ringback", str(folder), str(gateway_port)) as port:
            with closing(sqlite3.connect(folder / "ringback.db")) as db:
                rows = db.execute("SELECT id FROM tasks WHERE parent_id IS NULL ORDER BY random() LIMIT ?", (waiters,))
                task_ids = [task_id for (task_id,) in rows]
            with waiting(port, task_ids) as answers:
                rate = load(port, folder / "requests", connections)
                if set(answers) - {200}:
                    raise SystemExit(f"not every wait was answered with 200: {set(answers)}")
        check(folder / "ringback.db")
        return rate
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Ingest while clients wait for tasks, against ingest without them.")
    parser.add_argument("--waiters", type=int, default=100)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rounds = [
        (run(arguments.waiters, arguments.connections), run(0, arguments.connections)) for _ in range(arguments.rounds)
    ]
    ratios = sorted(busy / alone for busy, alone in rounds)
    busy, alone = (statistics.median(rates) for rates in zip(*rounds, strict=True))
    print(
        f"ingest with {arguments.waiters} waiters: {busy:,.0f} durable callbacks/s, without {alone:,.0f}; ratio"
        f" {statistics.median(ratios):.2f} (median of {len(rounds)} rounds, {ratios[0]:.2f}–{ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    main()
