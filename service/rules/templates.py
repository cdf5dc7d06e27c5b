"""Templates: text with `{field}` in it, checked when the file is loaded. `{{` and `}}` are braces."""

import json
from dataclasses import dataclass
from typing import Any

from service.rules.fields import Read
from service.rules.subject import Subject


@dataclass(frozen=True, slots=True)
class Template:
    """A text whose fields are filled in from a Subject. What is filled in is never looked at again."""

    parts: tuple[str | tuple[str, Read], ...]  # plain text, or a field's name and how it is read

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields in it."""
        return frozenset(part[0] for part in self.parts if not isinstance(part, str))

    @property
    def constant(self) -> str | None:
        """The text, when nothing is to be filled in; None otherwise."""
        return None if self.fields else "".join(part for part in self.parts if isinstance(part, str))

    def fill(self, subject: Subject) -> str:
        """The text for this subject; a field that is missing leaves nothing."""
        return "".join(part if isinstance(part, str) else _written(part[1](subject)) for part in self.parts)


def _written(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"  # as a rule writes it
        case tuple() | list():
            return ", ".join(map(_written, value))
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case float():
            return f"{value:.10g}"  # sums of prices are not shown to the last bit
    return str(value)
