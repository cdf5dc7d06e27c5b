"""What msgspec says of a wrong value, in a person's words. Pure.

msgspec's own: "Expected `str | null`, got `array` - at `$[0]`", "Expected `str` of length <= 3", "Expected `int` >= 1",
"Invalid enum value 'x'", "JSON is malformed: invalid character (byte 5)", "Input data was truncated".
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from msgspec import inspect

_KINDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
_COUNTED: Final = {"str": "characters", "array": "entries", "object": "fields"}
_BOUNDS: Final = {"<=": "at most", ">=": "at least"}
_EXPECTED: Final = re.compile(
    r"Expected `(?P<wanted>[^`]+)`(?: of length (?P<length>[<>]=) (?P<count>\d+)| (?P<bound>[<>]=) (?P<number>\S+))?"
    r"(?:, got `(?P<found>[^`]+)`)?(?: - at `\$(?P<place>.*)`)?"
)
_ENUM: Final = re.compile(r"Invalid enum value (?P<value>.+?)(?: - at `\$(?P<place>.*)`)?", re.DOTALL)


def tell_wrong_value(said: str, expected: Any) -> str:
    """Give what a ValidationError says of a value that should be an `expected` type; what is not known as it is."""
    if match := _ENUM.fullmatch(said):
        values = ", ".join(map(str, _list_values(inspect.type_info(expected))))
        wanted = f"expected one of {values}, found" if values else "there is no"
        return f"{wanted} {match['value']}{_tell_place(match['place'])}"
    match = _EXPECTED.fullmatch(said)
    if match is None:
        return said
    told = f"expected {_name(match['wanted'])}"
    if match["length"]:
        what = _COUNTED.get(match["wanted"], "entries")
        told += f" with {_BOUNDS[match['length']]} {match['count']} {what}"
    if match["bound"]:
        told += f" of {_BOUNDS[match['bound']]} {match['number']}"
    if match["found"]:
        told += f", found {_name(match['found'])}"
    return told + _tell_place(match["place"])


def tell_bad_json(said: str) -> str:
    """Give what a DecodeError says."""
    reason = said.removeprefix("JSON is malformed: ").replace("Input data was truncated", "it ends too early")
    return f"The body is not JSON: {reason}."


def _list_values(kind: inspect.Type) -> Iterable[Any]:
    """Every word that a type takes, also within a union or a list."""
    match kind:
        case inspect.LiteralType():
            return kind.values
        case inspect.UnionType():
            return tuple(value for each in kind.types for value in _list_values(each))
        case inspect.CollectionType():
            return _list_values(kind.item_type)
    return ()


def _name(kinds: str) -> str:
    return " or ".join(_KINDS.get(kind, kind) for kind in kinds.split(" | "))


def _tell_place(place: str | None) -> str:
    """Where in the value; entries are counted from 0, as in JSON paths."""
    return f", at {place}" if place else ""
