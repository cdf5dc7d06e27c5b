"""What is POSTed for a submission: pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from service.gateways.actions import ACTIONS, Mode, make_body
from service.gateways.presets import Gateway
from storage.queue import Claim
from storage.records import JSON

# What `/submit/change` calls the kinds that it knows; for gateways that show no buttons.
CHANGES = {"upsample": "UPSCALE", "variation": "VARIATION", "reroll": "REROLL"}


class Request(NamedTuple):
    """One POST."""

    path: str  # below `/mj`
    mode: Mode | None
    body: JSON


def list_attachments(claim: Claim) -> tuple[str, ...]:
    """The names of the pictures that a submission takes along."""
    request = claim.submission.request
    named = (*request.get("pictures", ()), request.get("mask"))
    return tuple(name for name in named if name is not None and not _is_address(name))


def find_nameless(claim: Claim) -> str | None:
    """Why nothing can be asked yet: a callback without an id has overtaken the answer that names the task."""
    if claim.submission.kind == "modal" and claim.task.gateway_id is None:
        return (
            "Its window is open, but the gateway has never named it, so nothing can be answered there."
            f" POST /v1/tasks/{claim.task.id}/reconcile looks for the name; then answer again."
        )
    if claim.task.parent_id is not None and claim.parent_gateway_id is None:
        return (
            "Its parent has succeeded, but the gateway has never named that, so nothing of it can be clicked there."
            f" POST /v1/tasks/{claim.task.parent_id}/reconcile looks for the name; then click again."
        )
    return None


def mode_of(request: JSON, gateway: Gateway) -> Mode | None:
    """The mode that a submission asks for, or its gateway's."""
    mode: Mode | None = request.get("options", {}).get("mode") or gateway.mode
    return mode


def make_request(
    claim: Claim, hook: str | None, gateway: Gateway, attachments: Mapping[str, str] | None = None
) -> Request:
    """Put the POST of a submission together; `attachments` are data URLs by their names.

    Towards the gateway `state` is always our task id. Without a public URL there is no hook to name. Raises
    ValueError for a button that no request can press.
    """
    task, request = claim.task, claim.submission.request
    mode = mode_of(request, gateway)
    pictures = attachments or {}
    ours: dict[str, Any] = {"state": task.id}
    if hook is not None:
        ours["notifyHook"] = hook
    if claim.submission.kind == "modal":
        path, body = "/submit/modal", _answer(claim, pictures)
    elif "button" in request:
        path, body = _press(claim)
    else:
        action = ACTIONS[task.action]
        sent = [pictures.get(each, each) for each in request.get("pictures", ())]
        path = action.path
        body = make_body(action, prompt=task.prompt, options=request.get("options", {}), pictures=sent)
        if claim.parent_gateway_id is not None:  # a video goes on
            body |= {"action": "extend", "taskId": claim.parent_gateway_id}
        body = gateway.filter(mode) | body
    return Request(path, mode, body | ours)


def _press(claim: Claim) -> tuple[str, JSON]:
    request = claim.submission.request
    button, extra = request["button"], request.get("options", {}).get("extra", {})
    body = {"taskId": claim.parent_gateway_id}
    if button["custom_id"] is not None:
        # Asked for a prompt, trueai-org's proxy opens a window even where a click alone would do (TaskService.cs).
        remix = {"enableRemix": True} if request.get("window") and not button["opens_modal"] else {}
        return "/submit/action", {**extra, **remix, "customId": button["custom_id"], **body}
    if button["kind"] not in CHANGES:
        raise ValueError(f"the button {button['label'] or button['emoji']!r} came without a customId")
    # new-api wants an index even where it means nothing (relay-mj.go, "index_is_required").
    return "/submit/change", {**extra, "action": CHANGES[button["kind"]], "index": button["index"] or 1, **body}


def _answer(claim: Claim, pictures: Mapping[str, str]) -> JSON:
    """The answer to the window of a task. An empty prompt means the parent's (midjourney-proxy-plus)."""
    request = claim.submission.request
    body: JSON = {"taskId": claim.task.gateway_id, "prompt": request.get("prompt") or ""}
    if request.get("mask") is not None:
        body["maskBase64"] = pictures[request["mask"]]
    return body


def _is_address(picture: str) -> bool:
    return picture.startswith(("http://", "https://"))
