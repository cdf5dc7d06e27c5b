"""`tests:` as they are written, checked and frozen."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from hooks.buttons import find_button, well_known_buttons
from hooks.prompts import PARAM_ALIASES, parse_params
from service.rules.fields import FIELDS
from service.rules.hindsight.trials import Expectation, Trial
from service.rules.labels import find_label_mistake
from service.rules.reading.given_chain import PICTURE, read_given_chain
from service.rules.rulebook import EVENTS, THEN
from service.written.mistakes import did_you_mean, quoted
from service.written.nodes import Node
from storage.records import CHAIN_SETTLED, JSON, Button, Status, SubmissionState, Task

MAX_TRIALS: Final = 1000
KEYS: Final = ("given", "expect")

# How a task looks after an event, as far as nothing else is given.
_AFTER: Final[Mapping[str, JSON]] = {
    "task.submitted": {"status": Status.SUBMITTED, "progress": 0},
    "task.progressed": {"status": Status.IN_PROGRESS, "progress": 50},
    "task.modal": {"status": Status.MODAL},
    "task.succeeded": {"status": Status.SUCCESS, "progress": 100},
    "task.failed": {"status": Status.FAILURE, "fail_kind": "unknown"},
    "task.cancelled": {"status": Status.CANCEL, "fail_kind": "cancelled"},
    "task.unknown": {"status": Status.NOT_START, "submission": SubmissionState.UNKNOWN},
    "task.lost": {"status": Status.NOT_START, "submission": SubmissionState.LOST},
    CHAIN_SETTLED: {"status": Status.SUCCESS, "progress": 100},
}
_ID: Final = "8000000000000001"
_ROOT: Final = "8000000000000000"  # of a task that lies deeper
_NOON: Final = 1_767_268_800_000  # any instant will do: nothing was bought before
_TYPES: Final = {field.name: field.type for field in msgspec.structs.fields(Task)}
_LISTS: Final = frozenset({"tags", "video_urls"})
_OF_TASK: Final = tuple(name for name, field in FIELDS.items() if not field.of_chain)
GIVEN: Final = ("event", "at", *_OF_TASK, "params", "properties", "buttons", "then", "chain")


def read_trials(node: Node, rules: Collection[str]) -> tuple[Trial, ...]:
    """The Trials that a list writes down, for rules of these ids; mistakes are noted on the node's document."""
    items = node.items()
    if len(items) > MAX_TRIALS:
        items[MAX_TRIALS].mistake(f"there may be at most {MAX_TRIALS} tests")
    known = {THEN, *rules}
    return tuple(_read_trial(item, known) for item in items[:MAX_TRIALS])


def _read_trial(node: Node, known: set[str]) -> Trial:
    values = node.mapping(KEYS, required=KEYS)
    for value in values.values():
        _note_secrets(value)
    given = values["given"].mapping(GIVEN) if "given" in values else {}
    event = _read_event(given.get("event"))
    task = _read_task(given, event)
    chain, kept = read_given_chain(given.get("chain"), task, event)
    return Trial(
        file=node.source.file,
        line=node.line,
        column=node.column,
        event=event,
        task=task,
        then=_read_labels(given["then"]) if "then" in given else (),
        chain=chain,
        kept=kept,
        now=_read_instant(given["at"]) if "at" in given else None,
        expected=_read_expected(values["expect"], known) if "expect" in values else {},
    )


def _note_secrets(node: Node) -> None:
    """Note every `${NAME}`: what a failed test says is shown to anybody."""
    if isinstance(node.value, dict):
        for _, value in node.value.values():
            _note_secrets(value)
    elif isinstance(node.value, list):
        for item in node.value:
            _note_secrets(item)
    elif node.is_filled:
        node.text()


def _read_event(node: Node | None) -> str:
    if node is None:
        return "task.succeeded"
    text = node.text()
    if text is not None and text not in EVENTS:
        node.mistake(f"there is no event {quoted(text)}{did_you_mean(text, EVENTS)}")
    return text if text is not None and text in _AFTER else "task.succeeded"


def _read_instant(node: Node) -> int | None:
    text = node.text()
    try:
        instant = datetime.fromisoformat(text or "")
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        node.mistake(f"expected a time with its zone, such as 2026-11-23T23:30:00+08:00, found {node.kind}")
        return None
    return int(instant.timestamp() * 1000)


def _read_task(given: Mapping[str, Node], event: str) -> Task:
    values: JSON = {
        "id": _ID,
        "gateway": "gateway",
        "action": "IMAGINE",
        "origin": "api",
        "submission": SubmissionState.ACCEPTED,
        "created_at": _NOON,
        "updated_at": _NOON,
    }
    values |= _AFTER[event]
    if values["status"] == Status.SUCCESS:
        values["image_url"] = PICTURE
    for name in given.keys() & set(_OF_TASK):
        if (value := _read_field(name, given[name])) is not msgspec.UNSET:
            values[name] = value
    deeper = values.get("depth") or values.get("parent_id")
    values.setdefault("root_id", _ROOT if deeper else values["id"])
    values["params"] = parse_params(values.get("prompt")) | _read_params(given.get("params"))
    values["properties"] = _read_properties(given.get("properties"))
    values["buttons"] = _read_buttons(given.get("buttons"), str(values["status"]))
    return Task(**values)


def _read_field(name: str, node: Node) -> Any:
    """A field's value; UNSET and a mistake when a task cannot have it."""
    field, value = FIELDS[name], node.value
    if name in _LISTS:
        items = [] if node.value == [] else node.one_or_many()
        return tuple(text for each in items if (text := _read_text(each)) is not None)
    if field.choices and node.raw not in field.choices:
        node.mistake(f"there is no {name} {node.kind}{did_you_mean(node.raw, field.choices)}")
        return msgspec.UNSET
    if value is not None and not field.numeric:
        return msgspec.UNSET if (text := _read_text(node)) is None else text
    try:
        return msgspec.convert(value, _TYPES[name])
    except msgspec.ValidationError:
        node.mistake(f"{name} cannot be {node.kind}")
        return msgspec.UNSET


def _read_text(node: Node) -> str | None:
    """A text as it is written; numbers are text, too. None and a mistake otherwise."""
    if isinstance(node.value, dict | list | None):
        node.mistake(f"expected a value, found {node.kind}")
        return None
    return node.raw


def _read_params(node: Node | None) -> JSON:
    if node is None:
        return {}
    return {
        PARAM_ALIASES.get(key.raw.lower(), key.raw.lower()): True if value.value is True else value.raw
        for key, value in node.entries()
    }


def _read_properties(node: Node | None) -> JSON:
    return {} if node is None else {key.raw: value.plain() for key, value in node.entries()}


def _read_buttons(node: Node | None, status: str) -> tuple[Button, ...]:
    """The buttons that are given; without any, a task that succeeded shows every one that is well known."""
    everything = well_known_buttons()
    if node is None:
        return everything if status == Status.SUCCESS else ()
    if node.value == []:
        return ()
    named = [(label, find_button(everything, label)) for label in _read_labels(node)]
    return tuple(button or Button(label=label, kind="") for label, button in named)


def _read_labels(node: Node) -> tuple[str, ...]:
    labels = []
    for each in node.one_or_many():
        if (text := each.text()) is not None:
            if mistake := find_label_mistake(text):
                each.mistake(mistake)
            labels.append(text)
    return tuple(labels)


def _read_expected(node: Node, known: set[str]) -> dict[str, Expectation]:
    expected = {}
    for key, value in node.entries():
        if key.raw not in known:
            key.mistake(f"there is no rule {quoted(key.raw)}{did_you_mean(key.raw, known)}")
        expected[key.raw] = Expectation(line=key.line, column=key.column, items=_read_items(value))
    return expected


def _read_items(node: Node) -> tuple[str, ...]:
    items: Sequence[Node] = node.value if isinstance(node.value, list) else [node]
    return tuple(text for item in items if (text := _read_item(item)) is not None)


def _read_item(node: Node) -> str | None:
    if isinstance(node.value, dict):  # `blocked: depth`, which YAML takes for a mapping
        return ", ".join(f"{key.raw}: {value.raw}" for key, value in node.entries())
    return None if node.value is None else node.raw
