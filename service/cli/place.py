"""Where forwarding has got to, kept between two runs in a small file."""

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from service.cli.failures import Failed
from service.written.private_file import write_whole

FOLDER: Final = "ringback"
NAME_LENGTH: Final = 24  # hexadecimal digits: enough that no two places share a file


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file. It names nobody: an address may hold a secret."""

    after: int  # the `seq` of the last event that was taken


class Place:
    """The place of some of one service's events at one URL; `environ` says where a program keeps its state.

    `which` are those events, in words of the caller's own: another choice has another place.
    """

    def __init__(self, service: str, forward: str, which: Sequence[str], environ: Mapping[str, str]) -> None:
        words = "\n".join((service, forward, *which))
        name = sha256(words.encode(errors="surrogateescape")).hexdigest()[:NAME_LENGTH]
        self.path = _find_folder(environ) / f"listen-{name}.json"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep others from it meanwhile. Raises Failed where another one has it."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self.path.with_suffix(".lock").open("a")
        except OSError as error:
            raise Failed(f"{self.path.parent} cannot be written: {error.strerror}.") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                said = "Another `ringback listen` forwards the same events to the same URL; stop it first."
                raise Failed(said) from None
            yield

    def read(self) -> int | None:
        """Give the `seq` after which to go on; None where nothing was kept, or nothing that can be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Kept).after
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        except OSError as error:
            raise Failed(f"{self.path} cannot be read: {error.strerror}.") from None

    def keep(self, after: int) -> None:
        """Keep it, for good on return. Raises Failed where that cannot be."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self.path, msgspec.json.encode(_Kept(after=after)).decode(), replace=True)
        except OSError as error:
            raise Failed(f"{self.path} cannot be written: {error.strerror}.") from None


def _find_folder(environ: Mapping[str, str]) -> Path:
    """The folder of this program's state, by the XDG Base Directory Specification 0.8: a path in it is absolute."""
    given = Path(environ.get("XDG_STATE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".local" / "state") / FOLDER
