"""The demo's processes: started apart from the terminal, and never left behind."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from service.cli.failures import Failed

# Below the ports that systems give to outgoing connections (Linux: from 32768, others: from 49152), so that nothing
# takes the server's while it is dead.
PORTS: Final = range(20_000, 32_000)
START_TIMEOUT: Final = 20.0  # seconds until a process must answer
STOP_TIMEOUT: Final = 5.0  # seconds that a process has to leave when asked
LOOK: Final = 0.02  # seconds between two looks
ENDED_BY: Final = (signal.SIGTERM, signal.SIGHUP)  # SIGHUP comes when the terminal is closed


class Processes:
    """The processes that this one started, each with a log in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, arguments: Sequence[str], settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start `ringback <arguments>` in the folder, with these settings and none of the user's."""
        command = [sys.executable, "-P", "-m", "service.cli", *arguments]
        # A session of its own: Ctrl-C goes to the demo alone, which then ends its processes in order.
        with undisturbed(), self._log(name).open("ab") as log:
            process = self._running[name] = subprocess.Popen(  # noqa: S603 — our own program
                command,
                cwd=self._folder,
                env=_environment() | dict(settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return process

    def wait_ready(self, name: str, is_ready: Callable[[], bool]) -> None:
        """Wait until a process answers. Raises Failed with its last words when it does not."""
        process, deadline = self._running[name], time.monotonic() + START_TIMEOUT
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                said = self._log(name).read_text(errors="replace").strip().splitlines() or ["it said nothing"]
                raise Failed(f"The {name} did not start: {said[-1]}")
            time.sleep(LOOK)

    def check(self) -> None:
        """Raise Failed when a process has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise Failed(f"The {name} has ended, with exit status {process.returncode}.")

    def freeze(self, name: str) -> int:
        """Hold a process where it is, and give its id once all of it stands still. Raises Failed when it has ended."""
        process_id = self._running[name].pid
        os.kill(process_id, signal.SIGSTOP)
        _, status = os.waitpid(process_id, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            self.check()
        return process_id

    def thaw(self, name: str) -> None:
        """Let a frozen process go on."""
        self._running[name].send_signal(signal.SIGCONT)

    def kill(self, name: str) -> None:
        """End a process at once, as a power cut would."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self, *names: str) -> None:
        """Ask these processes to leave, and end those that do not; all of them when none is named."""
        leaving = [self._running.pop(name) for name in names or tuple(self._running)]
        for process in leaving:
            process.terminate()
            process.send_signal(signal.SIGCONT)  # one that was frozen hears it only when it goes on
        for process in leaving:
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


@contextmanager
def open_stage() -> Iterator[tuple[Path, Processes]]:
    """Give a temporary folder, and processes in it; both are gone afterwards, however it ends."""
    folder = Path(tempfile.mkdtemp(prefix="ringback-demo-"))
    processes = Processes(folder)
    try:
        with _ended_by_signals():
            yield folder, processes
    finally:
        with undisturbed():
            processes.stop()
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold Ctrl-C and the signals of ENDED_BY back until the block is done, so that no process is lost halfway."""
    held: list[tuple[int, Any]] = []

    def hold(number: int, _: FrameType | None) -> None:
        held.append((number, before[number]))

    before: dict[int, Any] = {number: signal.signal(number, hold) for number in (signal.SIGINT, *ENDED_BY)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number, handler in held:
        if callable(handler):
            handler(number, None)
        elif handler == signal.SIG_DFL:
            signal.raise_signal(number)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let these signals end the block as Ctrl-C does: by an exception, so that everything is put away.

    One that is ignored (nohup does so) stays ignored.
    """
    before = {number: handler for number in ENDED_BY if (handler := signal.getsignal(number)) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def find_free_port() -> int:
    """A port on which nobody listens."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _environment() -> dict[str, str]:
    """The user's environment without any setting of the user's own service."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RINGBACK_") and name not in ("HOST", "PORT")
    }
