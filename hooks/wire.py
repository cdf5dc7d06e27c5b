"""What a gateway says, made into our nouns. Bytes become objects here and in `hooks.body`, and nowhere else.

The shapes are those of the `/mj` protocol as novicezk's and trueai-org's midjourney-proxy, midjourney-proxy-plus and
new-api write them, with the snake_case names of py-midjourney-proxy. The same parser reads callbacks and fetches.
The blanker of each call says which secrets, beside our hooks, nothing that comes out may hold.
"""

from typing import Any, Final

import msgspec

from hooks.blanker import Blanker
from hooks.body import read_json, read_text
from hooks.buttons import parse_button
from hooks.errors import NotATask
from hooks.failures import sort_failure
from hooks.scalars import percent_of, text_of, time_of, whole_of
from storage.records import JSON, Button, Progress, Status

MAX_DESCRIPTION: Final = 500  # characters kept of what a gateway says about a submit

_STATUSES: Final = {str(status): str(status) for status in Status}
_BUTTON_FIELDS: Final = frozenset({"customId", "custom_id", "emoji", "label", "style", "type"})
# Fields that Progress maps, and `state`, which is our own task id on its way back.
_MAPPED: Final = frozenset(
    {
        *("id", "status", "progress", "imageUrl", "videoUrl", "videoUrls", "failReason"),
        *("startTime", "finishTime", "buttons", "properties", "state"),
    }
)
_READ: Final = ("id", "status", "progress", "failReason", "imageUrl", "videoUrl", "startTime", "finishTime")
# Standard fields that say nothing when they are empty; new-api always writes them.
_STANDARD: Final = frozenset(
    {
        *("action", "customId", "botType", "maskBase64", "prompt", "promptEn", "promptFull"),
        *("description", "submitTime", "imageUrls", "thumbnailUrl"),
    }
)
_SPELLINGS: Final = {
    **{"task_id": "id", "taskId": "id", "task_status": "status", "image_url": "imageUrl"},
    **{"fail_reason": "failReason", "submit_time": "submitTime", "start_time": "startTime"},
    **{"finish_time": "finishTime", "prompt_en": "promptEn"},
}
_LISTS: Final = ("content", "data", "list")


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A task that was asked for, with the `state` that tells whose it is."""

    state: str | None  # what the submit carried; None when the gateway shows none
    progress: Progress


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway answers to a submit."""

    code: int | None  # 1, 21, 22, … ; None when the answer has another shape
    description: str  # at most 500 characters
    result: str | None  # a task id, usually; the first one when there are several
    results: tuple[str, ...] = ()  # all of them, when `result` was an array
    properties: JSON = {}
    error_type: str | None = None  # "upstream_error", "new_api_error", …
    denied: bool = False  # it says `success: false` (trueai-org's error filter), and names nothing that was made


def parse_progress(body: bytes, blanker: Blanker) -> Progress:
    """What a callback claims; raises NotATask, and nothing else, for a body that can be no task."""
    return _progress(read_json(body, blanker))


def parse_listed(body: bytes, blanker: Blanker) -> Listed:
    """The one task of a fetch with its `state`; raises NotATask."""
    return _listed(read_json(body, blanker))


def parse_tasks(body: bytes, blanker: Blanker) -> tuple[Listed, ...]:
    """The tasks of a list or of a page of a query; rows that are no tasks are skipped. Raises NotATask for no list."""
    found = []
    for row in _rows(read_json(body, blanker)):
        try:
            found.append(_listed(row))
        except NotATask:
            continue
    return tuple(found)


def parse_envelope(body: bytes, blanker: Blanker) -> Envelope:
    """The answer to a submit, whatever it looks like; never fails.

    An error in OpenAI's shape, plain text and an empty body have no code; the description says what they say.
    """
    try:
        said = read_json(body, blanker)
    except NotATask:
        said = read_text(body, blanker)
    if not isinstance(said, dict):
        return Envelope(code=None, description=_describe(said), result=None)
    error, result, properties = said.get("error"), said.get("result"), said.get("properties")
    details = error if isinstance(error, dict) else {"message": error}
    code = whole_of(said.get("code"))  # OpenAI's own "code" stands inside the error and is a word
    description = text_of(said.get("description")) or text_of(said.get("message")) or text_of(details.get("message"))
    if description is None and code is None:
        description = _describe(said)
    results = tuple(text for item in result if (text := text_of(item))) if isinstance(result, list) else ()
    return Envelope(
        code=code,
        description=(description or "").strip()[:MAX_DESCRIPTION],
        result=results[0] if results else text_of(result),
        results=results,
        properties=properties if isinstance(properties, dict) else {},
        error_type=text_of(said.get("type")) or text_of(details.get("type")),
        denied=said.get("success") is False and not result and not said.get("data"),
    )


def _describe(said: Any) -> str:
    text = said if isinstance(said, str) else msgspec.json.encode(said).decode("utf-8")
    return text.strip()[:MAX_DESCRIPTION]


def _rows(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for name in _LISTS:
            if isinstance(page := value.get(name), (list, dict)):
                return _rows(page)  # a page may be wrapped once more
    raise NotATask


def _listed(said: Any) -> Listed:
    progress = _progress(said)
    return Listed(state=text_of(said.get("state")), progress=progress)


def _progress(said: Any) -> Progress:
    if not isinstance(said, dict):
        raise NotATask
    if "id" not in said or "status" not in said:
        said = _respell(said)
    gateway_id, percent = text_of(said.get("id")), percent_of(said.get("progress"))
    claimed = said.get("status")
    # A number alone is no status of a task: Spring's error page says {"status": 404}.
    if gateway_id is None and percent is None and not (isinstance(claimed, str) and claimed.strip()):
        raise NotATask
    word = text_of(claimed) or Status.NOT_START.value  # new-api says "" until its first poll
    status = _STATUSES.get(word) or _STATUSES.get(word.strip().upper(), word)
    failed = status in (Status.FAILURE, Status.CANCEL)
    fail_reason, image_url = text_of(said.get("failReason")), text_of(said.get("imageUrl"))
    started_at, finished_at = time_of(said.get("startTime")), time_of(said.get("finishTime"))
    properties = _properties(said)
    video_url = text_of(said.get("videoUrl"))
    read = (gateway_id, text_of(claimed), percent, fail_reason, image_url, video_url, started_at, finished_at)
    for name, value in zip(_READ, read, strict=True):
        if value is None and said.get(name):  # a word for a percentage, or a shape of the future
            _keep(properties, name, said[name])
    return Progress(
        gateway_id=gateway_id,
        status=status,
        # new-api says "100%" of a failure, too.
        progress=100 if status == Status.SUCCESS else None if failed else percent,
        image_url=image_url,
        video_urls=_read_videos(said.get("videoUrls"), video_url, properties),
        buttons=_read_buttons(said.get("buttons"), properties),
        fail_reason=fail_reason,
        fail_kind=sort_failure(status, fail_reason) if failed else None,
        started_at=started_at,
        finished_at=finished_at,
        properties=properties,
    )


def _respell(said: JSON) -> JSON:
    spelled = dict(said)
    for odd, name in _SPELLINGS.items():
        if odd in spelled and name not in spelled:
            spelled[name] = spelled.pop(odd)
    return spelled


def _properties(said: JSON) -> JSON:
    inner = said.get("properties")
    properties = dict(inner) if isinstance(inner, dict) else {}
    if inner and not isinstance(inner, dict):
        properties["properties"] = inner
    for name, value in said.items():
        if name not in _MAPPED and (value or name not in _STANDARD):
            _keep(properties, name, value)
    return properties


def _keep(properties: JSON, name: str, value: Any) -> None:
    while name in properties:
        name = f"task.{name}"
    properties[name] = value


def _read_buttons(raw: Any, properties: JSON) -> tuple[Button, ...]:
    """The buttons; where they say more than a Button holds, the raw ones are kept beside them."""
    if not raw:
        return ()
    if not isinstance(raw, list):
        _keep(properties, "buttons", raw)
        return ()
    buttons, plain = [], True
    for entry in raw:
        button = parse_button(entry) if isinstance(entry, dict) else None
        if button is None:
            plain = False
            continue
        buttons.append(button)
        # Discord's own emoji is an object, for example: no text of a Button can hold it.
        if not (
            entry.keys() <= _BUTTON_FIELDS
            and (button.label or not entry.get("label"))
            and (button.emoji or not entry.get("emoji"))
            and (button.custom_id or not entry.get("customId"))
        ):
            plain = False
    if not plain:
        _keep(properties, "buttons", raw)
    return tuple(buttons)


def _read_videos(raw: Any, single: str | None, properties: JSON) -> tuple[str, ...]:
    """The addresses; where the gateway says more of a video (a thumbnail), the raw list is kept beside them."""
    if not raw:
        return () if single is None else (single,)
    entries = raw if isinstance(raw, list) else []
    urls = [text_of(entry.get("url") if isinstance(entry, dict) else entry) for entry in entries]
    plain = None not in urls and all(not isinstance(entry, dict) or len(entry) == 1 for entry in entries)
    if not (plain and entries):
        _keep(properties, "videoUrls", raw)
    return tuple(dict.fromkeys(url for url in (*urls, single) if url is not None))
