"""The webhook_secrets table: what deliveries are signed with, sealed; and sealing anew all that is sealed."""

import sqlite3
from typing import Literal

import msgspec

from storage.records_of_deliveries import Subscription
from storage.transaction import Transaction

OVERLAP = 24 * 3600 * 1000  # milliseconds for which an older secret still signs beside a new one


class WebhookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """One secret of a subscription, or of the service itself."""

    id: int
    sealed: str
    created_at: int
    expires_at: int | None  # None: the newest one


_FIELDS = WebhookSecret.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)


def add_secret(tx: Transaction, subscription_id: str | None, sealed: str, *, overlap: int = OVERLAP) -> None:
    """Sign with a new secret from now on, and for `overlap` milliseconds with those before it, too.

    None: the service's own, for subscriptions that have none. What has expired is removed.
    """
    expire_secrets(tx, subscription_id, overlap=overlap)
    tx.execute(
        "INSERT INTO webhook_secrets (subscription_id, sealed, created_at) VALUES (?, ?, ?)",
        (subscription_id, sealed, tx.now),
    )


def expire_secrets(tx: Transaction, subscription_id: str | None, *, overlap: int) -> None:
    """Sign with the secrets that there are for `overlap` more milliseconds at most; what has expired is removed."""
    tx.execute(
        "UPDATE webhook_secrets SET expires_at = min(coalesce(expires_at, ?2), ?2) WHERE subscription_id IS ?1",
        (subscription_id, tx.now + overlap),
    )
    tx.execute("DELETE FROM webhook_secrets WHERE subscription_id IS ? AND expires_at <= ?", (subscription_id, tx.now))


def list_secrets(db: sqlite3.Connection | Transaction, subscription_id: str | None) -> list[WebhookSecret]:
    """Give the secrets of a subscription (None: the service's own), newest first; expired ones may be among them."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM webhook_secrets WHERE subscription_id IS ? ORDER BY id DESC", (subscription_id,)
    )
    return [WebhookSecret(**dict(zip(_FIELDS, row, strict=True))) for row in rows]


def choose_secrets(db: sqlite3.Connection | Transaction, subscription: Subscription, now: int) -> tuple[str, ...]:
    """Give what a delivery at `now` (ms) is signed with, sealed, newest first: its own, else the service's own."""
    for owner in (subscription.id, None):
        if chosen := [
            secret.sealed for secret in list_secrets(db, owner) if secret.expires_at is None or secret.expires_at > now
        ]:
            return tuple(chosen)
    return ()


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed text of the ledger."""

    table: Literal["subscriptions", "webhook_secrets"]
    id: str | int
    subscription_id: str | None  # whose it is; None: the service's own secret
    sealed: str


def list_sealed(
    db: sqlite3.Connection | Transaction, unlike_prefix: str, limit: int = 1000, *, skip: int = 0
) -> list[Sealed]:
    """Give what does not begin like what the newest key seals; the same order each time, to `skip` what stays."""
    rows = db.execute(
        "SELECT 'webhook_secrets', id, subscription_id, sealed FROM webhook_secrets"
        " WHERE substr(sealed, 1, length(?1)) != ?1"
        " UNION ALL SELECT 'subscriptions', id, id, sealed FROM subscriptions"
        " WHERE substr(sealed, 1, length(?1)) != ?1 AND sealed != '' LIMIT ?2 OFFSET ?3",
        (unlike_prefix, limit, skip),
    )
    return [
        Sealed(table=table, id=row_id, subscription_id=subscription_id, sealed=sealed)
        for table, row_id, subscription_id, sealed in rows
    ]


def replace_sealed(tx: Transaction, old: Sealed, sealed: str) -> bool:
    """Put what was sealed anew in the place of the old one; False when it is another one meanwhile."""
    cursor = tx.execute(f"UPDATE {old.table} SET sealed = ? WHERE id = ? AND sealed = ?", (sealed, old.id, old.sealed))
    return bool(cursor.rowcount)
