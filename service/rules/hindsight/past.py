"""What a replay takes from the past: whatever was so without the rules."""

from typing import Protocol

from storage.reactions import Spending
from storage.records import Button, Chain, Task


class Past(Protocol):
    """What was so without the rules: what people and gateways did."""

    def then(self, task_id: str) -> tuple[str, ...]:
        """The task's own list."""
        ...

    def task(self, task_id: str) -> Task:
        """A task."""
        ...

    def chain(self, root_id: str) -> Chain:
        """What had become of a chain."""
        ...

    def mode(self, task_id: str) -> str | None:
        """The mode that a task was submitted in."""
        ...

    def has_click(self, task: Task, button: Button, now: int) -> bool:
        """Whether a person's click of the button holds its place."""
        ...

    def was_refused(self, task: Task, button: Button, now: int) -> bool:
        """Whether moderation refused a person's click of the button."""
        ...

    def is_answered(self, task: Task, now: int) -> bool:
        """Whether a person asked for the task once more, or it has not ended badly after all."""
        ...

    def list_spending(self, rule: str, root_id: str) -> list[Spending]:
        """What a rule had reserved under a root before the replay, oldest first."""
        ...

    def count_firings(self, rule: str, root_id: str) -> int:
        """How many firings of a rule had opened tasks under a root before the replay."""
        ...
