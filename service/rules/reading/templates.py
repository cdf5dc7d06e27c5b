"""A text with `{field}` in it becomes a Template, and every field is checked."""

import re
from collections.abc import Mapping

from service.rules.fields import Read
from service.rules.reading.fields import read_field
from service.rules.templates import Template
from service.written.mistakes import quoted
from service.written.nodes import Node

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def read_template(node: Node, *, event: str | None, constants: Mapping[str, str]) -> Template | None:
    """The Template that a text writes down, for a rule on this event; None and a mistake otherwise.

    `constants` are filled in at once: what is known when the file is read.
    """
    text = node.text()
    if text is None:
        return None
    if not text.strip():
        node.mistake("the text is empty")
        return None
    parts: list[str | tuple[str, Read]] = []
    sound, end = True, 0
    for found in _TOKEN.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        name = found[1]
        if found[0] in ("{{", "}}"):
            parts.append(found[0][0])
        elif name is None:
            node.mistake(f"a {quoted(found[0])} stands alone; a field is {{prompt}}, and a brace is {found[0] * 2}")
            sound = False
        elif name in constants:
            parts.append(constants[name])
        elif field := read_field(node, name, event=event, others=constants):
            parts.append((name, field.read))
        else:
            sound = False
    parts.append(text[end:])
    return Template(_joined(parts)) if sound else None


def _joined(parts: list[str | tuple[str, Read]]) -> tuple[str | tuple[str, Read], ...]:
    """Neighbouring plain texts in one."""
    joined: list[str | tuple[str, Read]] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part:
            joined.append(part)
    return tuple(joined)
