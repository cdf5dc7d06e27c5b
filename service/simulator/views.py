"""Tasks as JSON: what a callback carries, and what the gateway's own row shows."""

import json

from service.simulator.answers import JSON
from service.simulator.buttons import show_buttons
from service.simulator.dialects import Dialect
from service.simulator.tasks import Moment, Task

_DESCRIBED = "1️⃣ 一只猫, a cat in the rain --ar 1:1\n\n2️⃣ a lovely Japan countryside --ar 1:1"


def callback_body(task: Task, moment: Moment, dialect: Dialect, *, echo_hook: bool) -> JSON:
    """The whole task as the innermost proxy tells it, to a hook or to whoever asks."""
    ask = task.ask
    body: JSON = {
        "id": task.id,
        "action": ask.action,
        "status": moment.status,
        "progress": moment.progress,
        "prompt": ask.prompt,
        "promptEn": ask.prompt,
        "description": dialect.description.format(prompt=ask.prompt),
        "state": ask.state,
        "submitTime": task.submitted_at,
        "startTime": moment.started_at,
        "finishTime": moment.finished_at,
        "imageUrl": f"{task.base}/attachments/{task.id}/{moment.image}" if moment.image else None,
        "failReason": moment.reason,
        "properties": {
            **dialect.properties,
            "notifyHook": ask.hook if echo_hook else "",
            "nonce": str(1619855216344100864 + task.ordinal),
            "finalPrompt": _final_prompt(task, moment),
            "finalZhPrompt": "",
            "messageHash": task.image_hash,
        },
    }
    if dialect.shows_buttons:
        body["buttons"] = show_buttons(ask.shape, task.image_hash) if moment.status == "SUCCESS" else []
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
    for name in ("progress", "state", "imageUrl", "failReason", "customId", "botType", "maskBase64"):
        body[name] = body.get(name) or ""
    return body


def callback_bytes(body: JSON, dialect: Dialect) -> bytes:
    """The body of a callback as it goes over the wire."""
    return json.dumps(body, ensure_ascii=dialect.escapes_unicode).encode()


def _final_prompt(task: Task, moment: Moment) -> str:
    """The prompt, or where a text was asked for, that text."""
    finished = moment.status == "SUCCESS"
    if task.ask.shape == "describe":
        return _DESCRIBED if finished else ""
    if task.ask.shape == "shorten":
        return " ".join(task.ask.prompt.split()[:5]) if finished else ""
    return task.ask.prompt
