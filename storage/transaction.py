"""What a verb gets to work with: the connection inside an open transaction, the time, the rules, the audience."""

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec

from storage.audience import Audiences
from storage.reactions import React

# Sorted keys: the same content is the same text, whoever sent it in which order.
_encoder = msgspec.json.Encoder(order="deterministic")
_EPOCH = 1_735_689_600_000_000  # 2025-01-01 in microseconds; 15 digits from there last until 2056


def to_json(value: Any) -> str:
    """Encode as the ledger keeps JSON."""
    return _encoder.encode(value).decode()


class TaskIds:
    """Makes task ids: an 8, then 15 digits of microseconds since 2025. Unique and rising, whatever the clock does.

    No gateway's id looks so, and below 2^53 they survive JavaScript.
    """

    def __init__(self, latest: str | None) -> None:
        self._latest = int(latest[1:]) if latest else 0

    def next(self, now: int) -> str:
        """Give a new id; `now` in milliseconds."""
        self._latest = max(self._latest + 1, now * 1000 - _EPOCH)
        return f"8{self._latest:015d}"


class Transaction:
    """One batch of the writer. Verbs read and write through it; nobody else sees it before the commit."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        now: int,
        ids: TaskIds,
        react: React,
        audiences: Audiences,
        nonce: Callable[[], str],
    ) -> None:
        self.execute = connection.execute
        self.now = now  # milliseconds; one instant for the whole batch
        self.ids = ids
        self.react = react
        self.audiences = audiences
        self.nonce = nonce
        self.topics: set[str] = set()  # what to ring for after the commit
