"""What waits for events, where an event finds it: by its type and by its task's action, so that the rest costs nothing.

Rules stand on one shelf, subscriptions on another.
"""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from service.rules.match import Clause, Match


class Shelved(Protocol):
    """What wants the events of one type about the tasks that its match means."""

    @property
    def on(self) -> str:
        """The event's type."""

    @property
    def match(self) -> Match:
        """Which tasks are meant."""


T = TypeVar("T", bound=Shelved)


class Shelf(Generic[T]):
    """Things in their order, sorted in once."""

    def __init__(self, things: Sequence[T]) -> None:
        self._by_action: dict[str, dict[str, tuple[T, ...]]] = {}
        self._others: dict[str, tuple[T, ...]] = {}
        for event in {each.on for each in things}:
            here = [(each, _read_actions(each.match)) for each in things if each.on == event]
            named = {action for _, actions in here for action in actions or ()}
            self._by_action[event] = {
                action: tuple(each for each, actions in here if actions is None or action in actions)
                for action in named
            }
            self._others[event] = tuple(each for each, actions in here if actions is None)
        self.events = frozenset(self._others)  # for which anything waits

    def find(self, event_type: str, action: str) -> tuple[T, ...]:
        """What may mean a task of this action, in its order; nothing that does is left out."""
        if event_type not in self.events:
            return ()
        return self._by_action[event_type].get(action, self._others[event_type])


def _read_actions(match: Match) -> frozenset[str] | None:
    """The actions of which a task must be one; None when the match does not say."""
    exact = [
        frozenset(clause.exact)
        for clause in match.clauses
        if isinstance(clause, Clause) and clause.field == "action" and clause.exact
    ]
    return frozenset.intersection(*exact) if exact else None
