"""Who plays: the service, a real `ringback serve`, and the gateway, a `ringback simulate` with its vices."""

import shutil
import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from hooks.token import TOKEN_PATTERN
from service.cli.client import Api
from service.cli.demo.processes import LOOK, Processes, find_free_port
from service.cli.failures import Failed, Refused, Unreachable
from service.keys import make_api_key, make_secret_key
from storage.records import JSON
from storage.sqlite import open_reader

SERVER: Final = "server"
GATEWAY: Final = "gateway"
RULE: Final = "first-pick"
CONFIG: Final = f"""\
rules:
  - id: {RULE}              # when a grid succeeds, upscale its first picture
    on: task.succeeded
    match: {{action: IMAGINE}}
    do:
      - click: U1
"""
CHANCE: Final = 0.3  # of each vice of chance
VICES: Final = (
    f"drop={CHANCE}",
    f"duplicate={CHANCE}",
    f"reorder={CHANCE}",
    "delay=0.15",  # seconds on the way, as on a real network
    "answer_after_callback=1",  # a submission is answered only after its first callback went out
    "echo_hook=on",
)
SLOTS: Final = 4  # tasks that the gateway works on at once; the others queue
GRID_SECONDS: Final = 3.0
UPSCALE_SECONDS: Final = 0.6
SILENT_AFTER: Final = 1.0  # seconds without news before the reconciler asks
MOMENT: Final = 0.5  # seconds in which the best moment for the kill is looked for
KILL_TIMEOUT: Final = 10.0  # seconds in which any will do
OWED: Final = ("planned", "sending", "waiting")  # states of deliveries that are to be made
FROZEN: Final = 0.2  # seconds that the server may be held while its moment is looked at


class Cast:
    """Both processes, and how one talks to them. `ledger` is the database file of the service."""

    def __init__(self, processes: Processes, folder: Path, ledger: Path, *, seed: int) -> None:
        self._processes = processes
        self._folder = folder
        self._seed = seed
        self._ledger = ledger
        server_port, gateway_port = find_free_port(), find_free_port()
        self.url = f"http://127.0.0.1:{server_port}"
        self.gateway_url = f"http://127.0.0.1:{gateway_port}"
        self.key = make_api_key()
        self.api = Api(self.url, self.key)
        self._gateway = Api(self.gateway_url, None)
        self._subscription: str | None = None
        config = folder / "ringback.yaml"
        config.write_text(CONFIG)
        gateway_key = make_secret_key()
        self._simulate = (
            *("simulate", "--port", str(gateway_port), "--key", gateway_key, "--seed", str(seed)),
            *("--slots", str(SLOTS), "--grid-seconds", str(GRID_SECONDS), "--upscale-seconds", str(UPSCALE_SECONDS)),
            *(word for vice in VICES for word in ("--vice", vice)),
        )
        self._settings = {
            "RINGBACK_GATEWAY": "midjourney-proxy",
            "RINGBACK_GATEWAY_URL": self.gateway_url,
            "RINGBACK_GATEWAY_KEY": gateway_key,
            "RINGBACK_PUBLIC_URL": self.url,
            "RINGBACK_DATABASE": str(ledger),
            "RINGBACK_API_KEYS": self.key,
            "RINGBACK_SECRET_KEYS": make_secret_key(),
            "RINGBACK_CONFIG": str(config),
            "RINGBACK_SILENT_AFTER": str(SILENT_AFTER),
            "RINGBACK_ALLOW_TARGETS": "127.0.0.1",  # where the subscriber lives
            "HOST": "127.0.0.1",
            "PORT": str(server_port),
        }

    def enter(self) -> None:
        """Start both, and wait until both answer."""
        self._processes.start(GATEWAY, self._simulate, {})
        self._processes.start(SERVER, ["serve"], self._settings)
        self._processes.wait_ready(GATEWAY, _answers(self._gateway, "/simulator/health"))
        self._processes.wait_ready(SERVER, _answers(self.api, "/healthz"))

    def kill_server(self, *, amid: Callable[[set[str]], bool]) -> tuple[int, set[str]]:
        """SIGKILL the server; give its process id, and the tasks whose paid POST was under way.

        For a while it looks for a moment in which these tasks satisfy `amid`. Each of the POSTs must have left the
        server: of one that had not, nobody could ever know, and it would be in doubt for its two hours, rightly,
        but longer than anybody watches a demo. So the server is frozen, looked at, and killed or let go.
        """
        begun = time.monotonic()
        while (waited := time.monotonic() - begun) < KILL_TIMEOUT:
            if waited > MOMENT or amid(self._read_sending()):
                process_id = self._processes.freeze(SERVER)
                sending = self._read_sending_as_after_a_crash()
                if (waited > MOMENT or amid(sending)) and self._have_arrived(sending):
                    self._processes.kill(SERVER)
                    return process_id, sending
                self._processes.thaw(SERVER)
            time.sleep(LOOK)
        raise Failed("The server could not be killed: its submissions do not reach the gateway.")

    def restart_server(self) -> None:
        """Start the server again, on the same ledger and port, and wait until it answers."""
        self._processes.start(SERVER, ["serve"], self._settings)
        self._processes.wait_ready(SERVER, _answers(self.api, "/healthz"))

    def read_books(self) -> JSON:
        """The gateway's own books."""
        return self._gateway.get("/simulator/books")

    def is_quiet(self) -> bool:
        """Whether the gateway has nothing left to do and to tell."""
        counts = self.read_books()["counts"]
        told = counts["callbacks_sent"] + counts["lost"] == counts["callbacks_made"] + counts["doubled"]
        heard = counts["acknowledged"] + counts["refused_by_receiver"] == counts["callbacks_sent"]
        return bool(told and heard and self._gateway.get("/simulator/health")["at_work"] == 0)

    def subscribe(self, url: str, secret: str) -> None:
        """Have the service tell of every event there, signed with this secret."""
        wanted = {"url": url, "events": ["*"], "secret": secret, "origin": "cli"}
        self._subscription = self.api.post("/v1/subscriptions", wanted, key=uuid.uuid4().hex)["id"]

    def owes_deliveries(self) -> bool:
        """Whether something is still to be told."""
        owed = self.api.get(f"/v1/subscriptions/{self._subscription}")["deliveries"]
        return any(owed.get(state) for state in OWED)

    def count_kept_hooks(self) -> int:
        """How many hooks stand in the bytes of the ledger and of its write-ahead log, in use or not."""
        files = (Path(f"{self._ledger}{suffix}") for suffix in ("", "-wal"))
        return sum(len(TOKEN_PATTERN.findall(file.read_bytes().decode("latin-1"))) for file in files if file.exists())

    def stop_server(self) -> None:
        """Let the server leave in order, so that its ledger is one whole file, and calls nobody who is gone."""
        if self._subscription is not None:
            self.api.delete(f"/v1/subscriptions/{self._subscription}")
        self._processes.stop(SERVER)

    def check(self) -> None:
        """Raise Failed when one of the two has left by itself."""
        self._processes.check()

    def _read_sending(self) -> set[str]:
        """The tasks whose paid POST is under way by the ledger."""
        with closing(open_reader(self._ledger)) as reader:
            return _select_sending(reader)

    def _read_sending_as_after_a_crash(self) -> set[str]:
        """The same, as a restart would find it.

        A commit that is being made is not seen by other readers yet, but a recovery keeps it once its frames are in
        the write-ahead log. So SQLite recovers a copy, without the shared index of the living.
        """
        copy = self._folder / "copy.db"
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{self._ledger}{suffix}", f"{copy}{suffix}")
        with closing(sqlite3.connect(copy)) as reader:
            return _select_sending(reader)

    def _have_arrived(self, tasks: set[str]) -> bool:
        """Whether the gateway has the submissions of these tasks; what is on the wire may take a moment."""
        deadline = time.monotonic() + FROZEN
        while time.monotonic() < deadline:
            if tasks <= {each["state"] for each in self.read_books()["submissions"]}:
                return True
            time.sleep(LOOK)
        return False


def _select_sending(reader: sqlite3.Connection) -> set[str]:
    return {task for (task,) in reader.execute("SELECT task_id FROM submissions WHERE state = 'sending'")}


def _answers(api: Api, path: str) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            api.get(path)
        except (Unreachable, Refused):
            return False
        return True

    return ask
