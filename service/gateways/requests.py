"""What is POSTed for a submission: pure, one function."""

from typing import Any

from storage.queue import Claim
from storage.records import JSON

# What `/submit/change` calls the kinds that it knows; for gateways that show no buttons.
CHANGES = {"upsample": "UPSCALE", "variation": "VARIATION", "reroll": "REROLL"}


def make_request(claim: Claim, hook: str | None) -> tuple[str, JSON]:
    """Give the path below `/mj` and the body.

    Towards the gateway `state` is always our task id. Without a public URL there is no hook to name. Raises
    ValueError for a button that no request can press.
    """
    task, request = claim.task, claim.submission.request
    body: dict[str, Any] = {"state": task.id}
    if hook is not None:
        body["notifyHook"] = hook
    button = request.get("button")
    if button is None:
        return "/submit/imagine", {"prompt": task.prompt, **request.get("options", {}), **body}
    body["taskId"] = claim.parent_gateway_id
    if button["custom_id"] is not None:
        return "/submit/action", {"customId": button["custom_id"], **body}
    if button["kind"] not in CHANGES:
        raise ValueError(f"the button {button['label'] or button['emoji']!r} came without a customId")
    # new-api wants an index even where it means nothing (relay-mj.go, "index_is_required").
    return "/submit/change", {"action": CHANGES[button["kind"]], "index": button["index"] or 1, **body}
