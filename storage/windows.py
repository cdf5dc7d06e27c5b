"""Windows: a click may leave its task in MODAL, where it waits for a prompt or a mask.

The answer is a second submission of the same task, of kind `modal`. Whatever shows that the gateway went on proves it.
"""

import msgspec

from storage.errors import NoWindow
from storage.openings import inherit_mode, plan_submission
from storage.records import Status, SubmissionState, Task
from storage.tasks import read_task
from storage.transaction import Transaction

_LATEST = "SELECT state FROM submissions WHERE task_id = ? AND kind = 'modal' ORDER BY id DESC LIMIT 1"


def answer_window(tx: Transaction, task_id: str, *, prompt: str | None, mask: str | None) -> Task:
    """Plan the answer to a task's open window; give the task as it is then.

    `mask` names an attachment. Raises NoSuchTask, and NoWindow when there is none, or it was answered.
    """
    task = read_task(tx, task_id)
    if task.status != Status.MODAL:
        raise NoWindow(f"It has no open window: it is {task.status}.")
    row = tx.execute(_LATEST, (task_id,)).fetchone()
    if row is not None and row[0] not in (SubmissionState.REJECTED, SubmissionState.LOST):
        raise NoWindow(f"Its window was answered already; that submission is {row[0]}.")
    plan_submission(tx, task_id, "modal", inherit_mode(tx, task_id, {"prompt": prompt, "mask": mask}))
    tx.execute("UPDATE tasks SET submission = ?, loose = 1 WHERE id = ?", (SubmissionState.PLANNED, task_id))
    return read_task(tx, task_id)


def answer_at_once(tx: Transaction, task_id: str) -> None:
    """A window has opened: give it the answer that came with the click, if one did."""
    # Its text is no business of SQLite's JSON, which ends each at its first NUL.
    asked = "SELECT request FROM submissions WHERE task_id = ? AND kind = 'submit'"
    row = tx.execute(asked, (task_id,)).fetchone()
    window = msgspec.json.decode(row[0]).get("window") if row is not None else None
    if window is not None and tx.execute(_LATEST, (task_id,)).fetchone() is None:
        answer_window(tx, task_id, prompt=window["prompt"], mask=window["mask"])


def settle_window(tx: Transaction, task_id: str) -> bool:
    """The task has gone on from its window: an answer that was sent was accepted, one that was not is not needed.

    Gives whether that changed anything.
    """
    settled = tx.execute(
        "UPDATE submissions SET next_at = NULL, state = CASE state WHEN 'planned' THEN 'rejected' ELSE 'accepted' END"
        " WHERE task_id = ? AND kind = 'modal' AND state IN ('planned', 'sending', 'unknown', 'lost') RETURNING 1",
        (task_id,),
    ).fetchall()
    if settled:
        tx.execute("UPDATE tasks SET submission = ?, loose = 1 WHERE id = ?", (SubmissionState.ACCEPTED, task_id))
        tx.topics.add("submissions")  # the place of its POST is free
    return bool(settled)
