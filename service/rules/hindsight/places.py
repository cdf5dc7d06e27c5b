"""By what a follow-up is known, whoever opened it: the button that it clicks, or the task that it is of. Pure."""

from storage.records import Button, Task

Key = tuple[str | int | None, ...]


def make_place(parent_id: str | None, label: str | None, index: int | None) -> Key:
    """A button of a task."""
    return ("click", parent_id, label, index)


def place_on(task: Task, button: Button) -> Key:
    """The place of a button that a task shows."""
    return make_place(task.id, button.label or button.emoji or button.custom_id, button.index)


def place_of(task: Task) -> Key | None:
    """The button whose place a task holds, which buys one picture once; None where it may be clicked again."""
    if task.action != "UPSCALE" or task.index is None:
        return None
    return make_place(task.parent_id, task.button, task.index)


def key_of(task: Task) -> Key:
    """What a follow-up is, whoever opened it."""
    if task.retry_of is not None:
        return ("retry", task.retry_of)
    if task.button is not None:
        return make_place(task.parent_id, task.button, task.index)
    return ("submit", task.parent_id)
