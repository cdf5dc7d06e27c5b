"""Who is told: a small HTTP server beside the demo, as somebody might write one, which checks every signature."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec
from standardwebhooks import Webhook

from hooks.signature import make_secret
from storage.records import JSON

POLL: Final = 0.05  # seconds until it notices that it shall stop


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery, as it came."""

    id: str  # its webhook-id
    genuine: bool  # whether its signature is the service's
    body: bytes

    @property
    def data(self) -> JSON:
        """What it tells of the event."""
        return dict(msgspec.json.decode(self.body)["data"])


class Subscriber:
    """Keeps what it is told, in the order in which it came. `secret` is what it checks signatures with."""

    def __init__(self) -> None:
        self.secret = make_secret()
        self._heard: list[Heard] = []
        self._server = _Server(("127.0.0.1", 0), _make_door(self._heard, Webhook(self.secret)))
        self.url = f"http://127.0.0.1:{self._server.server_port}/ringback"

    @property
    def heard(self) -> list[Heard]:
        """What has come so far."""
        return list(self._heard)

    def serve(self) -> None:
        """Answer until `stop`."""
        self._server.serve_forever(POLL)

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def open_subscriber() -> Iterator[Subscriber]:
    """Give one that answers until the block ends."""
    subscriber = Subscriber()
    threading.Thread(target=subscriber.serve, name="subscriber", daemon=True).start()
    try:
        yield subscriber
    finally:
        subscriber.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # each sits on a connection that the service keeps open

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed service breaks off in the middle of a request, which is nobody's mistake."""


def _make_door(heard: list[Heard], webhook: Webhook) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                webhook.verify(body, dict(self.headers))
                genuine = True
            except Exception:  # what the library raises for hostile headers is not all its own
                genuine = False
            heard.append(Heard(id=self.headers.get("webhook-id", ""), genuine=genuine, body=body))
            self.send_response(204 if genuine else 400)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Door
