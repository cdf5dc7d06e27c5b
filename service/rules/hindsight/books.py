"""What follow-ups were reserved, in memory: by rule, and by rule and root, oldest first. Pure."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from typing import Final

from service.rules.hindsight.past import Past
from storage.reactions import Spending

_time_of: Final = attrgetter("time")
_Book = tuple[str | None, str | None]  # whose, under which root; None: of all, everywhere


class Books:
    """One book for each rule, one for each rule under each root, and one of all."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._books: dict[_Book, list[Spending]] = {}

    def recall(self, rule: str, spending: Spending) -> None:
        """Let what was reserved before the replay count in every window; the oldest first."""
        for book in ((None, None), (rule, None)):
            self._open(book).append(spending)

    def enter(self, rule: str, root_id: str, spending: Spending) -> None:
        """A rule opens a follow-up under a root."""
        for book in _books(rule, root_id):
            self._open(book).append(spending)

    def strike(self, rule: str, root_id: str, spending: Spending) -> None:
        """It was not paid for after all."""
        for book in _books(rule, root_id):
            self._books[book].remove(spending)

    def count(self, rule: str | None, root_id: str | None, since: int | None) -> int:
        """How many were reserved after a time (ms; None: ever)."""
        book = self._open((rule, root_id))
        return len(book) - _find(book, since)

    def iterate(self, rule: str | None, root_id: str | None, since: int | None) -> Iterator[Spending]:
        """These one by one."""
        book = self._open((rule, root_id))
        return islice(book, _find(book, since), None)

    def _open(self, book: _Book) -> list[Spending]:
        if book not in self._books:
            rule, root_id = book
            known = [] if rule is None or root_id is None else self._past.list_spending(rule, root_id)
            self._books[book] = known
        return self._books[book]


def _books(rule: str, root_id: str) -> tuple[_Book, ...]:
    return (None, None), (rule, None), (rule, root_id)


def _find(book: list[Spending], since: int | None) -> int:
    """The place at which a time begins."""
    return 0 if since is None else bisect_right(book, since, key=_time_of)
