"""Reads the bodies of submissions: each becomes an Ask, or an Answer that refuses it."""

import re
from collections.abc import Callable

from service.simulator.answers import JSON, Answer, Refusal
from service.simulator.buttons import Click, Shape, read_change, read_content, read_custom_id
from service.simulator.dialects import Dialect
from service.simulator.studio import Studio
from service.simulator.tasks import Ask, Task

_CHANGEABLE = frozenset({"IMAGINE", "VARIATION", "REROLL", "BLEND"})
_CHANGES = ("UPSCALE", "VARIATION", "REROLL")


class Clerk:
    """Checks what is asked for as this dialect does. The checks stand in the order of the real ones."""

    def __init__(self, *, dialect: Dialect, studio: Studio) -> None:
        self._dialect = dialect
        self._studio = studio
        self._readers: dict[str, Callable[[JSON], Ask | Answer]] = {
            "imagine": self._imagine,
            "shorten": self._shorten,
            "describe": self._describe,
            "blend": self._blend,
            "action": self._action,
            "change": self._change,
            "simple-change": self._simple_change,
        }

    def read(self, endpoint: str, body: JSON) -> Ask | Answer:
        """What a submission asks for, or the refusal."""
        dialect = self._dialect
        if dialect.max_state is not None and len(text(body, "state")) > dialect.max_state:
            return self.refuse(Refusal.LONG_STATE)
        if dialect.max_hook is not None and len(text(body, "notifyHook")) > dialect.max_hook:
            return self.refuse(Refusal.LONG_HOOK)
        return self._readers[endpoint](body)

    def read_modal(self, body: JSON) -> Task | Answer:
        """The task whose open window is answered, or the refusal."""
        if not text(body, "taskId"):
            return self.refuse(Refusal.NO_TASK_ID)
        task = self._studio.find(text(body, "taskId"))
        if task is None:
            return self.refuse(Refusal.PARENT_MISSING)
        if task.now.status != "MODAL":
            return self.refuse(Refusal.PARENT_UNFINISHED)
        return task

    def refuse(self, reason: Refusal, detail: str = "") -> Answer:
        """This dialect's words for a refusal."""
        return self._dialect.refusals[reason].detailed(detail)

    def _imagine(self, body: JSON) -> Ask | Answer:
        prompt = text(body, "prompt").strip()
        if not prompt:
            return self.refuse(Refusal.NO_PROMPT)
        return _root("imagine", body, action="IMAGINE", shape="grid", prompt=prompt)

    def _shorten(self, body: JSON) -> Ask | Answer:
        prompt = text(body, "prompt").strip()
        if not prompt:
            return self.refuse(Refusal.NO_PROMPT)
        return _root("shorten", body, action="SHORTEN", shape="shorten", prompt=prompt)

    def _describe(self, body: JSON) -> Ask | Answer:
        picture = text(body, "base64") or text(body, "link")
        if not picture:
            return self.refuse(Refusal.NO_PICTURE)
        return _root("describe", body, action="DESCRIBE", shape="describe", picture=picture)

    def _blend(self, body: JSON) -> Ask | Answer:
        pictures = body.get("base64Array")
        if not isinstance(pictures, list) or not 2 <= len(pictures) <= 5:
            return self.refuse(Refusal.PICTURE_COUNT)
        return _root("blend", body, action="BLEND", shape="grid", picture="".join(map(str, pictures)))

    def _action(self, body: JSON) -> Ask | Answer:
        custom_id = text(body, "customId")
        if not text(body, "taskId") or not custom_id:
            return self.refuse(Refusal.BAD_PARAMETERS, custom_id)
        click = read_custom_id(custom_id)
        if click is None or (self._dialect.names_clicks and click.kind.row_action is None):
            return self.refuse(Refusal.BUTTON_UNKNOWN, custom_id)
        parent = self._parent(text(body, "taskId"))
        if isinstance(parent, Answer):
            return parent
        return self._click("action", body, parent, click, custom_id)

    def _change(self, body: JSON) -> Ask | Answer:
        return self._changed("change", body, text(body, "taskId"), text(body, "action"), number(body, "index"))

    def _simple_change(self, body: JSON) -> Ask | Answer:
        content = read_content(text(body, "content"))
        if content is None:
            return self.refuse(Refusal.BAD_CONTENT)
        return self._changed("simple-change", body, *content)

    def _changed(self, endpoint: str, body: JSON, task_id: str, action: str, index: int | None) -> Ask | Answer:
        if not task_id:
            return self.refuse(Refusal.NO_TASK_ID)
        if action not in _CHANGES:
            return self.refuse(Refusal.BAD_ACTION)
        click = read_change(action, index)
        if click is None or (self._dialect.reroll_needs_index and not index):
            return self.refuse(Refusal.NO_INDEX)
        parent = self._parent(task_id)
        if isinstance(parent, Answer):
            return parent
        if parent.ask.action not in _CHANGEABLE:
            return self.refuse(Refusal.PARENT_UNFIT)
        return self._click(endpoint, body, parent, click, None)

    def _parent(self, task_id: str) -> Task | Answer:
        """The task to click on, which must be SUCCESS as far as the gateway itself knows."""
        parent = self._studio.find(task_id)
        if parent is None:
            return self.refuse(Refusal.PARENT_MISSING)
        seen = self._studio.seen(parent)
        if seen is None or seen.status != "SUCCESS":
            return self.refuse(Refusal.PARENT_UNFINISHED)
        return parent

    def _click(self, endpoint: str, body: JSON, parent: Task, click: Click, custom_id: str | None) -> Ask:
        single = click.word == "upsample"
        keeps_picture = click.kind.shape == "single"
        return Ask(
            endpoint=endpoint,
            action=click.kind.action,
            row_action=(self._dialect.names_clicks and click.kind.row_action) or click.kind.action,
            shape=click.kind.shape,
            picture=parent.ask.picture if keeps_picture else f"{parent.image_hash}/{custom_id}/{click.index}",
            quadrant=click.index if single else parent.ask.quadrant if keeps_picture else None,
            word=click.word,
            index=click.index,
            parent=parent.id,
            custom_id=custom_id,
            prompt=parent.ask.prompt,
            state=optional(body, "state"),
            hook=text(body, "notifyHook"),
            opens_window=click.kind.window == "always"
            or (click.kind.window == "remix" and body.get("enableRemix") is True),
            remixable=click.kind.window == "remix",
        )


def _root(endpoint: str, body: JSON, *, action: str, shape: Shape, prompt: str = "", picture: str = "") -> Ask:
    return Ask(
        endpoint=endpoint,
        action=action,
        row_action=action,
        shape=shape,
        picture=picture or prompt,
        prompt=prompt,
        state=optional(body, "state"),
        hook=text(body, "notifyHook"),
    )


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
