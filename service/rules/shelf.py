"""The rules where an event finds them: by its type and by its task's action, so that the others cost nothing."""

from collections.abc import Sequence

from service.rules.match import Clause
from service.rules.rulebook import Rule


class Shelf:
    """Rules in file order, sorted in once."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._by_action: dict[str, dict[str, tuple[Rule, ...]]] = {}
        self._others: dict[str, tuple[Rule, ...]] = {}
        for event in {rule.on for rule in rules}:
            here = [(rule, _read_actions(rule)) for rule in rules if rule.on == event]
            named = {action for _, actions in here for action in actions or ()}
            self._by_action[event] = {
                action: tuple(rule for rule, actions in here if actions is None or action in actions)
                for action in named
            }
            self._others[event] = tuple(rule for rule, actions in here if actions is None)
        self.events = frozenset(self._others)  # on which any rule decides

    def find(self, event_type: str, action: str) -> tuple[Rule, ...]:
        """The rules that may mean a task of this action, in file order; no rule that does is left out."""
        if event_type not in self.events:
            return ()
        return self._by_action[event_type].get(action, self._others[event_type])


def _read_actions(rule: Rule) -> frozenset[str] | None:
    """The actions of which a task must be one; None when the rule does not say."""
    exact = [
        frozenset(clause.exact)
        for clause in rule.match.clauses
        if isinstance(clause, Clause) and clause.field == "action" and clause.exact
    ]
    return frozenset.intersection(*exact) if exact else None
