"""Somebody who is told of events: keeps what is POSTed, path by path, and answers as a test wants it."""

import itertools
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from standardwebhooks import Webhook

PATIENCE = 10.0  # seconds until a test gives up waiting


class Post(NamedTuple):
    """One POST as it came."""

    headers: dict[str, str]  # the names in small letters
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def verify(self, secret: str) -> None:
        """Raise unless it is signed with this secret, as the official library has it."""
        Webhook(secret).verify(self.body, self.headers)


class Box:
    """One address, and what has come to it."""

    def __init__(self, url: str, came: threading.Condition) -> None:
        self.url = url
        self.status = 204
        self.headers: dict[str, str] = {}  # of the answers
        self.said = b""
        self.posts: list[Post] = []
        self._came = came

    def wait(self, fits: Callable[[Post], bool] = lambda _: True, count: int = 1) -> list[Post]:
        """What has come and fits, as soon as there are so many."""

        def found() -> list[Post]:
            return [post for post in self.posts if fits(post)]

        with self._came:
            assert self._came.wait_for(lambda: len(found()) >= count, PATIENCE), f"only {len(found())} of {count} came"
            return found()

    def wait_for(self, event_type: str, task_id: str | None = None) -> dict[str, Any]:
        """What was told in the format `standard`, once it has come."""

        def fits(post: Post) -> bool:
            task = post.json["data"]["task"] or {}
            return post.json["type"] == event_type and task_id in (None, task.get("id"))

        return self.wait(fits)[0].json


class Subscriber:
    """An HTTP server in a thread of the test's own process, with as many boxes as there are tests."""

    def __init__(self) -> None:
        came = self._came = threading.Condition()
        boxes = self._boxes = dict[str, Box]()
        self._numbers = itertools.count(1)

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                box = boxes[self.path.partition("?")[0]]
                with came:
                    box.posts.append(Post({name.lower(): value for name, value in self.headers.items()}, body))
                    came.notify_all()
                self.send_response(box.status)
                for name, value in {"content-length": str(len(box.said)), **box.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(box.said)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A service that stops lets go of the connections that it keeps."""

        self._server = Server(("127.0.0.1", 0), Door)
        self._server.daemon_threads = True  # kept connections are nobody's to wait for
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def open_box(self) -> Box:
        path = f"/box/{next(self._numbers)}"
        self._boxes[path] = Box(f"http://127.0.0.1:{self.port}{path}", self._came)
        return self._boxes[path]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(PATIENCE)
        self._server.server_close()
