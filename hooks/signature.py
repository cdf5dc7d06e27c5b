"""How a delivery proves that it is ours: Standard Webhooks 1.0, https://www.standardwebhooks.com. Pure.

A secret is `whsec_` and the base64 of 24–64 bytes. The signature is over the very bytes that are sent, and it is a list
while a secret is being replaced: a receiver is content with any of them.
"""

import secrets as randomness
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

PREFIX: Final = "whsec_"
SHORTEST: Final = 24  # bytes of a secret
LONGEST: Final = 64
MADE: Final = 32  # bytes of one that we make


def make_secret() -> str:
    """A new secret of 32 random bytes."""
    return PREFIX + b64encode(randomness.token_bytes(MADE)).decode("ascii")


def check_secret(text: str) -> None:
    """Raises ValueError, which says what is wrong with a secret and does not show it."""
    if not text.startswith(PREFIX):
        raise ValueError(f"a secret begins with {PREFIX}")
    written = text.removeprefix(PREFIX)
    try:
        secret = b64decode(written, validate=True)
    except ValueError:  # binascii.Error is one
        secret = b""
    if not secret or b64encode(secret).decode("ascii") != written:  # some libraries take nothing but this spelling
        raise ValueError(f"what follows {PREFIX} must be base64, with + and / and with its = at the end")
    if not SHORTEST <= len(secret) <= LONGEST:
        raise ValueError(f"a secret has {SHORTEST} to {LONGEST} bytes, and this one {len(secret)}")


def sign(secrets: Sequence[str], msg_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt, made `seconds` after the epoch, of a body in UTF-8.

    `secrets` stand newest first, and so do their signatures. Raises ValueError when there is none: nothing leaves
    unsigned.
    """
    if not secrets:
        raise ValueError("at least one secret is needed")
    moment, text = datetime.fromtimestamp(seconds, UTC), body.decode()
    return {
        "webhook-id": msg_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(Webhook(secret).sign(msg_id, moment, text) for secret in secrets),
    }
