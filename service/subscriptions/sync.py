"""Brings the ledger's subscriptions in line with `subscriptions:` of the file: at start, and when the file changes.

Those that were made over the API are never touched, and never meet these: `sub_…` is no id that the file may give.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog

from hooks.errors import SealBroken
from hooks.recipient import Recipient
from hooks.seal import Sealer
from service.subscriptions.written import WrittenSubscription
from storage.records_of_deliveries import Subscription
from storage.store import Store
from storage.subscriptions import add_subscription, change_subscription, delete_subscription, read_standing
from storage.suspensions import enable_subscription
from storage.transaction import Transaction
from storage.webhook_secrets import OVERLAP, add_secret, expire_secrets, list_secrets

ORIGIN: Final = "file"
_PLAIN: Final = ("events", "match", "format", "ordered", "rate", "concurrency")  # what is kept as it is written

log = structlog.get_logger("ringback.subscriptions")


@dataclass(frozen=True, kw_only=True, slots=True)
class Synced:
    """What became of the file's subscriptions, by their ids."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()  # in place: their deliveries go on
    enabled: tuple[str, ...] = ()  # of those, what was disabled and goes elsewhere now
    removed: tuple[str, ...] = ()


async def take_up(store: Store, sealer: Sealer, written: Sequence[WrittenSubscription]) -> None:
    """Let the file's subscriptions be in force from the next transaction on, and tell what that changed."""
    synced = await asyncio.wrap_future(store.submit(sync_subscriptions, written, sealer))
    if synced != Synced():
        told = {name: ",".join(getattr(synced, name)) for name in synced.__slots__ if getattr(synced, name)}
        log.info("subscriptions taken up", **told)
    for each in synced.removed:
        log.info(
            "subscription removed", subscription=each, why="not in the file any more; what it is owed is cancelled"
        )


def sync_subscriptions(tx: Transaction, written: Sequence[WrittenSubscription], sealer: Sealer) -> Synced:
    """Add what is new, change in place what is another, delete what is gone, and give what was done.

    What was disabled stays so until it is called elsewhere: another URL, or other headers. Another secret signs beside
    the one before for 24 hours.
    """
    kept = {each.id: each for each in read_standing(tx) if each.origin == ORIGIN}
    added, changed, enabled = list[str](), list[str](), list[str]()
    for each in written:
        before = kept.pop(each.id, None)
        if before is None:
            _add(tx, each, sealer)
            added.append(each.id)
            continue
        moved = _move(tx, before, each, sealer)
        if moved and before.state == "disabled":
            enable_subscription(tx, each.id)
            enabled.append(each.id)
        differs = _change(tx, before, each)
        resigned = _sign(tx, each, sealer)
        if moved or differs or resigned:
            changed.append(each.id)
    for gone in kept:
        delete_subscription(tx, gone)
    return Synced(added=tuple(added), changed=tuple(changed), enabled=tuple(enabled), removed=tuple(kept))


def _add(tx: Transaction, written: WrittenSubscription, sealer: Sealer) -> None:
    plain: dict[str, Any] = {name: getattr(written, name) for name in _PLAIN}
    add_subscription(
        tx,
        Subscription(
            id=written.id,
            origin=ORIGIN,
            host=written.host,
            sealed=_seal(written.recipient, sealer),
            created_at=tx.now,
            updated_at=tx.now,
            **plain,
        ),
    )
    _sign(tx, written, sealer)


def _move(tx: Transaction, before: Subscription, written: WrittenSubscription, sealer: Sealer) -> bool:
    """Whether another URL, or other headers, are called from now on."""
    try:
        known = msgspec.json.decode(sealer.open(before.sealed), type=Recipient)
    except SealBroken:
        known = None  # sealed anew from the file
    if known == written.recipient:
        return False
    change_subscription(tx, written.id, host=written.host, sealed=_seal(written.recipient, sealer))
    return True


def _change(tx: Transaction, before: Subscription, written: WrittenSubscription) -> bool:
    changes = {name: value for name in _PLAIN if (value := getattr(written, name)) != getattr(before, name)}
    if changes:
        change_subscription(tx, written.id, **changes)
    return bool(changes)


def _sign(tx: Transaction, written: WrittenSubscription, sealer: Sealer) -> bool:
    """Whether it is signed with another secret from now on."""
    own = list_secrets(tx, written.id)
    if written.secret is None:
        expire_secrets(tx, written.id, overlap=0)
        return bool(own)
    try:
        known = [sealer.open(each.sealed) for each in own]
    except SealBroken:
        known, overlap = [], 0  # what cannot be opened cannot sign
    else:
        overlap = OVERLAP
    if known[:1] == [written.secret]:
        return False
    add_secret(tx, written.id, sealer.seal(written.secret), overlap=overlap)
    return True


def _seal(recipient: Recipient, sealer: Sealer) -> str:
    return sealer.seal(msgspec.json.encode(recipient).decode())
