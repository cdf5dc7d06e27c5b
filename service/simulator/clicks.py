"""Reads submissions that go on from a task: action, change, simple-change, video extend, and answers to windows."""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from service.simulator.answers import JSON, Answer, Refusal
from service.simulator.buttons import Click, read_change, read_content, read_custom_id
from service.simulator.descriptions import DESCRIPTIONS, shorten
from service.simulator.dialect import Dialect
from service.simulator.fields import number, optional, text
from service.simulator.studio import Studio
from service.simulator.tasks import Ask, Task

_CHANGEABLE = frozenset({"IMAGINE", "VARIATION", "REROLL", "BLEND"})
_CHANGES = ("UPSCALE", "VARIATION", "REROLL")


class Clicks:
    """Checks what is asked for as this dialect does. The checks stand in the order of the real ones."""

    def __init__(self, *, dialect: Dialect, studio: Studio) -> None:
        self._dialect = dialect
        self._studio = studio
        self.readers: Mapping[str, Callable[[JSON], Ask | Answer]] = {
            "submit/action": self._action,
            "submit/change": self._change,
            "submit/simple-change": self._simple_change,
        }

    def read_modal(self, body: JSON) -> Task | Answer:
        """The task whose open window is answered, or the refusal."""
        if not text(body, "taskId"):
            return self._dialect.refuse(Refusal.NO_WINDOW_ID)
        task = self._studio.find(text(body, "taskId"))
        if task is None:
            return self._dialect.refuse(Refusal.PARENT_MISSING)
        if task.now.status != "MODAL" or task.answered:
            return self._dialect.refuse(Refusal.PARENT_UNFINISHED)
        return task

    def read_answer(self, ask: Ask, body: JSON) -> Ask:
        """The ask behind a window, with what its answer says. An empty prompt keeps what the window showed."""
        prompt = text(body, "prompt").strip() or ask.prompt
        uploads = ask.uploads + bool(text(body, "maskBase64"))
        ask = replace(ask, endpoint="modal", opens_window=False, remixable=False, prompt=prompt, uploads=uploads)
        if not self._dialect.modal_takes_hook:
            return ask
        state = optional(body, "state")
        hook = text(body, "notifyHook") or ask.hook
        return replace(ask, hook=hook, state=ask.state if state is None else state)

    def read_extend(self, body: JSON, root: Ask) -> Ask | Answer:
        """What `video` asks for where it goes on from a video; `root` is what it would ask for without one."""
        if text(body, "action") != "extend":
            return self._dialect.refuse(Refusal.BAD_VIDEO_ACTION)
        parent = self._parent(text(body, "taskId"))
        if isinstance(parent, Answer):
            return parent
        index = number(body, "index")
        # The real one accepts any index, counted from 0, and presses a button that is not there.
        if index is None or index >= parent.ask.videos:
            return self._dialect.refuse(Refusal.NO_INDEX)
        return replace(
            root,
            parent=parent.id,
            index=index,
            word="animate_extend",
            picture=f"{parent.image_hash}/extend/{index}",
            bot_type=parent.ask.bot_type,
            restarts=True,
        )

    def _action(self, body: JSON) -> Ask | Answer:
        custom_id = text(body, "customId")
        if not text(body, "taskId") or not custom_id:
            return self._dialect.refuse(Refusal.BAD_PARAMETERS, custom_id)
        click = read_custom_id(custom_id)
        if click is None or click.family in self._dialect.unknown_clicks:
            return self._dialect.refuse(Refusal.BUTTON_UNKNOWN, custom_id)
        if self._dialect.names_clicks and click.kind.row_action is None:
            return self._dialect.refuse(Refusal.BUTTON_UNKNOWN, custom_id)
        parent = self._parent(text(body, "taskId"))
        return parent if isinstance(parent, Answer) else self._click(body, parent, click, custom_id)

    def _change(self, body: JSON) -> Ask | Answer:
        return self._changed(body, text(body, "taskId"), text(body, "action"), number(body, "index"))

    def _simple_change(self, body: JSON) -> Ask | Answer:
        content = read_content(text(body, "content"))
        return self._dialect.refuse(Refusal.BAD_CONTENT) if content is None else self._changed(body, *content)

    def _changed(self, body: JSON, task_id: str, action: str, index: int | None) -> Ask | Answer:
        if not task_id:
            return self._dialect.refuse(Refusal.NO_TASK_ID)
        if action not in _CHANGES:
            return self._dialect.refuse(Refusal.BAD_ACTION)
        click = read_change(action, index)
        if click is None or (self._dialect.reroll_needs_index and not index):
            return self._dialect.refuse(Refusal.NO_INDEX)
        parent = self._parent(task_id)
        if isinstance(parent, Answer):
            return parent
        if parent.ask.action not in _CHANGEABLE:
            return self._dialect.refuse(Refusal.PARENT_UNFIT)
        return self._click(body, parent, click, None)

    def _parent(self, task_id: str) -> Task | Answer:
        """The task to click on, which must be SUCCESS as far as the gateway itself knows."""
        parent = self._studio.find(task_id)
        if parent is None:
            return self._dialect.refuse(Refusal.PARENT_MISSING)
        seen = self._studio.seen(parent)
        if seen is None or seen.status != "SUCCESS":
            return self._dialect.refuse(Refusal.PARENT_UNFINISHED)
        return parent

    def _click(self, body: JSON, parent: Task, click: Click, custom_id: str | None) -> Ask:
        kind = click.kind
        single = click.word == "upsample"
        keeps_picture = kind.shape == "single"
        return Ask(
            action=kind.action,
            row_action=(self._dialect.names_clicks and kind.row_action) or kind.action,
            shape=kind.shape,
            picture=parent.ask.picture if keeps_picture else f"{parent.image_hash}/{custom_id}/{click.index}",
            quadrant=click.index if single else parent.ask.quadrant if keeps_picture else None,
            word=click.word,
            index=click.index,
            parent=parent.id,
            image=self._studio.find_image(parent, custom_id),
            custom_id=custom_id,
            prompt=_prompt(parent, click),
            prompts=DESCRIPTIONS if click.family == "PicReader::all" else (),
            state=optional(body, "state"),
            hook=text(body, "notifyHook"),
            opens_window=kind.window == "always" or (kind.window == "remix" and body.get("enableRemix") is True),
            remixable=kind.window == "remix",
            bot_type=parent.ask.bot_type,
        )


def _prompt(parent: Task, click: Click) -> str:
    """What a click makes a picture of: the parent's prompt, or one that a describe or shorten offers."""
    if click.family == "PicReader" and click.index is not None and click.index <= len(DESCRIPTIONS):
        return DESCRIPTIONS[click.index - 1]
    if click.family == "PromptAnalyzer" and click.index is not None:
        return shorten(parent.ask.prompt, click.index)
    return parent.ask.prompt
