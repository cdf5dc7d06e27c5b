"""Who is signed in: a cookie that an API key was changed for, and the token that its forms carry.

The cookie is signed with the secret keys and names the API key by its digest, so it opens nothing once that key is
removed, once somebody signed out, or after its time.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from itsdangerous import BadSignature, Signer, URLSafeSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from service.web.auth import KeyRing
from storage.sessions import end_session, has_ended
from storage.store import Store

COOKIE: Final = "ringback"
LIFETIME: Final = 12 * 3600  # seconds
FORGIVEN_FUTURE: Final = 3600  # seconds that our clock may have stepped back meanwhile
_COOKIE_SALT: Final = b"ringback.session"
_FORM_SALT: Final = b"ringback.form"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One browser that is signed in."""

    id: str
    client: str  # the API key's name, as in `service.web.auth.KeyRing`
    expires: int  # seconds since 1970


class Sessions:
    """Begins, reads and ends them.

    `secret_keys` stand oldest first: the last one signs, each of them verifies. `clock` gives seconds since the epoch.
    """

    def __init__(
        self, store: Store, keys: KeyRing, secret_keys: Sequence[str], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        digest = {"digest_method": hashlib.sha256}
        self._cookies = URLSafeSerializer(list(secret_keys), salt=_COOKIE_SALT, signer_kwargs=digest)
        self._forms = Signer(list(secret_keys), salt=_FORM_SALT, digest_method=hashlib.sha256)

    def begin(self, api_key: str) -> Session | None:
        """A new session for who shows one of the API keys; None for any other text."""
        client = self._keys.recognise(api_key)
        if client is None:
            return None
        return Session(id=secrets.token_urlsafe(16), client=client, expires=int(self._clock()) + LIFETIME)

    async def read(self, connection: HTTPConnection) -> Session | None:
        """The session whose cookie comes with a request, if it is good."""
        try:
            session = msgspec.convert(self._cookies.loads(connection.cookies.get(COOKIE, "")), Session)
        except (BadSignature, msgspec.ValidationError):
            return None
        left = session.expires - self._clock()
        if not 0 < left <= LIFETIME + FORGIVEN_FUTURE or not self._keys.knows(session.client):
            return None
        return None if await self._store.read(has_ended, session.id) else session

    async def end(self, session: Session) -> None:
        """Its cookie opens nothing any more, wherever it is."""
        await self._store.write(end_session, session.id, session.expires * 1000)

    def give(self, response: Response, session: Session, *, secure: bool) -> None:
        """Let the browser keep it; `secure` where it came by https."""
        response.set_cookie(
            COOKIE,
            str(self._cookies.dumps(msgspec.to_builtins(session))),
            max_age=LIFETIME,
            httponly=True,
            secure=secure,
            samesite="lax",
        )

    def take_back(self, response: Response) -> None:
        """Let the browser forget it."""
        response.delete_cookie(COOKIE, httponly=True, samesite="lax")

    def make_form_token(self, session: Session) -> str:
        """What every form of this session carries, and no other site can know."""
        return self._forms.get_signature(session.id).decode("ascii")

    def is_form_token(self, session: Session, token: str) -> bool:
        """Whether it is that one."""
        return token.isascii() and self._forms.verify_signature(session.id, token)
