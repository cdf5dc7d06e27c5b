"""Tasks as JSON: what a callback carries, and what the gateway's own row shows."""

import json

from service.simulator.answers import JSON
from service.simulator.buttons import show_buttons
from service.simulator.descriptions import describe, shorten
from service.simulator.dialect import Dialect
from service.simulator.tasks import Moment, Task


def callback_body(task: Task, moment: Moment, dialect: Dialect, *, echo_hook: bool) -> JSON:
    """The whole task as the innermost proxy tells it, to a hook or to whoever asks."""
    ask = task.ask
    final_prompt = _final_prompt(task, moment)
    told = final_prompt if ask.shape == "describe" and dialect.answer_is_prompt else ask.prompt
    body: JSON = {
        "id": task.id,
        "action": ask.action,
        "status": moment.status,
        "progress": moment.progress,
        "prompt": told,
        "promptEn": told,
        "description": dialect.description.format(prompt=ask.prompt),
        "state": ask.state,
        "submitTime": task.submitted_at,
        "startTime": moment.started_at,
        "finishTime": moment.finished_at,
        "imageUrl": picture_url(task, moment),
        "failReason": moment.reason,
        "properties": {
            **dialect.properties,
            **({"botType": ask.bot_type} if "botType" in dialect.properties else {}),
            "notifyHook": ask.hook if echo_hook else "",
            "nonce": str(1619855216344100864 + task.ordinal),
            "finalPrompt": final_prompt,
            "finalZhPrompt": "",
            "messageContent": f"**{ask.prompt}** - <@1343445981269594182> ({ask.mode or 'fast'})",
            "messageHash": task.image_hash,
            "messageId": str(1348306030706036789 + task.ordinal),
            "progressMessageId": str(1348305922325479495 + task.ordinal),
        },
    }
    finished = moment.status == "SUCCESS"
    if dialect.shows_buttons:
        body["buttons"] = show_buttons(ask.shape, task.image_hash, videos=ask.videos) if finished else []
    if dialect.video_fields:
        videos = _videos(task, dialect) if finished and ask.shape in ("video", "clip") else []
        body |= {"videoUrl": videos[0]["url"] if videos else None, "videoUrls": videos}
    return body


def row_body(task: Task, moment: Moment | None, dialect: Dialect, *, echo_hook: bool) -> JSON:
    """The task as the gateway's own row shows it; None: the row before the reseller's first poll."""
    rows = dialect.rows
    shown = moment or task.moments[0]
    body = callback_body(task, shown, dialect, echo_hook=echo_hook)
    if not rows.own:
        return body
    body["action"] = task.ask.row_action
    if shown.image and rows.image_path:
        # While a task is unfinished, new-api makes the URL of its preview a new one at each look.
        fresh = "" if shown.status == "SUCCESS" else f"?rand={int(shown.at * 1e9)}"
        body["imageUrl"] = task.base + rows.image_path.format(id=task.id) + fresh
    if shown.status == "FAILURE":
        body["progress"] = rows.failure_progress
    if rows.properties is not None:
        body["properties"] = {name: body["properties"][name] for name in rows.properties}
    if moment is None:
        body |= {"status": "", "progress": "0%", "promptEn": "", "state": "", "buttons": None, "properties": None}
    for name in ("startTime", "finishTime"):
        body[name] = body[name] or 0
    for name in ("progress", "state", "imageUrl", "failReason", "customId", "botType", "maskBase64", "videoUrl"):
        body[name] = body.get(name) or ""
    return body


def picture_url(task: Task, moment: Moment) -> str | None:
    """Where the picture of that moment lies, in the proxy's own words."""
    return f"{task.base}/attachments/{task.id}/{moment.image}" if moment.image else None


def callback_bytes(body: JSON, dialect: Dialect) -> bytes:
    """The body of a callback as it goes over the wire."""
    return json.dumps(body, ensure_ascii=dialect.escapes_unicode).encode()


def _final_prompt(task: Task, moment: Moment) -> str:
    """The prompt, or where a text was asked for, that text."""
    finished = moment.status == "SUCCESS"
    if task.ask.shape == "describe":
        return describe() if finished else ""
    if task.ask.shape == "shorten":
        return shorten(task.ask.prompt) if finished else ""
    return task.ask.prompt


def _videos(task: Task, dialect: Dialect) -> list[JSON]:
    """The addresses of the videos, and of their first frames."""
    count = task.ask.videos if task.ask.shape == "video" else 1
    found = []
    for number in range(count):
        path = f"{task.base}/attachments/{task.id}/0_{number}"
        video = {"url": f"{path}.mp4", "thumbnail": f"{path}.png"}
        found.append({name: video[name] for name in dialect.video_fields})
    return found
