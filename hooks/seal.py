"""What a subscription must keep to itself (its secret, its address, its headers), sealed before it is stored.

A text is sealed under a key that is derived from one of the service's secret keys, by a purpose of its own: nothing
here opens a hook, and no hook's signer opens this. It is `<name of the key>.<Fernet token>`, so that what was sealed
under an older key is found by how it begins, and nothing has to be opened for that.
"""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hooks.errors import SealBroken

SALT: Final = b"ringback.seal"
_KEY: Final = 32  # bytes of a Fernet key
_NAME: Final = 6  # bytes of a key's name: enough to tell keys apart, and no help in finding one


class Sealer:
    """Seals texts and opens them again.

    `secret_keys` stand oldest first: the last one seals, each of them opens. Raises ValueError when there is no key or
    a blank one.
    """

    def __init__(self, secret_keys: Sequence[str]) -> None:
        if not secret_keys or not all(key.strip() for key in secret_keys):
            raise ValueError("at least one secret key is needed, and none may be blank")
        self._boxes = {_derive(key, b"name", _NAME).hex(): _make_box(key) for key in secret_keys}
        self._newest = _derive(secret_keys[-1], b"name", _NAME).hex()

    @property
    def prefix(self) -> str:
        """How everything begins that is sealed under the newest key."""
        return f"{self._newest}."

    def seal(self, text: str) -> str:
        """The text sealed under the newest key: plain ASCII, and another one at every call."""
        return self.prefix + self._boxes[self._newest].encrypt(text.encode()).decode("ascii")

    def open(self, sealed: str) -> str:
        """What was sealed under any of the keys; raises SealBroken, which says what to do."""
        name, _, token = sealed.partition(".")
        box = self._boxes.get(name)
        if box is None:
            raise SealBroken(
                "It was sealed under a secret key that is no longer there: put that key back in RINGBACK_SECRET_KEYS,"
                " in front of the others, or write anew what was sealed (a secret, a subscription's address)."
            )
        try:
            return box.decrypt(token).decode()
        except (InvalidToken, ValueError):  # ValueError: not even ASCII
            raise SealBroken from None


def _make_box(secret_key: str) -> Fernet:
    return Fernet(urlsafe_b64encode(_derive(secret_key, b"key", _KEY)))


def _derive(secret_key: str, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=SALT, info=purpose).derive(secret_key.encode())
