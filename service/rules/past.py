"""What a replay takes from the past: whatever was so without the rules."""

from typing import Protocol

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

    def is_answered(self, task: Task, now: int) -> bool:
        """Whether a person asked for the task once more."""
        ...
