"""The API, called from within: pages and forms are clients of `/v1` without a network in between.

So what a page shows is what `/v1` says, and whatever a form changes is checked where every other client's call is.
"""

import secrets
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from hooks.clients import inside_client


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the API said: an object of its own, or problem details."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        """Whether it did what it was asked."""
        return self.status < 400

    @property
    def mistakes(self) -> list[str]:
        """What was wrong, each in a sentence; empty where nothing was."""
        if self.ok:
            return []
        return list(self.body.get("errors") or [self.body.get("detail", f"HTTP {self.status}")])


class Refused(Exception):
    """The API did not give what a page needs."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("; ".join(answer.mistakes))
        self.answer = answer


class Inside:
    """`site` is the API without its key guard; what is asked here was let in by a session, whose client is named."""

    def __init__(self, site: ASGIApp) -> None:
        self._site = site

    async def get(self, client: str, path: str, **query: Any) -> Any:
        """The object at a path of `/v1`; what is None or empty in the query is left out. Raises Refused."""
        given = {name: value for name, value in query.items() if value not in (None, "", ())}
        answer = await self._ask(client, "GET", path, params=given)
        if not answer.ok:
            raise Refused(answer)
        return answer.body

    async def send(self, client: str, method: str, path: str, body: Any = None, *, once: str | None = None) -> Answer:
        """Have something changed; `once` is its Idempotency-Key, another one each time where it is left out."""
        headers = {"Idempotency-Key": once or secrets.token_hex(16)}
        return await self._ask(client, method, path, json={} if body is None else body, headers=headers)

    async def _ask(self, client: str, method: str, path: str, **request: Any) -> Answer:
        async def site(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"] = {"client": client}
            await self._site(scope, receive, send)

        async with inside_client(site) as http:
            response = await http.request(method, path, **request)
        return Answer(status=response.status_code, body=msgspec.json.decode(response.content or b"null"))


def place(*parts: str) -> str:
    """A path whose parts somebody else may have chosen: `place("v1", "tasks", task_id)`."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)
