"""Reading beside the writer, and what becomes of a query when the ledger closes under it."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storage.errors import LedgerUnavailable
from storage.readers import LOOKUPS, SEARCHES
from storage.store import Store

if TYPE_CHECKING:
    from tests.conftest import Ledger

PATIENCE = 10.0
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

# Closes a ledger under queries of both lanes and of a thread of its own, again and again.
CLOSER = f"""
import asyncio, sys, threading
from pathlib import Path
from storage.errors import LedgerUnavailable
from storage.store import Store

def endless(db):
    return db.execute("{ENDLESS}").fetchone()

def ask(store):
    try:
        store.query(endless)
    except LedgerUnavailable:
        pass

async def main(path):
    store = Store(path)
    store.start(asyncio.get_running_loop())
    own = threading.Thread(target=ask, args=(store,))
    own.start()
    asked = [asyncio.ensure_future(lane(endless)) for lane in (store.read, store.search) for _ in range(6)]
    await asyncio.sleep(0.05)
    await asyncio.to_thread(store.close)
    own.join()
    print({{type(error).__name__ for error in await asyncio.gather(*asked, return_exceptions=True)}})

for _ in range(5):
    asyncio.run(main(Path(sys.argv[1])))
"""


def endless(db: sqlite3.Connection, began: threading.Semaphore) -> None:
    began.release()
    db.execute(ENDLESS).fetchone()


def wait_for(began: threading.Semaphore, number: int) -> None:
    for _ in range(number):
        assert began.acquire(timeout=PATIENCE)


def run(store: Store, scenario: Callable[[], object]) -> None:
    """Start the store on a loop, play the scenario there, and close the store."""

    async def main() -> None:
        store.start(asyncio.get_running_loop())
        try:
            async with asyncio.timeout(PATIENCE):
                await scenario()  # type: ignore[misc]
        finally:
            await asyncio.to_thread(store.close)

    asyncio.run(main())


def test_a_process_survives_closing_under_queries(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLOSER, str(tmp_path / "ringback.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["{'LedgerUnavailable'}"] * 5


def test_closing_cuts_off_what_runs_and_refuses_what_waits(tmp_path: Path) -> None:
    store, began, others = Store(tmp_path / "ringback.db"), threading.Semaphore(0), set(threading.enumerate())

    async def scenario() -> None:
        asked = [asyncio.ensure_future(store.search(endless, began)) for _ in range(SEARCHES + 3)]
        await asyncio.to_thread(wait_for, began, SEARCHES)
        await asyncio.to_thread(store.close)
        assert not [each for each in threading.enumerate() if each not in others and each.name.startswith("ledger")]
        for error in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(error, LedgerUnavailable)
            assert "closed" in str(error)
        assert not began.acquire(blocking=False), "one that waited began after all"

    run(store, scenario)


def test_a_thread_of_somebody_elses_is_cut_off_too(ledger: "Ledger") -> None:
    began, told = threading.Semaphore(0), list[BaseException]()

    def ask() -> None:
        try:
            ledger.ask(endless, began)
        except LedgerUnavailable as error:
            told.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(began, 1)
    ledger.store.close()
    thread.join(PATIENCE)
    assert len(told) == 1


def test_nothing_is_asked_of_a_closed_ledger(tmp_path: Path) -> None:
    store = Store(tmp_path / "ringback.db")
    store.query(lambda db: db.execute("SELECT 1").fetchone())
    store.close()

    async def scenario() -> None:
        for lane in (store.read, store.search):
            with pytest.raises(LedgerUnavailable, match="closed"):
                await lane(lambda db: db.execute("SELECT 1").fetchone())

    asyncio.run(scenario())
    with pytest.raises(LedgerUnavailable, match="closed"):
        store.query(lambda db: db.execute("SELECT 1").fetchone())
    told = list[BaseException]()

    def ask() -> None:  # on a thread that has never asked before
        try:
            store.query(lambda db: db.execute("SELECT 1").fetchone())
        except LedgerUnavailable as error:
            told.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(PATIENCE)
    assert len(told) == 1


def test_searches_keep_no_lookup_waiting(tmp_path: Path) -> None:
    store, began = Store(tmp_path / "ringback.db"), threading.Semaphore(0)

    async def scenario() -> None:
        searches = [asyncio.ensure_future(store.search(endless, began)) for _ in range(LOOKUPS + SEARCHES)]
        await asyncio.to_thread(wait_for, began, SEARCHES)
        assert await store.read(lambda db: db.execute("SELECT 7").fetchone()) == (7,)
        await asyncio.to_thread(store.close)
        await asyncio.gather(*searches, return_exceptions=True)

    run(store, scenario)


def test_a_query_that_fails_by_itself_says_why(ledger: "Ledger") -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        ledger.sql("SELECT * FROM nowhere")


def test_a_caller_that_went_away_leaves_its_thread_to_others(tmp_path: Path) -> None:
    store, gate, began = Store(tmp_path / "ringback.db"), threading.Event(), threading.Semaphore(0)

    def hold(_db: sqlite3.Connection) -> bool:
        began.release()
        return gate.wait(PATIENCE)

    async def scenario() -> None:
        held = [asyncio.ensure_future(store.search(hold)) for _ in range(SEARCHES)]
        await asyncio.to_thread(wait_for, began, SEARCHES)
        waiting = asyncio.ensure_future(store.search(hold))
        await asyncio.sleep(0)
        waiting.cancel()
        held[0].cancel()
        await asyncio.wait([waiting, held[0]])
        await asyncio.sleep(0)  # now their threads know it, too
        gate.set()
        assert await store.search(lambda db: db.execute("SELECT 7").fetchone()) == (7,)
        assert not began.acquire(blocking=False), "nobody waits for its answer"
        await asyncio.gather(*held[1:])

    run(store, scenario)
