"""What a submission's JSON body says, field by field, read as leniently as the real parsers do."""

import re

from service.simulator.answers import JSON


def text(body: JSON, name: str) -> str:
    """A text of the body; numbers are read as text, as the real parsers do; all else is empty."""
    value = body.get(name)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # half a surrogate pair has no bytes: "?", as in Java
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def optional(body: JSON, name: str) -> str | None:
    """The same, but None where nothing was given."""
    return None if body.get(name) is None else text(body, name)


def number(body: JSON, name: str) -> int | None:
    """A whole number of the body, or None."""
    digits = text(body, name)
    return int(digits) if re.fullmatch("[0-9]{1,9}", digits) else None


def listed(body: JSON, name: str) -> list[str]:
    """A list of texts; empty where there is none."""
    values = body.get(name)
    return [text({name: value}, name) for value in values] if isinstance(values, list) else []
