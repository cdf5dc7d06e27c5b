"""Templates: text with `{field}` in it, checked when the file is loaded. `{{` and `}}` are braces."""

from dataclasses import dataclass
from typing import Any

from service.rules.fields import Read
from service.rules.subject import Subject


@dataclass(frozen=True, slots=True)
class Template:
    """A text whose fields are filled in from a Subject. What is filled in is never looked at again."""

    parts: tuple[str | tuple[str, Read], ...]  # plain text, or a field's name and how it is read

    def fill(self, subject: Subject) -> str:
        """The text for this subject; a field that is missing leaves nothing."""
        return "".join(part if isinstance(part, str) else _written(part[1](subject)) for part in self.parts)


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return str(value)
