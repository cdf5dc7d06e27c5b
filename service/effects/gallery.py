"""Where pictures are kept: files below one folder, whole or not at all, none written over and none outside of it.

It blocks: call it on a thread.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from hooks.media import HEAD, SUFFIXES, find_suffix

INCOMING: Final = ".incoming"  # the folder, below the gallery's own, of files that are not whole yet
_COMPARED: Final = 1024 * 1024  # bytes at a time


class NotKept(Exception):
    """The file cannot stand there."""


class Draft:
    """A file that is not whole yet. Who discards it may do so at any moment, whatever another thread does with it."""

    def __init__(self, path: Path, open_file: Callable[[Path], BinaryIO]) -> None:
        self.path = path
        self._open = open_file
        self._file: BinaryIO | None = None
        self._using = threading.Lock()
        self._over = False

    def write(self, piece: bytes) -> None:
        """Add to it; the first time it comes to be on the disk. Raises OSError."""
        with self._using:
            if not self._over:
                self._file = self._file or self._open(self.path)
                self._file.write(piece)

    def finish(self) -> bytes:
        """Bring it to the disk for good, and give its beginning. Raises OSError."""
        with self._using:
            if self._file is None or self._over:
                return b""
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.seek(0)
            head = self._file.read(HEAD)
            self._file.close()
            return head

    def discard(self) -> None:
        """Remove it, unless it has come to its place."""
        with self._using:
            self._over = True
            if self._file is not None:
                with suppress(OSError):
                    self._file.close()
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)


class Gallery:
    """A folder of pictures; it is made when the first one comes. Only one process uses it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._placing = threading.Lock()  # two of ours may want one name

    def sweep(self) -> None:
        """Remove what a crash has left unfinished. A folder that cannot be read is none of its business."""
        with suppress(OSError):
            for left in (self._folder / INCOMING).iterdir():
                with suppress(OSError):
                    left.unlink()

    def begin(self, number: int) -> Draft:
        """A new file to be filled; nobody else has its number at the same time."""
        return Draft(self._folder / INCOMING / f"{number}.part", self._open)

    def keep(self, draft: Draft, path: str, task_id: str) -> str:
        """Put a file that is whole in its place, for good, and give its path; both are relative, with "/".

        A path without the suffix of a picture or a video gets one; where another file stands already, "-" with the
        task's id is added. Raises NotKept and OSError.
        """
        suffix = find_suffix(draft.finish())
        if suffix is None:
            raise NotKept("what came is neither a picture nor a video")
        relative = PurePosixPath(path)
        if relative.is_absolute() or not relative.name or {"..", INCOMING} & set(relative.parts):
            raise NotKept("its path leads out of the folder of downloads")
        if relative.suffix.lower() not in SUFFIXES:
            relative = relative.with_name(relative.name + suffix)
        folder = self._make_root()
        for part in relative.parts[:-1]:
            folder = self._step(folder, part)
        with self._placing:
            for name in (relative.name, f"{relative.stem}-{task_id}{relative.suffix}"):
                if self._place(draft.path, folder / name):
                    return str(relative.with_name(name))
        raise NotKept("another file stands there")

    def _open(self, path: Path) -> BinaryIO:
        self._step(self._make_root(), INCOMING)
        return path.open("w+b")

    def _make_root(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder.resolve()

    def _step(self, folder: Path, part: str) -> Path:
        """A folder within a folder, made if it must be. Raises NotKept where a link leads out of the gallery."""
        inner = folder / part
        if not inner.is_symlink():
            inner.mkdir(exist_ok=True)
        if not inner.resolve().is_relative_to(self._folder.resolve()):
            raise NotKept("a link in its path leads out of the folder of downloads")
        return inner

    def _place(self, file: Path, target: Path) -> bool:
        """Move a file to its place; False when another one stands there. The same one may."""
        if os.path.lexists(target):
            return not target.is_symlink() and target.is_file() and _is_same(file, target)
        file.rename(target)
        with suppress(OSError):  # a folder cannot be opened everywhere
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return True


def _is_same(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while piece := first.read(_COMPARED):
            if piece != second.read(_COMPARED):
                return False
    return True
