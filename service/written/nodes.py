"""The values of a YAML document, each with its place, and the questions that a validator asks of them.

Every question notes what is wrong and answers something usable, so that one pass finds every mistake.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.written.mistakes import Mistake, MistakesFound, did_you_mean, quoted

Scalar = str | int | float | bool | None

MOST_MISTAKES = 100
TOO_MANY = f"there are more than {MOST_MISTAKES} mistakes; these are the first that were found"
FROM_ENVIRONMENT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
WHERE_SECRETS_STAND = (
    "secrets may stand in notify.url, in a rule's match, in a gateway's url and key, and in a subscription's url,"
    " headers and secret"
)
OWN_PREFIX = "RINGBACK_"  # the service's own settings, which no rule may send anywhere


@dataclass(slots=True)
class Source:
    """What the nodes of one document share: its name, the environment, and what is wrong so far."""

    file: str
    environ: Mapping[str, str] = field(repr=False)
    files: list[Path] = field(default_factory=list)  # others that it names, and that were read with it
    _mistakes: dict[Mistake, None] = field(default_factory=dict)

    def note(self, line: int, column: int, message: str) -> None:
        """Keep a mistake; the same one in the same place is kept once.

        Raises MistakesFound when there are more than anybody mends at once: whoever sends a file of nothing but
        mistakes is not to be served for long.
        """
        mistake = Mistake(self.file, line, column, message)
        if len(self._mistakes) >= MOST_MISTAKES and mistake not in self._mistakes:
            raise MistakesFound([Mistake(self.file, None, None, TOO_MANY), *self._mistakes])
        self._mistakes[mistake] = None

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """What is wrong so far, in the order in which it was found."""
        return tuple(self._mistakes)


@dataclass(slots=True, eq=False)
class Node:
    """One value: a scalar, a list of nodes, or a mapping of names to (key, value) nodes."""

    source: Source
    line: int
    column: int
    value: "Scalar | list[Node] | dict[str, tuple[Node, Node]]"
    raw: str = ""  # a scalar as it is written; `${NAME}` is not filled in here, so it may be shown
    broken: bool = False  # refused already, so nothing more is said about it

    def mistake(self, message: str) -> None:
        """Note that this value is wrong."""
        if not self.broken:
            self.source.note(self.line, self.column, message)

    @property
    def kind(self) -> str:
        """What it is, in words for a message."""
        match self.value:
            case dict():
                return "a mapping"
            case list():
                return "a list"
            case None:
                return "nothing"
            case bool():
                return self.raw
            case int() | float():
                return f"the number {quoted(self.raw)[1:-1]}"
        return quoted(self.raw)

    def entries(self) -> list[tuple["Node", "Node"]]:
        """The (key, value) pairs of a mapping in their order; a mistake and none when it is no mapping."""
        if isinstance(self.value, dict):
            return list(self.value.values())
        self.mistake(f"expected a mapping (key: value), found {self.kind}")
        return []

    def mapping(self, known: Collection[str], required: Collection[str] = ()) -> dict[str, "Node"]:
        """The values by name. Names that are not known, and required ones that are not there, are mistakes."""
        found: dict[str, Node] = {}
        for key, value in self.entries():
            if key.raw in known:
                found[key.raw] = value
            else:
                key.mistake(f"unknown key {quoted(key.raw)}{did_you_mean(key.raw, known)}")
        if isinstance(self.value, dict):
            for name in required:
                if name not in found:
                    self.mistake(f"{quoted(name)} is missing")
        return found

    def items(self) -> list["Node"]:
        """The items of a list; a mistake and none when it is no list."""
        if isinstance(self.value, list):
            return self.value
        self.mistake(f"expected a list, found {self.kind}")
        return []

    def one_or_many(self) -> list["Node"]:
        """The items of a list, or the value alone; an empty list is a mistake."""
        if isinstance(self.value, list):
            if not self.value:
                self.mistake("the list is empty")
            return self.value
        return [self]

    def text(self) -> str | None:
        """The text as it is written, which may be kept and shown; None and a mistake where it asks for a secret."""
        if not isinstance(self.value, str):
            self.mistake(f"expected text, found {self.kind}")
            return None
        if found := FROM_ENVIRONMENT.search(self.value):
            self.mistake(f"{quoted(found[0])} is not filled in here; {WHERE_SECRETS_STAND}")
            return None
        return self.value

    def filled(self) -> str | None:
        """The text with every `${NAME}` filled in from the environment; None and a mistake otherwise.

        What it gives may be a secret, and stands in no message.
        """
        if isinstance(self.value, str):
            return self._filled(self.value)
        self.mistake(f"expected text, found {self.kind}")
        return None

    @property
    def is_filled(self) -> bool:
        """Whether `filled` takes anything from the environment."""
        return isinstance(self.value, str) and FROM_ENVIRONMENT.search(self.value) is not None

    def whole(self, minimum: int, maximum: int) -> int | None:
        """A whole number within bounds; None and a mistake otherwise."""
        value = self.value
        if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
            return value
        self.mistake(f"expected a whole number from {minimum} to {maximum}, found {self.kind}")
        return None

    def truth(self) -> bool | None:
        """true or false; None and a mistake otherwise."""
        if isinstance(self.value, bool):
            return self.value
        self.mistake(f"expected true or false, found {self.kind}")
        return None

    def plain(self) -> Any:
        """The value as ordinary data, for hashing and for showing: secrets stay `${NAME}`."""
        if isinstance(self.value, dict):
            return {name: value.plain() for name, (_, value) in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def _filled(self, text: str) -> str | None:
        if "${" not in text:
            return text
        complete = True

        def fill(found: re.Match[str]) -> str:
            nonlocal complete
            name = found[1]
            if name.upper().startswith(OWN_PREFIX):
                self.mistake(f"${{{name}}}: names that start with {OWN_PREFIX} are Ringback's own")
            elif name not in self.source.environ:
                self.mistake(f"${{{name}}} is not set in the environment")
            else:
                return self.source.environ[name]
            complete = False
            return ""

        filled = FROM_ENVIRONMENT.sub(fill, text)
        return filled if complete else None
