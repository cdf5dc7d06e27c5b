"""What became of a firing's actions, and what the firing came to by that: in the ledger and in a replay alike. Pure."""

from collections.abc import Sequence
from typing import assert_never

from storage.reactions import (
    Action,
    Click,
    Download,
    FiringOutcome,
    Notify,
    Reason,
    Refused,
    Resubmit,
    Submit,
    Tag,
)
from storage.records import JSON

ALL_STOOD = "Everything that it wants stood already; nothing was spent."
NOTHING_TO_DO = "There was nothing that it could do."

OPENED = "opened"
STOOD = "exists"  # the result of an action that had nothing left to do
FAILED = "error"
WAITS = "waits"  # what a firing that is deferred will do
WOULD = "would"  # what one that is blocked does not


def judge(actions: Sequence[JSON]) -> tuple[FiringOutcome, Reason | None, str | None]:
    """What a firing came to whose actions came to this."""
    results = {action["result"] for action in actions}
    if results - {STOOD, FAILED}:
        return "fired", None, None
    if results == {STOOD}:
        return "blocked", "exists", ALL_STOOD
    details = dict.fromkeys(action["detail"] for action in actions if action["result"] == FAILED)
    return "blocked", "error", "; ".join(details) or NOTHING_TO_DO


def describe(action: Action) -> JSON:
    """What an action is to do, as a firing keeps it that has not done it."""
    match action:
        case Click(button=button):
            return {"action": "click", "button": button.label or button.emoji or button.custom_id}
        case Submit(new=new):
            return {"action": "submit", "prompt": new.prompt}
        case Resubmit():
            return {"action": "resubmit"}
        case Tag(tags=tags, root=root):
            return {"action": "tag", "tags": list(tags)} | ({"root": True} if root else {})
        case Notify(address=address):
            return {"action": "notify", "address": address}
        case Download(task_id=task_id, path=path):
            return {"action": "download", "task_id": task_id, "path": path}
        case Refused(wanted=wanted):
            return dict(wanted)
        case _ as never:
            assert_never(never)
