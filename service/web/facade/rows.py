"""A Task as the gateways' own JSON, for clients that were written against one of them."""

from typing import Final

from storage.records import JSON, Button, Status, Task

# What stands at the top of a gateway's task and not inside its `properties`; the ledger keeps both in one place.
# Those of midjourney-proxy (novicezk's, trueai-org's, -plus) and of new-api.
_TOP: Final[tuple[str, ...]] = (
    *("action", "prompt", "promptEn", "promptFull", "description", "submitTime", "customId", "botType"),
    *("maskBase64", "imageUrls", "thumbnailUrl", "parentId", "jobId", "seed", "mode", "url", "proxyUrl"),
    *("width", "height", "imageWidth", "imageHeight", "size", "contentType", "isCompleted", "videoGenOriginImageUrl"),
)
# What new-api, behind which most of these clients were written, always writes; empty where there is nothing.
_ALWAYS: Final[tuple[str, ...]] = ("customId", "botType", "maskBase64")
_PLAIN_STYLE: Final = 2  # Discord's grey button
_BUTTON: Final = 2  # Discord's component type of a button
_LOST: Final = "The gateway never answered, and nobody knows whether it has the task."


def show_row(task: Task, *, task_id: str | None = None) -> JSON:
    """The task as fetched from a gateway, with our id, or with the one that was asked for.

    Every documented field is there and has its documented type: times are milliseconds, 0 where there is none yet.
    """
    known = dict(task.properties)
    top: JSON = {name: known.pop(name) for name in _TOP if name in known}
    prompt = task.prompt or ""
    failed = task.status in (Status.FAILURE, Status.CANCEL)
    lost = task.submission == "lost" and not task.ended
    row: JSON = {
        "id": task_id or task.id,
        "action": top.pop("action", None) or task.action,
        "prompt": top.pop("prompt", None) or prompt,
        "promptEn": top.pop("promptEn", None) or prompt,
        "description": top.pop("description", None) or "Submit success",
        "state": task.state or "",
        "submitTime": top.pop("submitTime", None) or task.submitted_at or task.created_at,
        "startTime": task.started_at or 0,
        "finishTime": task.finished_at or 0,
        "imageUrl": task.image_url or "",
        "status": Status.FAILURE if lost else task.status,
        "progress": "" if failed or lost else f"{task.progress or 0}%",
        "failReason": task.fail_reason or (_LOST if lost else ""),
        "buttons": [_show_button(button) for button in task.buttons],
        **{name: top.pop(name, None) or "" for name in _ALWAYS},
        **top,
        "properties": {"finalPrompt": prompt, "finalZhPrompt": ""} | known,
    }
    if task.video_urls:
        row |= {"videoUrl": task.video_urls[0], "videoUrls": [{"url": url} for url in task.video_urls]}
    return row


def _show_button(button: Button) -> JSON:
    return {
        "customId": button.custom_id or "",
        "emoji": button.emoji,
        "label": button.label,
        "style": _PLAIN_STYLE,
        "type": _BUTTON,
    }
