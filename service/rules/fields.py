"""The fields of a task that a `match` may name, and how each is read.

A rule sees the ledger's row, never a gateway's body. `params.<name>` and `properties.<name>` are open; every other
name is listed here, so that a typo is found when the file is loaded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from hooks.prompts import PARAM_ALIASES
from storage.records import Status, SubmissionState, Task

Read = Callable[[Task], Any]

# What a person asks for, and what a click opens (`storage.actions.action_of`).
_ASKED = ("IMAGINE", "BLEND", "DESCRIBE", "SHORTEN", "EDIT", "RETEXTURE", "VIDEO", "SWAP_FACE", "UPLOAD")
_CLICKED = ("UPSCALE", "VARIATION", "REROLL", "ZOOM", "PAN", "INPAINT", "BOOKMARK", "ACTION")
ACTIONS = frozenset(_ASKED + _CLICKED)
FAIL_KINDS = frozenset({"timeout", "moderation", "cancelled", "quota", "gateway", "unknown"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a task."""

    name: str  # "params.ar": aliases are written out in their short form
    read: Read
    choices: frozenset[str] = frozenset()  # every value there is; empty when any text goes
    numeric: bool = False  # always a number, so that text operators make no sense


def _attribute(name: str, choices: frozenset[str] = frozenset(), *, numeric: bool = False) -> Field:
    return Field(name=name, read=attrgetter(name), choices=choices, numeric=numeric)


_FIELDS = {
    field.name: field
    for field in (
        _attribute("action", ACTIONS),
        _attribute("button"),
        _attribute("index", numeric=True),
        _attribute("status", frozenset(Status)),
        _attribute("progress", numeric=True),
        _attribute("prompt"),
        _attribute("image_url"),
        _attribute("fail_reason"),
        _attribute("fail_kind", FAIL_KINDS),
        _attribute("parent_id"),
        _attribute("root_id"),
        _attribute("depth", numeric=True),
        _attribute("origin"),
        _attribute("tags"),
        _attribute("state"),
        _attribute("gateway"),
        _attribute("submission", frozenset(SubmissionState)),
        _attribute("cost", numeric=True),
    )
}
FIELD_NAMES = (*_FIELDS, "params.ar", "properties.…")  # what "did you mean" chooses from


def find_field(name: str) -> Field | None:
    """The field of that name; None when a task has no such field."""
    group, dot, key = name.partition(".")
    if not dot:
        return _FIELDS.get(name)
    if not key:
        return None
    if group == "params":
        key = PARAM_ALIASES.get(key.lower(), key.lower())
        return Field(name=f"params.{key}", read=lambda task: task.params.get(key))
    if group == "properties":
        return Field(name=name, read=lambda task: task.properties.get(key))
    return None
