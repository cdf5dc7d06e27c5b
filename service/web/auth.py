"""Nothing listens to strangers: whatever is not open by name needs an API key."""

import hashlib
import hmac
from collections.abc import Collection, Sequence

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from service.web.problems import make_problem


class KeyRing:
    """The API keys, as digests."""

    def __init__(self, api_keys: Sequence[str]) -> None:
        self._digests = [_digest(key) for key in api_keys]

    def recognise(self, key: str) -> str | None:
        """A name for whoever shows one of the keys, by which clients can be told apart; None for any other text."""
        offered = _digest(key)
        # Every key is compared, and by digest, so that the time taken tells nothing.
        matches = [hmac.compare_digest(offered, known) for known in self._digests]
        return offered.hex()[:16] if any(matches) else None

    def knows(self, name: str) -> bool:
        """Whether one of the keys goes by this name."""
        return any(known.hex()[:16] == name for known in self._digests)


class KeyGuard:
    """Lets a request pass with `Authorization: Bearer <one of the keys>`, or to one of the open paths.

    `scope["state"]["client"]` then is the key's name.
    """

    def __init__(self, app: ASGIApp, *, keys: KeyRing, open_paths: Collection[str]) -> None:
        self._app = app
        self._keys = keys
        self._open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass or refuse one request."""
        if scope["type"] != "http" or scope["path"] in self._open_paths:
            return await self._app(scope, receive, send)
        scheme, _, key = HTTPConnection(scope).headers.get("authorization", "").partition(" ")
        client = self._keys.recognise(key.strip())
        if scheme.lower() != "bearer" or client is None:
            shown = scheme.lower() == "bearer" and key.strip()
            reason = "That API key is not known" if shown else "An API key is needed"
            detail = f"{reason}: send one of this service's as 'Authorization: Bearer <key>'."
            refusal = make_problem(401, detail, {"WWW-Authenticate": "Bearer"})
            return await refusal(scope, receive, send)
        scope.setdefault("state", {})["client"] = client
        return await self._app(scope, receive, send)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
