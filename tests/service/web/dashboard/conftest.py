"""A browser without scripts: it keeps cookies, follows redirects, and sends the forms that it finds."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import httpx
import pytest

_TOKEN = re.compile(r'name="_csrf" value="([^"]+)"')


class Browser:
    """What a person does at a service's dashboard."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._key = key
        self.http = httpx.Client(base_url=url, trust_env=False, verify=False, timeout=30, follow_redirects=True)

    def sign_in(self, **more: str) -> httpx.Response:
        return self.http.post("/sign-in", data={"key": self._key, **more})

    def see(self, path: str, **query: Any) -> httpx.Response:
        """A page, which is there."""
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return answer

    def find_token(self) -> str:
        found = _TOKEN.search(self.see("/").text)
        assert found
        return unescape(found[1])

    def do(self, path: str, **fields: Any) -> httpx.Response:
        """Send a form of ours."""
        return self.http.post(path, data={"_csrf": self.find_token(), **fields})


@pytest.fixture
def open_browser() -> Iterator[Callable[[Any], Browser]]:
    """Opens one at a service; nobody is signed in there yet."""
    opened = list[Browser]()

    def open_one(ringback: Any) -> Browser:
        key = ringback.http.headers["authorization"].removeprefix("Bearer ")
        opened.append(Browser(str(ringback.http.base_url), key))
        return opened[-1]

    yield open_one
    for each in opened:
        each.http.close()


@pytest.fixture
def browser(ringback: Any, open_browser: Callable[[Any], Browser]) -> Browser:
    """One whose person is signed in."""
    opened = open_browser(ringback)
    opened.sign_in()
    return opened
