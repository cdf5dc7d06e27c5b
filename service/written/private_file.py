"""A file that appears whole or not at all, with its permissions from the first moment."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600  # for its owner alone


def write_whole(path: Path, text: str, *, mode: int = PRIVATE, replace: bool = False) -> None:
    """Write a file and have it on the disk on return.

    Without `replace`, raises FileExistsError when the file is there, also when another process was quicker. Raises
    OSError when the disk will not have it; nothing half-written is left.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 — it is a descriptor
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            os.link(draft, path)  # fails when the name is taken: O_EXCL for a file that is complete already
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
