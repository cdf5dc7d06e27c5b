"""What a client of the facade wants clicked, and the answers to windows: the gateways' own request bodies.

Pure: which button of a task is meant is decided from the task as the ledger shows it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from hooks.buttons import find_button, parse_custom_id, synthesise_button
from hooks.scalars import whole_of
from service.gateways.actions import Mode
from service.gateways.requests import CHANGES
from service.web.facade.answers import Refusal
from service.web.facade.orders import read_common, read_prompt, read_rest, read_text
from storage.records import JSON, Button, Task

LONGEST_CUSTOM_ID: Final = 255  # characters; Discord's have 100

_INDEXED: Final = {"UPSCALE": "U", "VARIATION": "V"}


class Click(msgspec.Struct, frozen=True, kw_only=True):
    """One click, as a client asked for it."""

    parent: str  # the task to click on, as the client names it
    custom_id: str | None = None  # of the button, or
    change: str | None = None  # "U1" … "V4", "reroll"
    options: JSON
    state: str | None
    hook: str | None  # the client's own notifyHook


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to an open window."""

    task: str  # whose window it is, as the client names it
    prompt: str | None
    mask: str | None  # a picture, as it came
    hook: str | None


def read_click(endpoint: str, body: JSON, mode: Mode | None) -> Click:
    """The click in a body to `/submit/<endpoint>`. Raises Refusal."""
    fields = dict(body)
    state, hook = read_common(fields)
    parent, custom_id, change = READERS[endpoint](fields)
    options = read_rest(fields, mode)
    return Click(parent=parent, custom_id=custom_id, change=change, options=options, state=state, hook=hook)


def read_window(body: JSON) -> Window:
    """The answer in a body to `/submit/modal`. Raises Refusal."""
    fields = dict(body)
    _, hook = read_common(fields)
    task = read_text(fields.get("taskId"))
    if task is None:
        raise Refusal("taskId不能为空")
    return Window(
        task=task, prompt=read_prompt(fields.get("prompt")), mask=read_text(fields.get("maskBase64")), hook=hook
    )


def choose_button(parent: Task, click: Click) -> Button:
    """The button that is meant. Raises Refusal.

    Proxies do not look whether a task shows the button of a customId, and clients put some together by themselves: what
    the grammar knows is handed on. Where a task shows no button at all, only `/submit/change` is left.
    """
    if click.custom_id is None:
        button = _change(parent, str(click.change))
        if button is None:
            raise Refusal("关联任务不允许执行变化")
        return button
    shown = next((button for button in parent.buttons if button.custom_id == click.custom_id), None)
    if shown is not None:
        return shown
    said = parse_custom_id(click.custom_id)
    if not said.kind:
        raise Refusal("未知的 Action 类型")
    name = {"upsample": f"U{said.index}", "variation": f"V{said.index}"}.get(said.kind, said.kind)
    bare = _change(parent, name) if not parent.buttons and said.kind in CHANGES else None
    return bare or Button(
        label="", custom_id=click.custom_id, kind=said.kind, index=said.index, opens_modal=said.opens_modal
    )


def _change(parent: Task, name: str) -> Button | None:
    return find_button(parent.buttons, name) if parent.buttons else synthesise_button(name)


_Read = tuple[str, str | None, str | None]


def _read_action(fields: dict[str, Any]) -> _Read:
    parent, custom_id = read_text(fields.pop("taskId", None)), read_text(fields.pop("customId", None))
    if parent is None or custom_id is None or len(custom_id) > LONGEST_CUSTOM_ID:
        raise Refusal("参数错误")
    return parent, custom_id, None


def _read_change(fields: dict[str, Any]) -> _Read:
    parent, action = read_text(fields.pop("taskId", None)), read_text(fields.pop("action", None))
    index = whole_of(fields.pop("index", None))
    if parent is None:
        raise Refusal("taskId不能为空")
    if action == "REROLL":  # new-api wants an index for it, which means nothing
        return parent, None, "reroll"
    if action not in _INDEXED:
        raise Refusal("action参数错误")
    if index not in range(1, 5):
        raise Refusal("index参数错误")
    return parent, None, f"{_INDEXED[action]}{index}"


def _read_simple_change(fields: dict[str, Any]) -> _Read:
    words = (read_text(fields.pop("content", None)) or "").split(" ")
    change = words[-1].upper()
    if len(words) != 2 or not words[0] or synthesise_button(change) is None:
        raise Refusal("content参数错误")
    return words[0], None, "reroll" if change == "R" else change


READERS: Final[Mapping[str, Callable[[dict[str, Any]], _Read]]] = {
    "action": _read_action,
    "change": _read_change,
    "simple-change": _read_simple_change,
}
