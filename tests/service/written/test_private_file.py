"""A file that appears whole or not at all, and is on the disk by then."""

import os
import stat
from pathlib import Path

import pytest

from service.written.private_file import write_whole


@pytest.fixture
def synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes, list[str]]]:
    """What was synced: a file or a directory, the bytes in it, and what could be seen in the directory then.

    It only watches: no test can take the power away.
    """
    found: list[tuple[str, bytes, list[str]]] = []
    really_sync = os.fsync

    def watch(descriptor: int) -> None:
        status = os.fstat(descriptor)
        is_file = stat.S_ISREG(status.st_mode)
        content = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.stat().st_ino == status.st_ino)
        names = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("."))
        found.append(("file" if is_file else "directory", content, names))
        really_sync(descriptor)

    monkeypatch.setattr("os.fsync", watch)
    return found


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_is_on_the_disk_before_its_name_and_its_name_before_the_end(
    tmp_path: Path, synced: list[tuple[str, bytes, list[str]]], replace: bool
) -> None:
    write_whole(tmp_path / "keys", "一\n", replace=replace)
    assert synced == [("file", "一\n".encode(), []), ("directory", b"", ["keys"])]
    assert [path.name for path in tmp_path.iterdir()] == ["keys"], "the draft is gone"


def test_what_is_there_stays_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    write_whole(path, "first")
    with pytest.raises(FileExistsError):
        write_whole(path, "second")
    assert path.read_text() == "first"
    write_whole(path, "second", replace=True)
    assert path.read_text() == "second"
    assert (path.stat().st_mode & 0o777, [each.name for each in tmp_path.iterdir()]) == (0o600, ["keys"])
