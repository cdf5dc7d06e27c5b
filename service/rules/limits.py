"""`limits:` — what no rule may exceed."""

from dataclasses import dataclass

from service.written.nodes import Node

DEFAULT_MAX_DEPTH = 4
DEPTH_CEILING = 8  # nobody may ask for more hops than this


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of the whole service."""

    max_depth: int = DEFAULT_MAX_DEPTH  # hops from a task that a person submitted


def read_limits(node: Node) -> Limits:
    """The Limits that a mapping writes down; mistakes are noted on the node's document."""
    values = node.mapping({"max_depth"})
    return Limits(max_depth=read_max_depth(values.get("max_depth")) or DEFAULT_MAX_DEPTH)


def read_max_depth(node: Node | None) -> int | None:
    """A number of hops; None when it is not given. A wrong one bounds nevertheless: it is one mistake, not two."""
    return (node.whole(1, DEPTH_CEILING) or DEPTH_CEILING) if node else None
