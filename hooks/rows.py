"""A Task as the gateways' own JSON, for clients that were written against one of them."""

from typing import Any, Final, TypeVar

from storage.records import JSON, Button, Status, SubmissionState, Task

# What stands at the top of a gateway's task and not inside its `properties`; the ledger keeps both in one place.
# Those of midjourney-proxy (novicezk's, trueai-org's, -plus) and of new-api.
_TOP: Final[tuple[str, ...]] = (
    *("action", "prompt", "promptEn", "promptFull", "description", "submitTime", "customId", "botType"),
    *("maskBase64", "imageUrls", "thumbnailUrl", "parentId", "jobId", "seed", "mode", "url", "proxyUrl"),
    *("width", "height", "imageWidth", "imageHeight", "size", "contentType", "isCompleted", "videoGenOriginImageUrl"),
    *("buttons", "videoUrls", "displays", "instanceId", "language", "isPartner", "isOfficial", "isDiscord"),
)
_COLLIDED: Final = "task."
_BOTH: Final = frozenset({"botType"})  # some have it here, some there, some at both
# What new-api, behind which most of these clients were written, always writes; empty where there is nothing.
_ALWAYS: Final[tuple[str, ...]] = ("customId", "botType", "maskBase64")
_PLAIN_STYLE: Final = 2  # Discord's grey button
_BUTTON: Final = 2  # Discord's component type of a button
_LOST: Final = "The gateway never answered, and nobody knows whether it has the task."

T = TypeVar("T", str, int, list[Any])


def show_row(task: Task, *, task_id: str | None = None, picture_url: str | None = None) -> JSON:
    """The task as fetched from a gateway, with our id, or with the one that was asked for.

    Every documented field is there and has its documented type: times are milliseconds, 0 where there is none yet.
    `imageUrl` is the gateway's own; `picture_url`, which leads there for a while without a key, is a property.
    """
    top, properties = _part(task.properties)
    if task.parent_id is not None and "parentId" in top:
        top["parentId"] = task.parent_id  # a client of ours knows the parent by our id

    def said(name: str, otherwise: T) -> T:
        """What the gateway said there, if it has the documented type."""
        value = top.pop(name, None)
        return value if value and type(value) is type(otherwise) else otherwise

    prompt = task.prompt or ""
    failed = task.status in (Status.FAILURE, Status.CANCEL)
    lost = task.submission == SubmissionState.LOST and not task.ended
    row: JSON = {
        "id": task_id or task.id,
        "action": said("action", task.action),
        "prompt": said("prompt", prompt),
        "promptEn": said("promptEn", prompt),
        "description": said("description", "Submit success"),
        "state": task.state or "",
        "submitTime": said("submitTime", task.submitted_at or task.created_at),
        "startTime": task.started_at or 0,
        "finishTime": task.finished_at or 0,
        "imageUrl": task.image_url or "",
        "status": Status.FAILURE if lost else task.status,
        "progress": "" if failed or lost else f"{task.progress or 0}%",
        "failReason": task.fail_reason or (_LOST if lost else ""),
        # As they came, where they say more than ours do.
        "buttons": said("buttons", [_show_button(button) for button in task.buttons]),
        **{name: said(name, "") for name in _ALWAYS},
    }
    if task.video_urls:
        row["videoUrl"] = task.video_urls[0]
        row["videoUrls"] = said("videoUrls", [{"url": url} for url in task.video_urls])
    row = top | row
    row["properties"] = {"finalPrompt": prompt, "finalZhPrompt": ""} | properties
    if picture_url is not None:
        row["properties"]["pictureUrl"] = picture_url
    return row


def _part(kept: JSON) -> tuple[JSON, JSON]:
    """What stood at the top of the gateway's row, and what stood within its `properties`.

    The ledger keeps both in one place; a name that both had begins with "task." there for the one of the top.
    """
    top: JSON = {}
    properties = dict(kept)
    for name in [name for name in kept if name.startswith(_COLLIDED)]:
        top[name.removeprefix(_COLLIDED)] = properties.pop(name)
    for name in _TOP:
        if name in properties and name not in top:
            top[name] = properties[name] if name in _BOTH else properties.pop(name)
    return top, properties


def _show_button(button: Button) -> JSON:
    return {
        "customId": button.custom_id or "",
        "emoji": button.emoji,
        "label": button.label,
        "style": _PLAIN_STYLE,
        "type": _BUTTON,
    }
