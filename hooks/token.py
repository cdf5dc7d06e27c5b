"""The last segment of a hook's address: a signed, expiring name of one submission.

`<task id>-<nonce>.<time>.<signature>`, 79 characters of `[A-Za-z0-9._-]`. Only unreserved characters may stand
in a hook, because one gateway takes it for a URI template and encodes it once more (midjourney-proxy calls
Spring's `RestTemplate.postForEntity(String, …)`). So a hook that comes back with a `%` in it is not ours.
"""

import hashlib
import re
import string
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from itsdangerous import BadSignature, TimestampSigner

from hooks.errors import BadToken, ExpiredToken

SALT: Final = b"ringback.hook"
MAX_AGE: Final = 7 * 24 * 3600  # seconds
FORGIVEN_FUTURE: Final = 24 * 3600  # seconds that our clock may have stepped back since the token was minted
TOKEN_ALPHABET: Final = frozenset(string.ascii_letters + string.digits + "._-")

_NAME: Final = r"8[0-9]{15}-[A-Za-z0-9_-]{11}"  # 8: the first digit of every task id of ours
_TIME: Final = r"[A-Za-z0-9_-]{0,8}"

# Anything that might be a token, whole or cut short, inside a longer text.
TOKEN_PATTERN: Final = re.compile(rf"{_NAME}\.{_TIME}\.[A-Za-z0-9_-]{{16,}}")

# The last character of 32 bytes in base64 has two unused bits: of its four spellings only the canonical is ours.
_TOKEN: Final = re.compile(rf"{_NAME}\.{_TIME}\.[A-Za-z0-9_-]{{42}}[AEIMQUYcgkosw048]")
_SIGNED: Final = re.compile(_NAME)


class HookAddress(msgspec.Struct, frozen=True, kw_only=True):
    """What a token stands for."""

    task_id: str
    nonce: str  # of the submission; 11 characters of base64url


class TokenSigner:
    """Mints and reads the tokens of hooks.

    `secret_keys` stand oldest first: the last one signs, each of them verifies. `clock` gives seconds since the
    epoch. Raises ValueError when there is no key or a blank one.
    """

    def __init__(
        self, secret_keys: Sequence[str], *, clock: Callable[[], float] = time.time, max_age: int = MAX_AGE
    ) -> None:
        if not secret_keys or not all(key.strip() for key in secret_keys):
            raise ValueError("at least one secret key is needed, and none may be blank")
        self._clock = clock
        self._max_age = max_age
        self._signer = _ClockedSigner(secret_keys, clock)

    def mint(self, task_id: str, nonce: str) -> str:
        """The token for one submission; ValueError when the id or the nonce has another shape than ours."""
        name = f"{task_id}-{nonce}"
        if not _SIGNED.fullmatch(name):
            raise ValueError(f"a hook needs a task id of ours, not {task_id!r}, and a nonce of 11 characters")
        return self._signer.sign(name).decode("ascii")

    def read(self, token: str) -> HookAddress:
        """What the token stands for; raises BadToken, or ExpiredToken where it was ours once.

        Key nothing by the token's text, only by the address: a rotated key gives the same address another token.
        """
        if not _TOKEN.fullmatch(token):
            raise BadToken
        try:
            name, minted = self._signer.unsign(token, return_timestamp=True)
        except BadSignature:
            raise BadToken from None
        # Not left to itsdangerous: it refuses any token from the future, even after a step back of a second.
        age = int(self._clock()) - minted.timestamp()
        if age > self._max_age:
            raise ExpiredToken
        if age < -FORGIVEN_FUTURE:
            raise BadToken("This hook was made in the future; is the clock right?")
        task_id, nonce = name.decode("ascii").split("-", 1)
        return HookAddress(task_id=task_id, nonce=nonce)


class _ClockedSigner(TimestampSigner):
    def __init__(self, secret_keys: Sequence[str], clock: Callable[[], float]) -> None:
        super().__init__(list(secret_keys), salt=SALT, digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())
