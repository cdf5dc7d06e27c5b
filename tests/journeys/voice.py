"""A gateway that takes everything and says nothing, and the voice that a test lends it."""

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread, local
from typing import Any, NamedTuple

from hooks.token import TokenSigner

CONNECTIONS = 8
JOB = "26d56b92-4ed6-45e2-8561-563797923135"
GRID = [
    *((f"U{index}", f"MJ::JOB::upsample::{index}::{JOB}") for index in range(1, 5)),
    *((f"V{index}", f"MJ::JOB::variation::{index}::{JOB}") for index in range(1, 5)),
]
SINGLE = [("Vary (Subtle)", f"MJ::JOB::low_variation::1::{JOB}::SOLO")]


class MuteGateway:
    """Accepts every submission, and never calls back. It knows a task by an id that follows from ours."""

    def __init__(self) -> None:
        self.submitted: Counter[str] = Counter()  # POSTs by `state`, which is our id
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.submitted = self.submitted
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "MuteGateway":
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    submitted: Counter[str]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "/submit/" not in self.path:
            self._answer([])
            return
        self.server.submitted[asked["state"]] += 1
        self._answer({"code": 1, "description": "提交成功", "result": name_at_gateway(asked["state"])})

    def do_GET(self) -> None:
        self._answer({})

    def _answer(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Callback(NamedTuple):
    """One POST to a hook."""

    path: str
    body: bytes


def name_at_gateway(task_id: str) -> str:
    return f"9{task_id[1:]}"


def make_callbacks(signer: TokenSigner, task: dict[str, Any], fail_reason: str | None) -> list[Callback]:
    """What a gateway says of a task, in order; `task` is its row with the nonce of its submission."""
    path = f"/hooks/{signer.mint(task['id'], task['nonce'])}"
    said = [("SUBMITTED", "0%"), *(("IN_PROGRESS", f"{percent}%") for percent in (30, 60, 90))]
    said.append(("SUCCESS", "100%") if fail_reason is None else ("FAILURE", ""))
    return [Callback(path, json.dumps(_make_body(task, *each, fail_reason)).encode()) for each in said]


def _make_body(task: dict[str, Any], status: str, progress: str, fail_reason: str | None) -> dict[str, Any]:
    gateway_id, succeeded = name_at_gateway(task["id"]), status == "SUCCESS"
    shown = (SINGLE if task["action"] == "UPSCALE" else GRID) if succeeded else []
    return {
        "id": gateway_id,
        "action": task["action"],
        "status": status,
        "progress": progress,
        "prompt": task["prompt"],
        "failReason": fail_reason if status == "FAILURE" else None,
        "imageUrl": f"https://cdn.example.com/{gateway_id}_{JOB}.png" if succeeded else None,
        "properties": {"messageHash": JOB},
        "buttons": [{"customId": custom_id, "label": label, "type": 2, "style": 2} for label, custom_id in shown],
    }


def shuffle(callbacks: Iterable[Sequence[Callback]], chance: random.Random) -> list[Callback]:
    """Everything twice, in any order."""
    every = [callback for each in callbacks for callback in each] * 2
    chance.shuffle(every)
    return every


class Voice:
    """Speaks to a service on several connections at once."""

    def __init__(self, port: int, connections: int = CONNECTIONS) -> None:
        self._port = port
        self._own = local()
        self._connections: list[HTTPConnection] = []
        self._pool = ThreadPoolExecutor(connections)

    def __enter__(self) -> "Voice":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()

    def say(self, callbacks: Iterable[Callback]) -> Iterable[Callback | None]:
        """Send them all; gives for each, in turn, the callback itself if it was not acknowledged."""
        return self._pool.map(self._send, callbacks)

    def _send(self, callback: Callback) -> Callback | None:
        if not hasattr(self._own, "connection"):
            self._own.connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
            self._connections.append(self._own.connection)
        connection = self._own.connection
        try:
            connection.request("POST", callback.path, callback.body, {"content-type": "application/json"})
            with connection.getresponse() as answer:
                answer.read()
                return None if answer.status == 200 else callback
        except (OSError, HTTPException):
            connection.close()
            return callback
