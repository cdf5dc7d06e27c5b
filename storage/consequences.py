"""Does what was decided, action by action, in the firing's transaction. What cannot be done undoes none of the rest."""

import sqlite3
from collections.abc import Iterable
from typing import assert_never

import msgspec

from storage.attachments import Attachment, keep_attachments
from storage.effects import plan_download, plan_notification
from storage.errors import LedgerUnavailable
from storage.openings import open_click, open_retry, open_task
from storage.pauses import pause
from storage.reactions import (
    LONGEST_WAIT,
    Action,
    Click,
    Decision,
    Download,
    FiringOutcome,
    Notify,
    Refused,
    Resubmit,
    Submit,
    Tag,
)
from storage.records import JSON, Task
from storage.results import FAILED, OPENED, STOOD, WAITS, WOULD, describe, judge
from storage.tasks import add_tags, read_task
from storage.transaction import Transaction, to_json


def carry_out(
    tx: Transaction, firing_id: int, task: Task, decision: Decision, *, before: Iterable[JSON] = ()
) -> FiringOutcome:
    """Do what was decided, and keep what came of it; gives the outcome.

    `before` is what the firing was to do, where it had to wait: it is kept when the decision does not say.
    """
    outcome, reason, detail = decision.outcome, decision.reason, decision.detail
    actions: list[JSON] = []
    if outcome == "fired":
        actions = [_try(tx, firing_id, task, action, decision.origin) for action in decision.actions]
        outcome, reason, detail = judge(actions)
    elif decision.actions:
        actions = [_foretell(action, WAITS if outcome == "deferred" else WOULD) for action in decision.actions]
    else:
        actions = [action | {"result": WOULD} if action["result"] == WAITS else action for action in before]
    next_at = None
    if outcome == "deferred":
        # Not at once again, or it would be decided about for ever; nor as late as if the clock had stepped back.
        next_at = min(max(decision.next_at or 0, tx.now + 1), tx.now + LONGEST_WAIT)
        tx.topics.add("firings")
    tx.execute(
        "UPDATE firings SET version = ?, outcome = ?, reason = ?, detail = ?, actions = ?, next_at = ?, updated_at = ?"
        " WHERE id = ?",
        (decision.version, outcome, reason, detail, to_json(actions), next_at, tx.now, firing_id),
    )
    if decision.pauses_rule:
        pause(tx, decision.rule, origin="fuse", detail=detail, root_id=task.root_id)
    return outcome


def _try(tx: Transaction, firing_id: int, task: Task, action: Action, origin: str) -> JSON:
    """Do one action for a task; gives what became of it, as the firing keeps it.

    One that raises is undone alone: it must not lose the callback that it follows from.
    """
    tx.execute("SAVEPOINT action")
    try:
        result = _do(tx, firing_id, task, action, origin)
    except Exception as error:
        if isinstance(error, LedgerUnavailable | sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
            raise  # the ledger's trouble: the whole callback is refused
        tx.execute("ROLLBACK TO action")
        result = describe(action) | {"result": FAILED, "detail": str(error) or type(error).__name__}
    tx.execute("RELEASE action")
    return result


def _foretell(action: Action, result: str) -> JSON:
    """What an action is to do once its firing may; what cannot be done on this task says so already."""
    told = {"result": FAILED, "detail": action.detail} if isinstance(action, Refused) else {"result": result}
    return describe(action) | told


def _do(tx: Transaction, firing_id: int, task: Task, action: Action, origin: str) -> JSON:
    told = describe(action)
    match action:
        case Click():
            return told | _opened(*_click(tx, task, action, origin))
        case Submit(new=wanted, cost=cost):
            wanted = msgspec.structs.replace(wanted, parent_id=task.id, origin=origin)
            return told | _opened(open_task(tx, wanted, cost=cost), new=True)
        case Resubmit(cost=cost):
            return told | _opened(*open_retry(tx, task, origin=origin, cost=cost))
        case Tag(tags=tags, root=root):
            before = read_task(tx, task.root_id if root else task.id)
            after = add_tags(tx, before.id, tags)
            return told | {"task_id": before.id, "result": STOOD if after == before else "done"}
        case Notify():
            return told | {"effect_id": plan_notification(tx, firing_id, task.id, action), "result": "planned"}
        case Download():
            effect_id, new = plan_download(tx, firing_id, action)
            return told | {"effect_id": effect_id, "result": "planned" if new else STOOD}
        case Refused(detail=detail):
            return told | {"result": FAILED, "detail": detail}
        case _ as never:
            assert_never(never)


def _click(tx: Transaction, task: Task, click: Click, origin: str) -> tuple[Task, bool]:
    window: JSON = {}
    if click.prompt is not None or click.mask is not None:
        pictures = [] if click.mask is None else [Attachment("image/png", click.mask)]
        names = keep_attachments(tx, pictures)
        window = {"window": {"prompt": click.prompt, "mask": names[0] if names else None}}
    return open_click(tx, read_task(tx, task.id), click.button, origin=origin, request=window, cost=click.cost)


def _opened(task: Task, new: bool) -> JSON:
    return {"task_id": task.id, "result": OPENED if new else STOOD}
