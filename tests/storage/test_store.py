"""Opening a ledger, and what is told when that cannot be: in one line, and with nothing left behind."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from storage.errors import LedgerError, LedgerLocked, LedgerTooNew, LedgerUnavailable, LedgerUnreadable
from storage.openings import open_task
from storage.queue import claim_due
from storage.records import NewTask
from storage.store import Store
from storage.tasks import list_tasks, read_task

if TYPE_CHECKING:
    from tests.conftest import Ledger

TASK = NewTask(gateway="g", action="IMAGINE", prompt="猫", origin="api")

# Opens a ledger, says so, and stays until it is killed.
HOLDER = """
import sys, time
from pathlib import Path
from storage.store import Store
store = Store(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""

# Opens a ledger, claims what is planned there, and tries to write whenever it is told to; says what came of it.
FORMER = """
import sys
from pathlib import Path
from storage.errors import LedgerError
from storage.records import NewTask
from storage.store import Store
from storage.queue import claim_due
from storage.submissions import acknowledge
from storage.openings import open_task
new = NewTask(gateway="g", action="IMAGINE", prompt="former", origin="api")
store = Store(Path(sys.argv[1]))
store.start()
store.submit(open_task, new).result(10)
(claim,) = store.submit(claim_due, gateway="g", limit=1).result(10)
store.submit(open_task, new).result(10)
print("held", flush=True)
verbs = {
    "open": lambda: store.submit(open_task, new),
    "claim": lambda: store.submit(claim_due, gateway="g", limit=9),
    "acknowledge": lambda: store.submit(acknowledge, claim.submission.id, "g1", "submit"),
}
for line in sys.stdin:
    try:
        print(verbs[line.strip()]().result(10), flush=True)
    except LedgerError as error:
        print(type(error).__name__, error, flush=True)
store.close()
"""

# Records tasks and prints the seq of each event once its future says that it is committed.
RECORDER = """
import sys, threading
from pathlib import Path
from storage.events import read_latest_seq
from storage.ledger import record
from storage.records import NewTask, Progress
from storage.store import Store
from storage.openings import open_task

def live(tx, number):
    task = open_task(tx, NewTask(gateway="g", action="IMAGINE", prompt=str(number), origin="api"))
    record(tx, task.id, None, Progress(status="IN_PROGRESS", progress=number % 100), "callback")
    return read_latest_seq(tx), task.id

room = threading.Semaphore(64)

def tell(future):
    sys.stdout.write("%d %s\\n" % future.result())
    sys.stdout.flush()
    room.release()

store = Store(Path(sys.argv[1]))
store.start()
for number in range(100_000):
    room.acquire()
    store.submit(live, number).add_done_callback(tell)
"""


@pytest.fixture
def start_child() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a Python child; whatever happens, it does not outlive its test."""
    children: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, *arguments]
        children.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()


def open_and_close(path: Path) -> None:
    Store(path).close()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_files_are_its_owners_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = Store(tmp_path / "ringback.db")
        store.start()
        store.submit(open_task, TASK).result(10)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    names = ("ringback.db", "ringback.db-wal", "ringback.db-shm", "ringback.db.lock")
    assert modes == dict.fromkeys(names, 0o600)


def test_a_commit_reaches_the_disk_and_constraints_hold(ledger: "Ledger") -> None:
    def settings(tx: Any) -> list[Any]:
        names = ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint")
        return [tx.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert ledger.do(settings) == ["wal", 2, 1, 0]


def test_a_reader_cannot_write(ledger: "Ledger") -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        ledger.sql("DELETE FROM tasks")


@pytest.mark.parametrize("name", ["账本 库.db", "a#b?c=d%20.db", "x'y\"z.db"])
def test_any_name_of_a_file_will_do(open_ledger: "Callable[..., Ledger]", tmp_path: Path, name: str) -> None:
    ledger = open_ledger(name)
    task = ledger.open()
    assert ledger.ask(list_tasks) == [task]
    assert (tmp_path / name).stat().st_size > 0


def test_what_was_written_is_there_after_a_restart(open_ledger: "Callable[..., Ledger]") -> None:
    ledger = open_ledger()
    task = ledger.open_grid()
    before = task, ledger.events(task), ledger.submission(task)
    ledger.store.close()
    ledger = open_ledger()
    assert (ledger.task(task), ledger.events(task), ledger.submission(task)) == before


def test_queries_run_beside_the_loop_and_writes_are_awaited(tmp_path: Path) -> None:
    async def main() -> None:
        store = Store(tmp_path / "ringback.db")
        store.start(asyncio.get_running_loop())
        task = await store.write(open_task, TASK)
        assert await store.read(read_task, task.id) == task
        with store.bell.listen("submissions") as listener:
            await store.write(open_task, TASK)
            assert await listener.wait(5)
        await asyncio.to_thread(store.close)
        with pytest.raises(LedgerUnavailable, match="closed"):
            await store.write(open_task, TASK)

    asyncio.run(main())


class TestOneProcess:
    """One process per ledger."""

    def test_a_second_one_is_told_who_holds_it(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        store = Store(path)
        with pytest.raises(LedgerLocked) as told:
            Store(path)
        assert f"process {os.getpid()} ({path})" in str(told.value)
        assert "\n" not in str(told.value)
        store.close()
        open_and_close(path)

    def test_another_name_of_the_same_file_is_the_same_ledger(self, tmp_path: Path) -> None:
        path, link = tmp_path / "ringback.db", tmp_path / "link.db"
        store = Store(path)
        link.symlink_to(path)
        with pytest.raises(LedgerLocked):
            Store(link)
        store.close()
        store = Store(link)
        with pytest.raises(LedgerLocked):
            Store(path)
        store.close()

    def test_the_lock_ends_with_its_process_however_that_ends(
        self, tmp_path: Path, start_child: Callable[..., subprocess.Popen[str]]
    ) -> None:
        path = tmp_path / "ringback.db"
        child = start_child(HOLDER, str(path))
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(LedgerLocked, match=f"process {child.pid} "):
            Store(path)
        child.send_signal(signal.SIGKILL)
        child.wait()
        open_and_close(path)

    def test_of_two_that_got_in_only_the_last_one_writes(
        self, tmp_path: Path, start_child: Callable[..., subprocess.Popen[str]]
    ) -> None:
        path = tmp_path / "ringback.db"
        child = start_child(FORMER, str(path))
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        Path(f"{path}.lock").unlink()
        store = Store(path)
        store.start()

        def let(verb: str) -> str:
            assert child.stdin is not None
            assert child.stdout is not None
            print(verb, file=child.stdin, flush=True)
            return child.stdout.readline()

        refused = "LedgerUnavailable Another process has taken this ledger over; nothing was recorded. Stop this one.\n"
        assert [let(verb) for verb in ("open", "claim", "acknowledge")] == [refused] * 3
        assert store.doubted == 1, "what the former one was sending is in doubt from the same commit on"
        states = "SELECT submission FROM tasks ORDER BY id"
        assert store.query(lambda db: db.execute(states).fetchall()) == [("unknown",), ("planned",)]
        assert len(store.submit(claim_due, gateway="g", limit=9).result(10)) == 1
        store.close()
        assert let("open") == refused, "it stays so"
        child.stdin.close()
        assert child.wait(10) == 0
        store = Store(path)
        assert store.query(lambda db: db.execute("PRAGMA integrity_check").fetchone()) == ("ok",)
        store.close()

    def test_a_second_name_of_the_file_itself_is_refused(self, tmp_path: Path) -> None:
        path, link = tmp_path / "ringback.db", tmp_path / "link.db"
        store = Store(path)
        link.hardlink_to(path)
        with pytest.raises(LedgerUnreadable, match="another name") as told:
            Store(link)
        assert "\n" not in str(told.value)
        store.close()
        link.unlink()
        open_and_close(path)

    def test_a_ledger_that_could_not_be_opened_is_not_held(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        path.write_bytes(b"this is no database at all, but it is long enough to be taken for one" * 100)
        for _ in range(2):
            with pytest.raises(LedgerUnreadable):
                Store(path)
        path.unlink()
        open_and_close(path)


def test_kill_9_loses_nothing_that_was_acknowledged(
    tmp_path: Path, start_child: Callable[..., subprocess.Popen[str]]
) -> None:
    path = tmp_path / "ringback.db"
    child = start_child(RECORDER, str(path))
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(300)]
    child.send_signal(signal.SIGKILL)
    told += child.stdout.read().splitlines(keepends=True)
    acknowledged = [line.split() for line in told if line.endswith("\n")]
    assert len(acknowledged) >= 300
    store = Store(path)
    kept = dict(store.query(lambda db: db.execute("SELECT seq, task_id FROM events").fetchall()))
    for seq, task_id in acknowledged:
        assert kept[int(seq)] == task_id
        assert store.query(read_task, task_id).submission == "accepted"
    assert store.query(lambda db: db.execute("PRAGMA integrity_check").fetchone()) == ("ok",)
    assert store.query(lambda db: db.execute("PRAGMA foreign_key_check").fetchall()) == []
    store.close()


class TestDamage:
    """What cannot be opened says so in one line, as an error of ours."""

    @staticmethod
    def refuse(path: Path, *kinds: type[LedgerError]) -> str:
        with pytest.raises(kinds or LedgerUnreadable) as told:
            Store(path)
        assert "\n" not in str(told.value)
        assert not isinstance(told.value, LedgerLocked)
        return str(told.value)

    @pytest.mark.parametrize("content", [b"not a database " * 1000, "一只猫".encode() * 500])
    def test_a_file_that_is_no_database(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "ringback.db"
        path.write_bytes(content)
        said = self.refuse(path)
        assert "not a database" in said
        assert str(path) in said
        assert path.read_bytes() == content, "it is somebody's file"

    def test_a_directory_and_a_place_that_is_not_there(self, tmp_path: Path) -> None:
        assert str(tmp_path) in self.refuse(tmp_path)
        assert "No such file" in self.refuse(tmp_path / "nowhere" / "ringback.db")

    @pytest.mark.parametrize("kept", [100, 1024, 5000, 30_000])
    def test_a_file_that_was_cut_short(self, open_ledger: "Callable[..., Ledger]", tmp_path: Path, kept: int) -> None:
        path = self.fill(open_ledger, tmp_path)
        path.write_bytes(path.read_bytes()[:kept])
        self.refuse(path)

    def test_a_file_with_any_page_of_its_schema_or_tasks_overwritten(
        self, open_ledger: "Callable[..., Ledger]", tmp_path: Path
    ) -> None:
        path = self.fill(open_ledger, tmp_path)
        content = path.read_bytes()
        pages = len(content) // 4096
        for page in range(1, pages):
            path.write_bytes(content[: page * 4096] + b"\xff" * 4096 + content[(page + 1) * 4096 :])
            try:
                Store(path).close()  # a page that opening need not read may be broken
            except LedgerError as error:
                assert isinstance(error, LedgerUnreadable)
                assert "\n" not in str(error)

    @staticmethod
    def fill(open_ledger: "Callable[..., Ledger]", tmp_path: Path) -> Path:
        ledger = open_ledger("full.db")
        ledger.do(lambda tx: [open_task(tx, TASK) for _ in range(200)])
        ledger.store.close()
        shutil.copy(tmp_path / "full.db", tmp_path / "ringback.db")
        return tmp_path / "ringback.db"

    def test_somebody_elses_database(self, tmp_path: Path) -> None:
        path = tmp_path / "ringback.db"
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE tasks (mine TEXT)")
        connection.close()
        assert "tasks" in self.refuse(path, LedgerUnreadable, LedgerUnavailable)

    def test_a_newer_ledger(self, open_ledger: "Callable[..., Ledger]", tmp_path: Path) -> None:
        open_ledger("new.db").store.close()
        connection = sqlite3.connect(tmp_path / "new.db")
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('ringback', 'of_the_future', '')"
        )
        connection.commit()
        connection.close()
        said = self.refuse(tmp_path / "new.db", LedgerTooNew)
        assert "newer" in said


class TestNoSpace:
    """A full disk: nothing is acknowledged that is not kept, and it works again when there is space."""

    @staticmethod
    def leave_room(ledger: "Ledger", pages: int) -> None:
        """Let the database grow by so many pages and no further."""
        ((used,),) = ledger.sql("PRAGMA page_count")
        ledger.do(lambda tx: tx.execute(f"PRAGMA max_page_count = {used + pages}").fetchone())

    @staticmethod
    def fill(store: Store) -> tuple[int, str]:
        """Write until it cannot be; gives how many tasks were acknowledged, and what was said then."""
        for number in range(10_000):
            future = store.submit(open_task, NewTask(gateway="g", action="IMAGINE", prompt="x" * 5000, origin="api"))
            try:
                future.result(10)
            except LedgerUnavailable as error:
                return number, str(error)
        raise AssertionError("it never became full")

    def test_when_the_database_may_not_grow(self, ledger: "Ledger") -> None:
        task = ledger.open_accepted()
        self.leave_room(ledger, 15)
        written, said = self.fill(ledger.store)
        assert written > 0
        assert "full" in said
        assert ledger.sql("SELECT count(*) FROM tasks") == [(written + 1,)]
        with pytest.raises(LedgerUnavailable):
            ledger.record(task, status="SUCCESS", progress=100, properties={"much": "x" * 100_000})
        assert (ledger.task(task).status, ledger.told(task)) == ("NOT_START", ["task.submitted"])
        ledger.do(lambda tx: tx.execute("PRAGMA max_page_count = 100000").fetchone())
        assert ledger.record(task, status="SUCCESS", progress=100, properties={"much": "x" * 100_000}) == "news"
        assert ledger.told(task) == ["task.submitted", "task.succeeded"]

    def test_a_whole_batch_fails_together(self, ledger: "Ledger") -> None:
        self.leave_room(ledger, 15)
        task = ledger.open_accepted()
        futures = [
            ledger.store.submit(open_task, NewTask(gateway="g", action="IMAGINE", prompt="x" * 9000, origin="api"))
            for _ in range(100)
        ]
        kept = [future.result(10).id for future in futures if future.exception(10) is None]
        failed = [future.exception(10) for future in futures if future.exception(10) is not None]
        assert failed
        assert all(isinstance(error, LedgerUnavailable) for error in failed)
        assert {row[0] for row in ledger.sql("SELECT id FROM tasks")} == {task.id, *kept}

    def test_when_a_real_disk_is_full(self, tmp_path: Path) -> None:
        """On a file system of 2 MB, in a mount namespace that ends with the child."""
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
        if (
            shutil.which("unshare") is None
            or subprocess.run([*command, "mount -t tmpfs t /mnt"], check=False).returncode
        ):
            pytest.skip("this machine lets nobody mount a small disk")
        disk = tmp_path / "disk"
        disk.mkdir()
        script = 'mount -t tmpfs -o size=2m t "$1" && exec "$2" -c "$3" "$1"'
        child = subprocess.run(
            [*command, script, "sh", str(disk), sys.executable, SMALL_DISK],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert child.returncode == 0, child.stderr
        assert child.stdout == "full, kept, works again, whole, cannot be opened read-only\n"


SMALL_DISK = """
import os, sys
from pathlib import Path
from storage.errors import LedgerUnavailable, LedgerUnreadable
from storage.ledger import record
from storage.records import NewTask, Progress
from storage.store import Store
from storage.openings import open_task
disk = Path(sys.argv[1])
store = Store(disk / "ringback.db")
store.start()
new = NewTask(gateway="g", action="IMAGINE", prompt="x" * 5000, origin="api")
task = store.submit(open_task, new).result(10)
filler = disk / "filler"
filler.write_bytes(b"x" * 1_000_000)
kept = [task.id]
try:
    while len(kept) < 10_000:
        kept.append(store.submit(open_task, new).result(10).id)
except LedgerUnavailable as error:
    assert "full" in str(error) or "I/O" in str(error), error
    print("full", end=", ")
done = Progress(status="SUCCESS", progress=100, properties={"much": "x" * 100_000})
for _ in range(3):
    try:
        store.submit(record, task.id, None, done, "callback").result(10)
        raise SystemExit("recorded on a full disk")
    except LedgerUnavailable:
        pass
ids = lambda db: [row[0] for row in db.execute("SELECT id FROM tasks ORDER BY id")]
assert store.query(ids) == kept
print("kept", end=", ")
filler.unlink()
assert store.submit(record, task.id, None, done, "callback").result(10) == "news"
print("works again", end=", ")
store.close()
store = Store(disk / "ringback.db")
assert store.query(ids) == kept
assert store.query(lambda db: db.execute("PRAGMA integrity_check").fetchone()) == ("ok",)
store.close()
print("whole", end=", ")
assert os.system(f"mount -o remount,ro t '{disk}'") == 0
try:
    Store(disk / "ringback.db")
except LedgerUnreadable as error:
    assert "Read-only" in str(error), error
    print("cannot be opened read-only")
"""


def test_a_ledger_that_became_read_only_refuses_and_recovers(ledger: "Ledger") -> None:
    task = ledger.open_accepted()
    ledger.store._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(LedgerUnavailable, match="readonly"):
        ledger.record(task, status="SUCCESS", progress=100)
    assert ledger.task(task).status == "NOT_START"
    ledger.store._connection.execute("PRAGMA query_only = OFF")
    assert ledger.record(task, status="SUCCESS", progress=100) == "news"


def test_a_ledger_that_is_damaged_while_it_is_open_refuses_what_it_cannot_write(
    open_ledger: "Callable[..., Ledger]", tmp_path: Path
) -> None:
    ledger = open_ledger()
    ledger.do(lambda tx: [open_task(tx, TASK) for _ in range(500)])
    ledger.store.close()
    path = tmp_path / "ringback.db"
    ledger = open_ledger()
    (root,) = ledger.sql("SELECT rootpage FROM sqlite_schema WHERE name = 'submissions'")[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    ledger.do(lambda tx: tx.execute("PRAGMA shrink_memory").fetchone())
    with pytest.raises(LedgerUnavailable, match="malformed"):
        ledger.open()
