"""The fields that a `match` may name and a template may fill in, and how each is read from a Subject.

A rule sees the ledger's row, never a gateway's body. `params.<name>` and `properties.<name>` are open; every other
name is listed here, so that a typo is found when the file is loaded. `chain.…` is there on `chain.settled` alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from hooks.prompts import PARAM_ALIASES
from service.rules.subject import Subject
from storage.records import Status, SubmissionState

Read = Callable[[Subject], Any]

# What a person asks for, and what a click opens (`storage.actions.action_of`).
_ASKED = ("IMAGINE", "BLEND", "DESCRIBE", "SHORTEN", "EDIT", "RETEXTURE", "VIDEO", "SWAP_FACE", "UPLOAD")
_CLICKED = ("UPSCALE", "VARIATION", "REROLL", "ZOOM", "PAN", "INPAINT", "BOOKMARK", "ACTION")
ACTIONS: Final = frozenset(_ASKED + _CLICKED)
FAIL_KINDS: Final = frozenset({"timeout", "moderation", "cancelled", "quota", "gateway", "unknown"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a task, or of a chain."""

    name: str  # "params.ar": aliases are written out in their short form
    about: str  # what it says, for an editor
    read: Read
    choices: frozenset[str] = frozenset()  # every value there is; empty when any text goes
    numeric: bool = False  # always a number, so that text operators make no sense

    @property
    def of_chain(self) -> bool:
        """Whether it tells of a whole chain, and so is there on `chain.settled` alone."""
        return self.name.startswith("chain.")


def _of_task(name: str, about: str, choices: frozenset[str] = frozenset(), *, numeric: bool = False) -> Field:
    return Field(name=name, about=about, read=attrgetter(f"task.{name}"), choices=choices, numeric=numeric)


def _of_chain(name: str, about: str, read: Callable[[Any], Any]) -> Field:
    # Elsewhere there is no chain to ask, and the field is missing.
    def look(subject: Subject) -> Any:
        return None if subject.chain is None else read(subject.chain)

    return Field(name=f"chain.{name}", about=about, read=look, numeric=True)


_COUNTS: Final = {
    "succeeded": "tasks of the chain that succeeded",
    "failed": "tasks of the chain that failed, without those that were asked for once more",
    "cancelled": "tasks of the chain that were cancelled",
    "retried": "tasks of the chain that ended badly and were asked for once more",
}


def _count(outcome: str, action: str | None = None) -> Field:
    group = attrgetter(outcome)
    if action is None:
        return _of_chain(outcome, f"how many {_COUNTS[outcome]}", lambda chain: sum(group(chain).values()))
    about = f"how many {action} {_COUNTS[outcome]}"
    return _of_chain(f"{outcome}.{action}", about, lambda chain: group(chain).get(action, 0))


FIELDS: Final = {
    field.name: field
    for field in (
        _of_task("id", "the task's id"),
        _of_task("action", "what was asked for", ACTIONS),
        _of_task("button", "the label of the button that was clicked to open it"),
        _of_task("index", "that button's index, 1 to 4", numeric=True),
        _of_task("status", "how far it is", frozenset(Status)),
        _of_task("progress", "percent, 0 to 100", numeric=True),
        _of_task("prompt", "the prompt, its parameters with it"),
        _of_task("image_url", "where its gateway shows the picture"),
        _of_task("video_urls", "where its gateway shows the videos"),
        _of_task("fail_reason", "why it failed, in its gateway's words"),
        _of_task("fail_kind", "what sort of failure it is", FAIL_KINDS),
        _of_task("parent_id", "the task from which it goes on"),
        _of_task("root_id", "the first task of its chain"),
        _of_task("depth", "hops from the root", numeric=True),
        _of_task("retry_of", "the task that ended badly and that this one asks for once more"),
        _of_task("attempt", "1, and one more for each time that it was asked for again", numeric=True),
        _of_task("origin", "who opened it: api, facade, cli, dashboard, adopted, then, or rule:ID"),
        _of_task("tags", "its tags"),
        _of_task("state", "the client's own text"),
        _of_task("gateway", "the gateway's name"),
        _of_task("submission", "the state of its latest submission", frozenset(SubmissionState)),
        _of_task("cost", "what it costs, in its gateway's currency", numeric=True),
        _of_chain("tasks", "how many tasks the chain has", attrgetter("tasks")),
        _of_chain("pictures", "how many pictures the chain has", lambda chain: len(chain.pictures)),
        _of_chain("lost", "how many tasks of the chain are lost", attrgetter("lost")),
        _of_chain("cost", "what the chain costs, where prices are known", attrgetter("cost")),
        *(_count(outcome) for outcome in _COUNTS),
        *(_count(outcome, action) for outcome in _COUNTS for action in sorted(ACTIONS)),
    )
}
TASK_FIELDS: Final = (*(name for name, field in FIELDS.items() if not field.of_chain), "params.ar", "properties.…")
OPEN_GROUPS: Final = {
    "params": "a parameter of the prompt: params.ar is its --ar",
    "properties": "whatever else the gateway said",
}


def find_field(name: str) -> Field | None:
    """The field of that name; None when there is none."""
    group, dot, key = name.partition(".")
    if group not in OPEN_GROUPS or not dot:
        return FIELDS.get(name)
    if not key:
        return None
    about = OPEN_GROUPS[group]
    if group == "params":
        key = PARAM_ALIASES.get(key.lower(), key.lower())
        return Field(name=f"params.{key}", about=about, read=lambda subject: subject.task.params.get(key))
    return Field(name=name, about=about, read=lambda subject: subject.task.properties.get(key))
