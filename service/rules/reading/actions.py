"""The items of `do:` as they are written, checked and frozen."""

import hashlib
from collections.abc import Mapping
from typing import Final

from hooks.buttons import opens_window
from hooks.notices import find_address_mistake
from service.rules.actions import (
    MODES,
    ClickAction,
    DownloadAction,
    NotifyAction,
    ResubmitAction,
    SubmitAction,
    TagAction,
    WrittenAction,
)
from service.rules.labels import find_label_mistake, find_repeated
from service.rules.paths import find_path_mistake
from service.rules.reading.masks import read_mask
from service.rules.reading.templates import read_template
from service.rules.templates import Template
from service.written.mistakes import did_you_mean, quoted
from service.written.nodes import Node

MOST_ACTIONS: Final = 20  # of one rule
LONGEST_TAG: Final = 64  # characters, as whoever submits a task may give them
MOST_TAGS: Final = 32
ADDRESS_DIGITS: Final = 16
TOLD_AT: Final = "expected https://…, or with ringback[notify] installed slack://…, mailto://… and others"
EXAMPLES: Final = {  # an action's name, and how it may be written
    "click": "click: U1",
    "submit": 'submit: {prompt: "{prompt} --tile"}',
    "resubmit": "resubmit: {}",
    "tag": "tag: done",
    "notify": 'notify: {url: "${SLACK_URL}", text: "{prompt}: done"}',
    "download": 'download: {to: "{root_id}/{index}.png"}',
}


def read_actions(node: Node, *, rule: str, event: str | None) -> tuple[WrittenAction, ...]:
    """The actions that a list writes down, for a rule of this id on this event; mistakes are noted on its document."""
    items = node.items()
    if isinstance(node.value, list) and not items:
        node.mistake(f"there is nothing to do; give an action such as - {EXAMPLES['click']}")
    if len(items) > MOST_ACTIONS:
        items[MOST_ACTIONS].mistake(f"a rule has at most {MOST_ACTIONS} actions")
    reader = _Reader({"rule": rule, "event": event or ""}, event)
    actions = [action for item in items[:MOST_ACTIONS] if (action := reader.read(item)) is not None]
    reader.note_repeated()
    return tuple(actions)


class _Reader:
    """Reads the actions of one rule."""

    def __init__(self, constants: Mapping[str, str], event: str | None) -> None:
        self._constants = constants  # what its templates may name beside fields
        self._event = event
        self._clicked: list[tuple[Node, str]] = []

    def read(self, node: Node) -> WrittenAction | None:
        """One item; None when nothing of it can be used."""
        readers = {
            "click": self._read_click,
            "submit": self._read_submit,
            "resubmit": self._read_resubmit,
            "tag": self._read_tag,
            "notify": self._read_notify,
            "download": self._read_download,
        }
        values = node.mapping(tuple(readers))
        if isinstance(node.value, dict) and not node.value:
            node.mistake(f"there is nothing to do; give an action such as {EXAMPLES['click']}")
        for name in [*values][1:]:
            values[name].mistake(f"an item is one action; begin another one with - {name}: …")
        for name, value in values.items():
            return readers[name](value)
        return None

    def note_repeated(self) -> None:
        """Note the buttons that are clicked twice."""
        for place in find_repeated([text for _, text in self._clicked]):
            node = self._clicked[place][0]
            node.mistake(f"{node.kind} is clicked twice")

    def _template(self, node: Node | None) -> Template | None:
        return None if node is None else read_template(node, event=self._event, constants=self._constants)

    def _read_click(self, node: Node) -> WrittenAction | None:
        if not isinstance(node.value, dict):
            labels = [self._read_label(each, answered=False) for each in node.one_or_many()]
            return ClickAction(labels=tuple(label for label in labels if label is not None))
        values = node.mapping(("button", "prompt", "mask"), required=("button",))
        answered = bool({"prompt", "mask"} & values.keys())
        label = self._read_label(values["button"], answered=answered) if "button" in values else None
        prompt = self._template(values.get("prompt"))
        mask = read_mask(values["mask"]) if "mask" in values else None
        return ClickAction(labels=() if label is None else (label,), prompt=prompt, mask=mask)

    def _read_label(self, node: Node, *, answered: bool) -> str | None:
        label = node.text()
        if label is None:
            return None
        self._clicked.append((node, label))
        if mistake := find_label_mistake(label):
            node.mistake(mistake)
        elif not answered and opens_window(label):
            node.mistake(
                f"{quoted(label)} opens a window that wants an answer;"
                f' write click: {{button: "{label}", prompt: "{{prompt}}"}}'
            )
        return label

    def _read_submit(self, node: Node) -> WrittenAction | None:
        values = node.mapping(("prompt", "tags", "mode"), required=("prompt",))
        prompt = self._template(values.get("prompt"))
        tags = _read_tags(values["tags"], empty=True) if "tags" in values else None
        mode = _read_mode(values["mode"]) if "mode" in values else None
        return None if prompt is None else SubmitAction(prompt=prompt, tags=tags, mode=mode)

    def _read_resubmit(self, node: Node) -> WrittenAction:
        if node.value is not None:
            node.mapping(())
        return ResubmitAction()

    def _read_tag(self, node: Node) -> WrittenAction:
        if not isinstance(node.value, dict):
            return TagAction(tags=_read_tags(node))
        values = node.mapping(("task", "root"))
        if not node.value:
            node.mistake("there is no tag; write tag: done, or tag: {root: done}")
        return TagAction(
            tags=_read_tags(values["task"]) if "task" in values else (),
            root_tags=_read_tags(values["root"]) if "root" in values else (),
        )

    def _read_notify(self, node: Node) -> WrittenAction | None:
        values = node.mapping(("url", "text", "title"), required=("url", "text"))
        url = _read_url(values["url"]) if "url" in values else None
        text = self._template(values.get("text"))
        title = self._template(values.get("title"))
        if url is None or text is None:
            return None
        return NotifyAction(address=_digest(values["url"].raw), url=url, text=text, title=title)

    def _read_download(self, node: Node) -> WrittenAction | None:
        values = node.mapping(("to",), required=("to",))
        to = self._template(values.get("to"))
        if to is None:
            return None
        if mistake := find_path_mistake(to):
            values["to"].mistake(mistake)
        elif not _tells_apart(to.fields):
            values["to"].mistake("pictures of several tasks would go by one name; add {id}, or {root_id} and {index}")
        return DownloadAction(to=to)


def _tells_apart(fields: frozenset[str]) -> bool:
    """Whether two pictures hardly ever go by one name; the ledger adds the task's id where they do."""
    return "id" in fields or bool(fields & {"root_id", "parent_id", "state"} and fields & {"index", "button"})


def _read_tags(node: Node, *, empty: bool = False) -> tuple[str, ...]:
    tags: list[str] = []
    for item in [] if empty and node.value == [] else node.one_or_many():
        text = item.raw if isinstance(item.value, int | float) else item.text()  # `tag: 2026`
        if text is None:
            continue
        if not (0 < len(text) <= LONGEST_TAG) or text != text.strip():
            item.mistake(f"a tag has 1 to {LONGEST_TAG} characters, and no blank at its ends")
        tags.append(text)
    if len(tags) > MOST_TAGS:
        node.mistake(f"there may be at most {MOST_TAGS} tags")
    return tuple(dict.fromkeys(tags))


def _read_mode(node: Node) -> str | None:
    text = node.text()
    if text is not None and text not in MODES:
        hint = did_you_mean(text, MODES) or f" (known: {', '.join(MODES)})"
        node.mistake(f"there is no mode {quoted(text)}{hint}")
        return None
    return text


def _read_url(node: Node) -> str | None:
    url = node.filled()
    if url is not None and (mistake := find_address_mistake(url)):
        # What is wrong with a URL may quote it.
        node.mistake(f"nobody can be told at what {node.kind} stands for; {TOLD_AT}" if node.is_filled else mistake)
        return None
    return url


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:ADDRESS_DIGITS]
