"""`chain:` of a test that is given: what became of a root and of everything under it."""

from collections.abc import Mapping
from typing import Final

import msgspec

from service.rules.fields import ACTIONS
from service.written.mistakes import did_you_mean, quoted
from service.written.nodes import Node
from storage.records import CHAIN_SETTLED, Chain, Picture, Status, Task

COUNTS: Final = ("succeeded", "failed", "cancelled", "retried")  # by action
MOST_TASKS: Final = 1000  # of each sort
PICTURE: Final = "https://cdn.example/picture.png"  # of every task that succeeded


def read_given_chain(node: Node | None, root: Task, event: str) -> tuple[Chain, Mapping[str, Task]]:
    """The chain that is given, and the tasks of its pictures; without any, the root is all of it."""
    values = {} if node is None else node.mapping((*COUNTS, "lost", "cost"))
    if node is not None and event != CHAIN_SETTLED:
        node.mistake(f"a chain is looked at when all of it has ended; write event: {CHAIN_SETTLED}")
    counts = {name: _read_counts(values[name]) if name in values else {} for name in COUNTS}
    if node is None and root.status == Status.SUCCESS:
        counts["succeeded"] = {root.action: 1}
    lost = values["lost"].whole(0, MOST_TASKS) or 0 if "lost" in values else 0
    tasks = _make_tasks(root, counts["succeeded"])
    return (
        Chain(
            root_id=root.id,
            tasks=lost + sum(sum(each.values()) for each in counts.values()),
            **counts,
            lost=lost,
            cost=_read_cost(values["cost"]) if "cost" in values else None,
            pictures=tuple(
                Picture(task_id=task.id, action=task.action, index=task.index, image_url=task.image_url)
                for task in tasks
            ),
        ),
        {task.id: task for task in tasks},
    )


def _read_counts(node: Node) -> dict[str, int]:
    counts: dict[str, int] = {}
    for key, value in node.entries():
        if key.raw not in ACTIONS:
            key.mistake(f"there is no action {quoted(key.raw)}{did_you_mean(key.raw, ACTIONS)}")
        counts[key.raw] = value.whole(0, MOST_TASKS) or 0
    return counts


def _read_cost(node: Node) -> float | None:
    if isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value)
    node.mistake(f"expected a number, found {node.kind}")
    return None


def _make_tasks(root: Task, succeeded: Mapping[str, int]) -> list[Task]:
    """A task for each that succeeded, each with a picture: the root first, the others numbered as a grid's are."""
    tasks: list[Task] = []
    for action, number in succeeded.items():
        for index in range(1, number + 1):
            if action == root.action and index == 1:
                tasks.insert(0, root)
                continue
            own = {"id": f"{root.id}-{len(tasks) + 1}", "action": action, "index": index, "image_url": PICTURE}
            tasks.append(msgspec.structs.replace(root, **own, depth=1, parent_id=root.id, buttons=()))
    return tasks
