"""Nothing listens to strangers: whatever is not open by name needs an API key."""

import hashlib
import hmac
from collections.abc import Collection, Sequence

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from service.web.problems import make_problem


class KeyGuard:
    """Lets a request pass with `Authorization: Bearer <one of the keys>`, or to one of the open paths.

    `scope["state"]["client"]` then names the key by a digest, so that clients can be told apart without it.
    """

    def __init__(self, app: ASGIApp, *, api_keys: Sequence[str], open_paths: Collection[str]) -> None:
        self._app = app
        self._open_paths = frozenset(open_paths)
        self._digests = [_digest(key) for key in api_keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass or refuse one request."""
        if scope["type"] != "http" or scope["path"] in self._open_paths:
            return await self._app(scope, receive, send)
        scheme, _, key = HTTPConnection(scope).headers.get("authorization", "").partition(" ")
        offered = _digest(key.strip())
        # Every key is compared, and by digest, so that the time taken tells nothing.
        matches = [hmac.compare_digest(offered, known) for known in self._digests]
        if scheme.lower() != "bearer" or not any(matches):
            detail = "An API key is needed: send it as 'Authorization: Bearer <key>'."
            refusal = make_problem(401, detail, {"WWW-Authenticate": "Bearer"})
            return await refusal(scope, receive, send)
        scope.setdefault("state", {})["client"] = offered.hex()[:16]
        return await self._app(scope, receive, send)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
