"""The attachments table: pictures that are sent along with a submission, each kept once."""

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from storage.errors import NoSuchAttachment
from storage.transaction import Transaction


class Attachment(NamedTuple):
    """One picture, as it goes to a gateway."""

    media_type: str  # "image/png"
    content: bytes


def hash_attachment(attachment: Attachment) -> str:
    """The name under which a picture is kept: SHA-256 of its bytes, in hex."""
    return hashlib.sha256(attachment.content).hexdigest()


def keep_attachments(tx: Transaction, attachments: Sequence[Attachment]) -> tuple[str, ...]:
    """Keep pictures, and give the name of each; one that is there already is not written again."""
    names = tuple(map(hash_attachment, attachments))
    for name, (media_type, content) in zip(names, attachments, strict=True):
        tx.execute(
            "INSERT INTO attachments (hash, media_type, content, created_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (name, media_type, content, tx.now),
        )
    return names


def read_attachments(db: sqlite3.Connection, names: Sequence[str]) -> tuple[Attachment, ...]:
    """Give the pictures of these names, in their order. Raises NoSuchAttachment."""
    found = []
    for name in names:
        row = db.execute("SELECT media_type, content FROM attachments WHERE hash = ?", (name,)).fetchone()
        if row is None:
            raise NoSuchAttachment(f"The ledger has no picture {name}.")
        found.append(Attachment(*row))
    return tuple(found)
