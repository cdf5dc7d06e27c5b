"""The `match` of a subscription as it is sent and kept: JSON, read as a rule's `match` is."""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from service.rules.match import Match
from service.rules.reading.match import read_match
from service.subscriptions.written import MOST_STANDING
from service.written.document import Document
from service.written.environment import Concealed
from service.written.mistakes import Mistake, MistakesFound
from service.written.nodes import Node
from storage.records import JSON

NAME: Final = "match"  # what mistakes call it; their places are paths in it, such as match.any[0].prompt
LONGEST: Final = 16 * 1024  # bytes of its JSON
REMEMBERED: Final = 2 * MOST_STANDING  # that were read lately: all are needed again whenever a subscription changes


def read_filter(match: JSON) -> Match:
    """The Match that an object says, with a rule's fields and operators. Every event's task may be looked at by it.

    Raises MistakesFound with every mistake; the `file` of each is its path, and it has no line. `${NAME}` is one: who
    sends it could read the service's environment by what passes.
    """
    try:
        # JSON is YAML, but for a character that JSON may leave as it is.
        text = json.dumps(match).replace("\x7f", "\\u007f")
    except RecursionError:
        raise MistakesFound([_mistake("it is nested too deeply")]) from None
    if len(text) > LONGEST:
        raise MistakesFound([_mistake(f"it is larger than {LONGEST // 1024} KiB")])
    return _read(text)


@lru_cache(maxsize=REMEMBERED)
def _read(text: str) -> Match:
    document = Document(text.encode(), file=NAME, environ=Concealed())
    places: dict[tuple[int | None, int | None], str] = {}
    read = Match()
    try:
        if document.root is not None:
            places.update(_list_places(document.root, NAME))
            read = read_match(document.root)
        mistakes = document.source.mistakes
    except MistakesFound as error:
        mistakes = error.mistakes  # more than anybody mends at once
    if mistakes:
        raise MistakesFound(_mistake(each.message, places.get((each.line, each.column), NAME)) for each in mistakes)
    return read


def _list_places(node: Node, path: str) -> Iterator[tuple[tuple[int, int], str]]:
    """The path of every value, and of every key, by where it stands in the text."""
    yield (node.line, node.column), path
    if isinstance(node.value, dict):
        for key, value in node.value.values():
            inner = f"{path}.{key.raw}"
            yield (key.line, key.column), inner
            yield from _list_places(value, inner)
    elif isinstance(node.value, list):
        for index, item in enumerate(node.value):
            yield from _list_places(item, f"{path}[{index}]")


def _mistake(message: str, path: str = NAME) -> Mistake:
    return Mistake(path, None, None, message)
