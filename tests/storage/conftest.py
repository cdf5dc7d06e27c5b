"""Rules that do what a test says, so that the ledger's part is seen alone."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from storage.reactions import Action, Decision, Facts, Firing
from storage.records import Task

Decide = Callable[[Task, Facts], Iterable[Decision]]


class Script:
    """What is decided about which event; `due` answers for deferred firings, `past` for events of the past."""

    def __init__(self) -> None:
        self.on: dict[str, Decide] = {}
        self.due: Callable[[Firing, Task, Facts], Decision] = lambda firing, _task, _facts: decide(rule=firing.rule)
        self.past: Callable[[str, str, Task, Facts], Decision | None] = lambda *_: None

    def listens(self, event_type: str) -> bool:
        return event_type in self.on

    def __call__(self, event_type: str, task: Task, facts: Facts) -> Iterable[Decision]:
        return self.on[event_type](task, facts)

    def resume(self, firing: Firing, task: Task, facts: Facts) -> Decision:
        return self.due(firing, task, facts)

    def apply(self, rule: str, event_type: str, task: Task, facts: Facts) -> Decision | None:
        return self.past(rule, event_type, task, facts)


def decide(*actions: Action, rule: str = "r", **fields: Any) -> Decision:
    """A decision of a rule."""
    return Decision(**{"rule": rule, "version": "v1", "origin": f"rule:{rule}", "actions": actions} | fields)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def scripted(script: Script, open_ledger: Callable[..., Any]) -> Any:
    """A ledger whose rules are the script."""
    return open_ledger(react=script)
