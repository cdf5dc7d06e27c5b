"""The name of a field, as a `match` or a template writes it."""

from collections.abc import Collection

from service.rules.fields import FIELDS, TASK_FIELDS, Field, find_field
from service.written.mistakes import did_you_mean, quoted
from service.written.nodes import Node
from storage.records import CHAIN_SETTLED


def read_field(node: Node, name: str, *, event: str | None, others: Collection[str] = ()) -> Field | None:
    """The field of that name, for a rule on this event (None where that could not be read).

    None and a mistake on the node when there is none; `others` are names that would have done as well.
    """
    field = find_field(name)
    if field is None:
        names = FIELDS if name.startswith("chain") else TASK_FIELDS
        whose = "a chain" if name.startswith("chain.") else "a task"
        node.mistake(f"{whose} has no field {quoted(name)}{did_you_mean(name, (*names, *others))}")
    elif field.of_chain and event not in (CHAIN_SETTLED, None):
        node.mistake(f"{quoted(name)} is known when a whole chain has ended, on {CHAIN_SETTLED} alone")
    else:
        return field
    return None
