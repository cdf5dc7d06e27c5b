"""What the service stands on: its disk and its ledger. Nothing here takes the ledger's lock."""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from service.cli.doctor.finding import Finding, ill, well
from storage.errors import LedgerError
from storage.sqlite import is_there, open_reader, read_holder

FREE_AT_LEAST: Final = 256 * 1024 * 1024  # bytes
CHECK_AT_MOST: Final = 20.0  # seconds that the ledger is looked through
LOOK_EVERY: Final = 100_000  # instructions of SQLite between two looks at the clock
MOUNTS: Final = Path("/proc/self/mountinfo")  # Linux
# File systems that are gone with the machine's power, or with the container.
EPHEMERAL: Final = {"tmpfs": "memory", "ramfs": "memory", "overlay": "a container's own layer", "aufs": "the same"}

ELSEWHERE: Final = "or set RINGBACK_DATABASE to a file on another disk"


def examine_ground(database: Path) -> Iterator[Finding]:
    """Look at the folder of the ledger, and at the ledger."""
    folder = database.parent
    if not folder.is_dir():
        yield ill("disk", f"There is no folder {folder}.", f"Make it, {ELSEWHERE}.")
        return
    unwritable = _find_unwritable(folder, database)
    if unwritable is None:
        yield _examine_room(folder)
    else:
        remedy = f"Mount it writable, give it to the user that the service runs as, {ELSEWHERE}."
        yield ill("disk", f"{folder} cannot be written: {unwritable}.", remedy)
    yield _examine_volume(folder)
    if unwritable is None:  # SQLite writes beside a ledger even to read it
        yield _examine_ledger(database)


def _find_unwritable(folder: Path, database: Path) -> str | None:
    """Say why nothing can be written there; None when it can."""
    try:
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(b"\0")
        if is_there(database):
            with database.open("ab"):
                pass
    except OSError as error:
        return error.strerror or str(error)
    return None


def _examine_room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    if free < FREE_AT_LEAST:
        remedy = f"Make room, {ELSEWHERE}; callbacks that cannot be written are refused."
        return ill("disk", f"{folder} has only {_in_megabytes(free)} left.", remedy)
    return well("disk", f"{folder} can be written, {_in_megabytes(free)} are free.")


def _in_megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"


def _examine_volume(folder: Path) -> Finding:
    kind = read_kind(folder)
    if kind not in EPHEMERAL:
        return well("volume", f"{folder} outlives a restart" + (f" ({kind})." if kind else ", as far as can be told."))
    detail = f"{folder} is on {kind}, {EPHEMERAL[kind]}: the ledger may be gone with the next restart or deployment."
    return ill("volume", detail, "Mount a volume that is kept, and set RINGBACK_DATABASE to a file on it.")


def read_kind(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of the file system that a folder is on; None where the system does not tell."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    place, best, kind = os.path.realpath(folder), -1, None
    for line in lines:
        before, _, after = line.partition(" - ")
        mounted = before.split(" ")[4].encode().decode("unicode_escape")  # a blank is written as \040
        # Of two mounts at one place, the later one is seen.
        if Path(place).is_relative_to(mounted) and len(mounted) >= best:
            best, kind = len(mounted), after.split(" ")[0]
    return kind


def _examine_ledger(database: Path) -> Finding:
    if not is_there(database):
        return well("ledger", f"{database} is not there yet; `ringback serve` makes it.")
    try:
        holder = read_holder(database)
        said = check_ledger(database)
    except (LedgerError, sqlite3.Error, OSError) as error:
        remedy = f"Look whether {database} is a ledger of Ringback's; restore a backup, {ELSEWHERE}."
        return ill("ledger", f"{database} cannot be read: {error}", remedy)
    if said is not None:
        remedy = "Stop the service and restore a backup; until then, copy the file before anything else is tried."
        return ill("ledger", f"{database} is damaged: {said}", remedy)
    return well("ledger", f"{database} is whole; " + (f"held by {holder}." if holder else "nobody holds it."))


def check_ledger(database: Path) -> str | None:
    """Look through a ledger for damage, for a while; give what is wrong. Raises LedgerUnreadable and sqlite3.Error."""
    deadline = time.monotonic() + CHECK_AT_MOST
    connection = open_reader(database)
    try:
        connection.execute("SELECT count(*) FROM tasks WHERE 0")
        connection.set_progress_handler(lambda: time.monotonic() > deadline, LOOK_EVERY)
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        if time.monotonic() > deadline:
            return None  # as far as it was looked through, it is whole
        raise
    finally:
        connection.close()
    return None if said == "ok" else str(said)
