"""Where notifications of a journey arrive: a small HTTP server, in a thread of the test's own process."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.journeys.processes import wait_until

Letter = dict[str, Any]


class Post(NamedTuple):
    """One POST as it came."""

    path: str
    headers: dict[str, str]  # the names in small letters
    body: bytes

    @property
    def json(self) -> Letter:
        return dict(json.loads(self.body))


class Letterbox:
    """Keeps every JSON that is POSTed to it, as it came."""

    def __init__(self) -> None:
        self._posts: list[Post] = []
        posts = self._posts

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                posts.append(Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def posts(self, path: str) -> list[Post]:
        """What has arrived at this path so far."""
        return [post for post in list(self._posts) if post.path == path]

    def letters(self, path: str) -> list[Letter]:
        """The same, without what is around it."""
        return [post.json for post in self.posts(path)]

    def await_post(self, path: str, fits: Callable[[Letter], bool]) -> Post:
        """The first one at this path that fits, once it has arrived."""
        found: Post = wait_until(
            lambda: next((post for post in self.posts(path) if fits(post.json)), None), f"something arrives at {path}"
        )
        return found

    def await_letter(self, path: str, fits: Callable[[Letter], bool]) -> Letter:
        """The letter at this path that fits; exactly one may."""
        wait_until(lambda: any(map(fits, self.letters(path))), f"a letter arrives at {path}")
        (letter,) = filter(fits, self.letters(path))
        return letter

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
