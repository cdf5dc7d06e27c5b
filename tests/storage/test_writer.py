"""Many verbs to one commit: what a batch shares, and what it does not."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

import storage.writer
from storage.audience import Audiences
from storage.errors import LedgerBusy, LedgerUnavailable
from storage.sqlite import open_reader, open_writer
from storage.store import NoRules
from storage.transaction import TaskIds, Transaction
from storage.writer import BATCH, CHECKPOINT_EVERY, Writer

PATIENCE = 10.0


class Desk:
    """A writer on a table of one column, with everything in view: statements, rings, what is on disk."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.connection = open_writer(path)
        self.connection.execute("CREATE TABLE notes (text TEXT NOT NULL UNIQUE) STRICT")
        self.reader = open_reader(path)
        self.statements: list[str] = []
        self.connection.set_trace_callback(self.statements.append)
        self.rings: list[tuple[set[str], list[str]]] = []  # topics, and what a reader saw then
        self.writer = Writer(self.connection, begin=self.begin, ring=self.ring, **options)
        self.gate = threading.Event()

    @staticmethod
    def begin(connection: sqlite3.Connection) -> Transaction:
        return Transaction(
            connection, now=0, ids=TaskIds(None), react=NoRules(), audiences=Audiences(None), nonce=lambda: "nonce"
        )

    def ring(self, topics: set[str]) -> None:
        self.rings.append((topics, self.notes()))

    def notes(self) -> list[str]:
        return [text for (text,) in self.reader.execute("SELECT text FROM notes ORDER BY rowid")]

    def hold(self) -> Future[bool]:
        """Keep the writer busy until the gate opens, so that what follows is one batch."""
        began = threading.Event()

        def wait(_tx: Transaction) -> bool:
            began.set()
            return self.gate.wait(PATIENCE)

        future = self.writer.submit(wait)
        assert began.wait(PATIENCE)
        return future

    def count(self, statement: str) -> int:
        return self.statements.count(statement)

    def close(self) -> None:
        self.gate.set()
        self.writer.stop()
        self.reader.close()
        self.connection.close()


@pytest.fixture
def open_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    desks: list[Desk] = []

    def open_one(**options: Any) -> Desk:
        desks.append(Desk(tmp_path / f"{len(desks)}.db", **options))
        return desks[-1]

    yield open_one
    for desk in desks:
        desk.close()


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    desk = open_desk()
    desk.writer.start()
    return desk


def note(tx: Transaction, text: str | None) -> str | None:
    tx.execute("INSERT INTO notes VALUES (?)", (text,))
    tx.topics.add("events")
    return text


def note_and_fail(tx: Transaction, text: str) -> None:
    note(tx, text)
    raise ValueError(f"no {text}")


def error_of(future: Future[Any]) -> BaseException | None:
    return future.exception(PATIENCE)


def test_what_waits_together_is_one_commit(desk: Desk) -> None:
    held = desk.hold()
    futures = [desk.writer.submit(note, f"{number}") for number in range(100)]
    desk.gate.set()
    assert [future.result(PATIENCE) for future in futures] == [f"{number}" for number in range(100)]
    assert held.result(PATIENCE)
    assert desk.count("COMMIT") == 2, "one for what held the writer, one for a hundred"


def test_a_batch_has_an_end(desk: Desk) -> None:
    desk.hold()
    futures = [desk.writer.submit(note, f"{number}") for number in range(BATCH + 1)]
    desk.gate.set()
    for future in futures:
        future.result(PATIENCE)
    assert desk.count("COMMIT") == 3


def test_nobody_hears_of_success_before_the_commit(desk: Desk) -> None:
    heard: list[bool] = []
    desk.hold()
    futures = [desk.writer.submit(note, f"{number}") for number in range(5)]
    for future in futures:
        # Runs in the writer's thread, in the very moment in which the future resolves.
        future.add_done_callback(lambda done: heard.append(done.result() in desk.notes()))
    desk.gate.set()
    for future in futures:
        future.result(PATIENCE)
    desk.writer.stop()
    assert heard == [True] * 5


def test_a_verb_that_raises_undoes_itself_and_harms_no_other(desk: Desk) -> None:
    desk.hold()
    first = desk.writer.submit(note, "one")
    raising = desk.writer.submit(note_and_fail, "two")
    constrained = desk.writer.submit(note, "one")
    last = desk.writer.submit(note, text="three")
    desk.gate.set()
    assert isinstance(error_of(raising), ValueError)
    assert isinstance(error_of(constrained), sqlite3.IntegrityError)
    assert (first.result(PATIENCE), last.result(PATIENCE)) == ("one", "three")
    assert desk.notes() == ["one", "three"]
    assert desk.count("COMMIT") == 2


def end_the_transaction(tx: Transaction) -> None:
    # What SQLite does by itself when a disk is full, brought about by a conflict clause.
    tx.execute("INSERT OR ROLLBACK INTO notes VALUES (?)", (None,))


def test_an_error_that_ends_the_transaction_fails_the_whole_batch(desk: Desk) -> None:
    desk.hold()
    before, broken, after = (
        desk.writer.submit(note, "before"),
        desk.writer.submit(end_the_transaction),
        desk.writer.submit(note, "after"),
    )
    desk.gate.set()
    for future in (before, broken, after):
        error = error_of(future)
        assert isinstance(error, LedgerUnavailable)
        assert "nothing was recorded" in str(error)
    assert desk.notes() == []
    assert desk.writer.submit(note, "later").result(PATIENCE) == "later"
    assert desk.notes() == ["later"]


def test_a_verb_that_ends_the_transaction_and_goes_on_writes_nothing(desk: Desk) -> None:
    def go_on(tx: Transaction) -> None:
        try:
            end_the_transaction(tx)
        except sqlite3.Error:
            raise ValueError("what it was is forgotten") from None

    future = desk.writer.submit(go_on)
    assert isinstance(error_of(future), LedgerUnavailable)
    assert desk.notes() == []


def test_a_commit_that_fails_fails_everybody(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk()
    desk.connection.executescript(
        "PRAGMA foreign_keys = ON; CREATE TABLE parents (id PRIMARY KEY);"
        " CREATE TABLE children (id REFERENCES parents DEFERRABLE INITIALLY DEFERRED)"
    )
    desk.writer.start()
    desk.hold()
    fine = desk.writer.submit(note, "fine")
    orphan = desk.writer.submit(lambda tx: tx.execute("INSERT INTO children VALUES (1)") and None)
    desk.gate.set()
    assert isinstance(error_of(fine), LedgerUnavailable)
    assert isinstance(error_of(orphan), LedgerUnavailable)
    assert desk.notes() == []
    assert desk.writer.submit(note, "later").result(PATIENCE) == "later"


@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("disk I/O error"), sqlite3.DatabaseError("database disk image is malformed")]
)
def test_trouble_with_the_disk_is_unavailability_and_says_so(desk: Desk, error: Exception) -> None:
    def trouble(tx: Transaction) -> None:
        note(tx, "half")
        raise error

    told = error_of(desk.writer.submit(trouble))
    assert isinstance(told, LedgerUnavailable)
    assert str(error) in str(told)
    assert desk.notes() == []


def test_a_full_queue_refuses_at_once(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(max_queued=3)
    desk.writer.start()
    desk.hold()
    futures = [desk.writer.submit(note, f"{number}") for number in range(3)]
    with pytest.raises(LedgerBusy):
        desk.writer.submit(note, "too many")
    desk.gate.set()
    for future in futures:
        future.result(PATIENCE)
    assert desk.writer.submit(note, "again").result(PATIENCE) == "again"
    assert desk.notes() == ["0", "1", "2", "again"]


def test_stopping_finishes_what_is_queued_and_takes_nothing_more(desk: Desk) -> None:
    desk.hold()
    futures = [desk.writer.submit(note, f"{number}") for number in range(BATCH + 44)]
    desk.gate.set()
    desk.writer.stop()
    assert all(future.done() for future in futures)
    assert len(desk.notes()) == BATCH + 44
    with pytest.raises(LedgerUnavailable, match="closed"):
        desk.writer.submit(note, "late")
    desk.writer.stop()


def test_whoever_writes_while_it_stops_is_served_or_refused_but_never_left_waiting(
    open_desk: Callable[..., Desk],
) -> None:
    desk = open_desk()
    desk.writer.start()
    accepted: list[Future[str | None]] = []
    going, refused = threading.Event(), []

    def keep_writing(name: int) -> None:
        try:
            for number in range(1_000_000):
                accepted.append(desk.writer.submit(note, f"{name}-{number}"))
                if number % 50 == 49:
                    accepted[-1].result(PATIENCE)  # so that the queue never fills
                    going.set()
        except LedgerUnavailable as error:
            refused.append(error)

    threads = [threading.Thread(target=keep_writing, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    assert going.wait(PATIENCE)
    desk.writer.stop()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(refused) == 3
    assert all(future.done() for future in accepted)
    assert len(desk.notes()) == len(accepted)


def test_the_bell_rings_once_for_a_batch_and_after_its_commit(open_desk: Callable[..., Desk]) -> None:
    async def main(desk: Desk) -> None:
        desk.writer.start(asyncio.get_running_loop())
        desk.hold()
        writes = [desk.writer.write(note, f"{number}") for number in range(50)]
        desk.gate.set()
        await asyncio.gather(*writes)
        await asyncio.sleep(0)

    desk = open_desk()
    asyncio.run(main(desk))
    ((quiet, _), (topics, seen)) = desk.rings
    assert (quiet, topics) == (set(), {"events"})
    assert len(seen) == 50


def test_nothing_rings_for_a_batch_that_failed(open_desk: Callable[..., Desk]) -> None:
    async def main(desk: Desk) -> list[Any]:
        desk.writer.start(asyncio.get_running_loop())
        desk.hold()
        writes = [desk.writer.write(note, "before"), desk.writer.write(end_the_transaction)]
        desk.gate.set()
        return await asyncio.gather(*writes, return_exceptions=True)

    desk = open_desk()
    assert [type(error) for error in asyncio.run(main(desk))] == [LedgerUnavailable] * 2
    assert all(topics == set() for topics, _ in desk.rings)


def test_a_caller_that_went_away_disturbs_nobody_and_its_work_stands(open_desk: Callable[..., Desk]) -> None:
    async def main(desk: Desk) -> list[Any]:
        desk.writer.start(asyncio.get_running_loop())
        desk.hold()
        gone = asyncio.ensure_future(desk.writer.write(note, "gone"))
        failing = asyncio.ensure_future(desk.writer.write(note_and_fail, "nobody hears"))
        there = desk.writer.write(note, "there")
        gone.cancel()
        failing.cancel()
        desk.gate.set()
        return [await asyncio.wait_for(there, PATIENCE), gone.cancelled(), failing.cancelled()]

    desk = open_desk()
    assert asyncio.run(main(desk)) == ["there", True, True]
    assert desk.notes() == ["gone", "there"]


def test_awaiting_needs_a_loop(desk: Desk) -> None:
    with pytest.raises(LedgerUnavailable, match="loop"):
        desk.writer.write(note, "x")


def test_a_thread_that_waits_hears_its_outcome_although_the_loop_is_gone(open_desk: Callable[..., Desk]) -> None:
    async def main(desk: Desk) -> None:
        desk.writer.start(asyncio.get_running_loop())

    desk = open_desk()
    asyncio.run(main(desk))
    assert desk.writer.submit(note, "late").result(PATIENCE) == "late"


def test_checkpoints_carry_the_log_back_beside_the_writer(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk()
    desk.writer.start()
    before = desk.path.stat().st_size
    for number in range(20 * CHECKPOINT_EVERY):
        desk.writer.submit(note, f"{number} " + "x" * 3000).result(PATIENCE)
        if desk.path.stat().st_size > before:
            break
    assert desk.path.stat().st_size > before
    assert not any("wal_checkpoint" in statement for statement in desk.statements)


def test_a_transaction_that_failed_has_the_log_carried_back_which_may_make_room(
    open_desk: Callable[..., Desk],
) -> None:
    desk = open_desk()
    desk.writer.start()
    before = desk.path.stat().st_size
    for number in range(20):  # far from a checkpoint that commits ask for
        desk.writer.submit(note, f"{number} " + "x" * 3000).result(PATIENCE)
    assert desk.path.stat().st_size == before
    for _ in range(20_000):
        assert isinstance(error_of(desk.writer.submit(end_the_transaction)), LedgerUnavailable)
        if desk.path.stat().st_size > before:
            break
    assert desk.path.stat().st_size > before


def test_a_log_that_grows_in_spite_of_it_makes_the_writer_wait_for_a_whole_checkpoint(
    open_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.writer, "WAL_PAGES_MAX", 1)
    desk = open_desk()
    desk.writer.start()
    for number in range(20 * CHECKPOINT_EVERY):
        desk.writer.submit(note, f"{number}").result(PATIENCE)
        if desk.count("PRAGMA wal_checkpoint(RESTART)"):
            break
    assert desk.count("PRAGMA wal_checkpoint(RESTART)") == 1
