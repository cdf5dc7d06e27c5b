"""Which file system a folder is on, and how full."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from service.cli.doctor.ground import FREE_AT_LEAST, examine_ground, read_kind

MOUNTINFO = """\
22 1 0:20 / / rw,relatime - overlay overlay rw
23 22 0:21 / /data rw,noatime shared:1 - ext4 /dev/sda1 rw
24 23 0:22 / /data/in\\040memory rw - tmpfs tmpfs rw
25 22 0:23 / /dat rw - ramfs none rw
26 22 0:24 / /twice rw - ext4 /dev/sdb1 rw
27 26 0:25 / /twice rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/ringback", "overlay"),
        ("/data", "ext4"),
        ("/data/deep/down", "ext4"),
        ("/data/in memory", "tmpfs"),
        ("/dat", "ramfs"),
        ("/twice/x", "tmpfs"),
    ],
)
def test_the_nearest_mount_tells_the_kind(tmp_path: Path, folder: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTINFO)
    assert read_kind(Path(folder), mounts) == kind


def test_where_the_system_does_not_tell_there_is_no_fault(tmp_path: Path) -> None:
    assert read_kind(tmp_path, tmp_path / "nothing") is None


def test_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int = FREE_AT_LEAST - 1

    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: Usage())
    disk: Any = next(iter(examine_ground(tmp_path / "ringback.db")))
    assert (disk.check, disk.ok) == ("disk", False)
    assert "268 MB left" in disk.detail
    assert "Make room" in disk.remedy
