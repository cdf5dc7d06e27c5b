"""The text of a `.env` file, with some of its settings changed and all the rest as it was. Pure."""

import re
from collections.abc import Mapping
from io import StringIO
from typing import Final

from dotenv.parser import Binding, parse_stream

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,~=-]+")  # values that mean themselves in a .env file
_PLACEHOLDER: Final = re.compile(r"#\s*([A-Z_]+)=\s*")  # a setting that could stand here


def change_settings(text: str, changes: Mapping[str, str]) -> str:
    """Give the text with these settings, an empty value for one that shall not be set.

    A changed setting stays in its place, or takes that of its placeholder (`# NAME=`); one that has no place comes at
    the end. What is no setting of these is kept to the letter: order, comments, other programs' variables.
    """
    pieces, placed = [], set[str]()
    for binding in parse_stream(StringIO(text, newline="")):
        original = binding.original.string
        name = _name_of(binding)
        if name is None or name not in changes or (binding.key is None and changes[name] == ""):
            pieces.append(original)
            continue
        before = original[: len(original) - len(original.lstrip())]
        pieces.append(before)
        if name not in placed:
            export = "export " if changes[name] and original.lstrip().startswith("export ") else ""  # for a shell
            pieces.append(export + _write(name, changes[name]))
            placed.add(name)
    if pieces and not "".join(pieces).endswith("\n"):
        pieces.append("\n")
    pieces += [_write(name, value) for name, value in changes.items() if value and name not in placed]
    return "".join(pieces)


def _name_of(binding: Binding) -> str | None:
    if binding.key is not None:
        return binding.key
    placeholder = _PLACEHOLDER.fullmatch(binding.original.string.strip())
    return placeholder and placeholder[1]


def _write(name: str, value: str) -> str:
    return f"{name}={quote(value)}\n" if value else f"# {name}=\n"


def quote(value: str) -> str:
    """Give the value so that python-dotenv reads back the same."""
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
