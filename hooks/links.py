"""Addresses of ours that open without a key, for a while: signed, with their end in the open.

What opens is named in the path; the query says until when, and proves it: `?expires=1790000000&signature=…`.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from itsdangerous import Signer

SALT: Final = b"ringback.link"
LIFETIME: Final = 7 * 24 * 3600  # seconds, at least
STEP: Final = 24 * 3600  # seconds; links made on one day end together, so that a browser's cache knows them again


class LinkSigner:
    """Signs and checks links.

    `secret_keys` stand oldest first: the last one signs, each of them verifies. `clock` gives seconds since the epoch.
    """

    def __init__(self, secret_keys: Sequence[str], *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._signer = Signer(list(secret_keys), salt=SALT, digest_method=hashlib.sha256)

    def sign(self, name: str) -> str:
        """The query that opens `name` for seven days, or up to a day longer."""
        expires = (int(self._clock()) + LIFETIME) // STEP * STEP + STEP
        signature = self._signer.get_signature(f"{name} {expires}").decode("ascii")
        return f"expires={expires}&signature={signature}"

    def opens(self, name: str, query: Mapping[str, str]) -> bool:
        """Whether this query opens `name` now."""
        expires, signature = query.get("expires", ""), query.get("signature", "")
        # The end is checked as it is spelled: what was signed were plain digits, and few of them.
        if not (signature.isascii() and self._signer.verify_signature(f"{name} {expires}", signature)):
            return False
        return self._clock() < int(expires)
