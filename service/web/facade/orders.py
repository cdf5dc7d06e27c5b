"""What a client of the facade asks for: the gateways' own request bodies, read as they read them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from service.gateways.actions import ACTIONS, Action, Mode
from service.web.facade.answers import Refusal
from storage.records import JSON

LONGEST_STATE: Final = 1000  # characters; trueai-org's midjourney-proxy takes 255
LONGEST_HOOK: Final = 2000  # characters, as there
LONGEST_PROMPT: Final = 20_000  # characters
LONGEST_EXTRA: Final = 16 * 1024  # bytes of JSON that are handed on
MODES: Final[Mapping[str, Mode]] = {"FAST": "fast", "RELAX": "relax", "TURBO": "turbo"}

PICTURELESS: Final = frozenset({"shorten"})  # endpoints that take no picture


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A new task, as a client of the facade asked for it."""

    action: Action
    prompt: str | None
    pictures: tuple[str, ...]  # data URLs, base64 or addresses, as they came
    options: JSON
    parent: str | None = None  # the task whose video is to go on, as the client names it
    state: str | None
    hook: str | None  # the client's own notifyHook


def read_order(endpoint: str, body: JSON, mode: Mode | None) -> Order:
    """The order in a body to `/submit/<endpoint>` or `/insight-face/swap`. Raises Refusal.

    Fields without a name here are handed on to the gateway as they are.
    """
    fields = dict(body)
    state, hook = read_common(fields)
    order = READERS[endpoint](_Fields(fields))
    least, most = order.action.pictures
    if not least <= len(order.pictures) <= most:
        raise Refusal(f"{order.action.picture_fields[0].removesuffix('[]')}参数错误")
    options = order.options | read_rest(fields, mode)
    return msgspec.structs.replace(order, options=options, state=state, hook=hook)


def read_common(fields: dict[str, Any]) -> tuple[str | None, str | None]:
    """Take `state` and `notifyHook` out of the fields. Raises Refusal."""
    state, hook = read_text(fields.pop("state", None)), read_text(fields.pop("notifyHook", None))
    if state is not None and len(state) > LONGEST_STATE:
        raise Refusal(f"State参数过长，最大{LONGEST_STATE}字符")
    if hook is not None and len(hook) > LONGEST_HOOK:
        raise Refusal(f"NotifyHook参数过长，最大{LONGEST_HOOK}字符")
    return state, hook


def read_rest(fields: JSON, mode: Mode | None) -> JSON:
    """The options in what is left of a body: the mode, and what is handed on to the gateway as it is.

    The mode of the path goes before that of an `accountFilter` (trueai-org's proxy). `mode` in a body is an invention
    of resellers that nobody reads.
    """
    extra = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
    if len(msgspec.json.encode(extra)) > LONGEST_EXTRA:
        raise Refusal(f"参数过长，最大{LONGEST_EXTRA}字节")
    asked = extra.get("accountFilter")
    if isinstance(asked, dict):
        named = [MODES[word] for word in _words(asked.get("modes")) if word in MODES]
        if mode is not None:
            extra["accountFilter"] = asked | {"modes": [mode.upper()]}
        elif len(named) == 1:  # of several the gateway chooses
            mode = named[0]
    return ({"mode": mode} if mode is not None else {}) | ({"extra": extra} if extra else {})


def _words(value: Any) -> list[str]:
    return [word.upper() for word in value if isinstance(word, str)] if isinstance(value, list) else []


class _Fields:
    """The fields of one body; what is read is taken out, so that the rest can be handed on."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def text(self, name: str) -> str | None:
        """A text, None when it is blank or missing."""
        return read_text(self._fields.pop(name, None))

    def prompt(self) -> str:
        """The prompt, which must be there."""
        prompt = read_prompt(self._fields.pop("prompt", None))
        if prompt is None:
            raise Refusal("prompt不能为空")
        return prompt

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; what is none of them makes the body wrong."""
        found = self._fields.pop(name, None) or []
        if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
            raise Refusal(f"{name}参数错误")
        return tuple(found)

    def among(self, name: str, words: tuple[str, ...]) -> str | None:
        """One of these words, or None."""
        word = self.text(name)
        if word is not None and word.upper() not in words:
            raise Refusal(f"{name}参数错误")
        return word and word.upper()

    def bot(self) -> JSON:
        """The bot; a word that nobody knows means Midjourney's own, as trueai-org's proxy has it."""
        word = (self.text("botType") or "").upper()
        if not word:
            return {}
        return {"bot_type": "NIJI_JOURNEY" if word in ("NIJI_JOURNEY", "NIJI") else "MID_JOURNEY"}

    def value(self, name: str) -> Any:
        """Whatever stands there."""
        return self._fields.pop(name, None)


def _order(action: str, **given: Any) -> Order:
    values = {"prompt": None, "pictures": (), "options": {}, "state": None, "hook": None} | given
    return Order(action=ACTIONS[action], **values)


def _imagine(fields: _Fields) -> Order:
    pictures = fields.texts("base64Array")
    single = fields.text("base64")  # the old single form of novicezk's
    return _order(
        "IMAGINE", prompt=fields.prompt(), pictures=pictures or ((single,) if single else ()), options=fields.bot()
    )


def _blend(fields: _Fields) -> Order:
    pictures = fields.texts("base64Array")
    if not 2 <= len(pictures) <= 5:
        raise Refusal("base64List参数错误")
    dimensions = fields.among("dimensions", ("PORTRAIT", "SQUARE", "LANDSCAPE"))
    options = fields.bot() | ({"dimensions": dimensions} if dimensions else {})
    return _order("BLEND", pictures=pictures, options=options)


def _describe(fields: _Fields) -> Order:
    picture = fields.text("base64") or fields.text("link")
    if picture is None:
        raise Refusal("base64不能为空")
    language = fields.text("language")
    options = fields.bot() | ({"language": language} if language else {})
    return _order("DESCRIBE", pictures=(picture,), options=options)


def _shorten(fields: _Fields) -> Order:
    return _order("SHORTEN", prompt=fields.prompt(), options=fields.bot())


def _edit(action: str) -> Callable[[_Fields], Order]:
    def read(fields: _Fields) -> Order:
        picture = fields.text("image")
        if picture is None:
            raise Refusal("image不能为空")
        return _order(action, prompt=fields.prompt(), pictures=(picture,))

    return read


def _video(fields: _Fields) -> Order:
    action, parent, index = fields.text("action"), fields.text("taskId"), fields.value("index")
    if parent is not None and (action or "").lower() != "extend":
        raise Refusal("任务类型错误")
    if parent is not None and not (isinstance(index, int) and not isinstance(index, bool) and 0 <= index <= 3):
        raise Refusal("index参数错误")
    pictures = tuple(picture for name in ("image", "endImage") if (picture := fields.text(name)))
    # What gateways agree on is written as they write it; all else is handed on.
    options: JSON = {} if parent is None else {"index": index}
    return _order("VIDEO", prompt=fields.prompt(), pictures=pictures, options=options, parent=parent)


def _swap(fields: _Fields) -> Order:
    source = fields.text("sourceBase64") or fields.text("sourceUrl")
    target = fields.text("targetBase64") or fields.text("targetUrl")
    if source is None or target is None:
        raise Refusal("sourceBase64和targetBase64不能为空")
    return _order("SWAP_FACE", pictures=(source, target))


def _upload(fields: _Fields) -> Order:
    pictures = fields.texts("base64Array")
    if not pictures:
        raise Refusal("base64Array不能为空")
    return _order("UPLOAD", pictures=pictures)


READERS: Final[Mapping[str, Callable[[_Fields], Order]]] = {
    "imagine": _imagine,
    "blend": _blend,
    "describe": _describe,
    "shorten": _shorten,
    "edits": _edit("EDIT"),
    "edit": _edit("EDIT"),
    "retexture": _edit("RETEXTURE"),
    "video": _video,
    "swap": _swap,
    "upload-discord-images": _upload,
}


def read_prompt(value: Any) -> str | None:
    """A prompt without the blanks around it; None where there is none. Raises Refusal."""
    prompt = (read_text(value) or "").strip()
    if len(prompt) > LONGEST_PROMPT:
        raise Refusal(f"prompt过长，最大{LONGEST_PROMPT}字符")
    return prompt or None


def read_text(value: Any) -> str | None:
    """A text that is not blank; a number that somebody wrote where a text belongs, as a text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # a task id, or a state, that somebody wrote as a number
    return value if isinstance(value, str) and value.strip() else None
