"""What a callback or a fetch does to the ledger: one transaction from Progress to everything that follows from it.

The row of a task shows one Progress whole: the highest by (status rank, percent), ties broken by content, so that any
order and repetition of callbacks that agree on the ending leaves the same row.

Rules decide once, about the first ending that is committed. One of the same height that says more, later, changes the
row and no firing: where endings differ in what rules look at or click, the order in which they come decides.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from storage.errors import NoSuchSubmission
from storage.events import append_event
from storage.firings import follow
from storage.gateway_ids import has_gateway_id, keep_gateway_id
from storage.records import CONTRADICTED, ENDINGS, FAILURES, JSON, Progress, Source, Status, SubmissionState
from storage.submissions import acknowledge, believe, read_submission
from storage.tasks import AS_JSON, read_mutable
from storage.transaction import Transaction, to_json
from storage.windows import answer_at_once, settle_window

Recorded = Literal["news", "known", "foreign", "contradiction"]

RANKS: dict[str, int] = {
    Status.NOT_START: 0,
    Status.MODAL: 1,
    Status.SUBMITTED: 2,
    Status.IN_PROGRESS: 4,
    Status.SUCCESS: 5,
    Status.FAILURE: 5,
    Status.CANCEL: 5,
}
UNKNOWN_RANK = 3  # a status that nobody told us of: begun, not ended

EVENT_OF_STATUS: dict[str, str] = {
    Status.MODAL: "task.modal",
    Status.SUCCESS: "task.succeeded",
    Status.FAILURE: "task.failed",
    Status.CANCEL: "task.cancelled",
}

# Submissions of which everything is known: their gateway has named them, if it ever will.
SETTLED = frozenset({SubmissionState.ACCEPTED, SubmissionState.REJECTED})

# The columns that show one Progress whole.
SHOWN = (
    "status",
    "progress",
    "image_url",
    "video_urls",
    "buttons",
    "fail_reason",
    "fail_kind",
    "started_at",
    "finished_at",
    "properties",
)
_SHOWN = ", ".join(f"tasks.{name}" for name in SHOWN)
_SELECT = (
    f"SELECT tasks.gateway, tasks.gateway_id, tasks.loose, {_SHOWN},"
    " submissions.id, submissions.state, submissions.kind"
    " FROM tasks JOIN submissions ON submissions.task_id = tasks.id WHERE tasks.id = ?"
)
_BY_NONCE = f"{_SELECT} AND submissions.nonce = ?"
_LATEST = f"{_SELECT} ORDER BY submissions.id DESC LIMIT 1"
_SET = f"UPDATE tasks SET {', '.join(f'{name} = ?' for name in SHOWN)}"
_SHOW = f"{_SET}, updated_at = ?, asked_at = CASE WHEN ? THEN NULL ELSE asked_at END, loose = 0 WHERE id = ?"
_SHOW_SILENTLY = f"{_SET}, loose = 1 WHERE id = ?"


class Standing(NamedTuple):
    """How a task stands before a Progress: what its row shows, and the submission that speaks."""

    gateway: str
    gateway_id: str | None
    loose: int
    shown: tuple[Any, ...]  # the columns of SHOWN, JSON as text
    submission_id: int
    submission_state: str
    submission_kind: str


def record(tx: Transaction, task_id: str, nonce: str | None, progress: Progress, source: Source) -> Recorded:
    """Apply what a gateway claims about a task, append the event, and let the rules follow.

    `nonce` names the submission whose hook was called; None (a fetch) means the latest. Says what became of it:
    "foreign" when the Progress is about another task of the gateway, and changed nothing.
    Raises NoSuchSubmission.
    """
    standing = _read_standing(tx, task_id, nonce)
    if progress.gateway_id not in (None, standing.gateway_id) and not _may_claim(
        tx, task_id, standing, str(progress.gateway_id)
    ):
        return "foreign"
    if nonce is None and standing.submission_kind == "modal":
        pass  # asked for, it shows how the task stands, and not whether it heard of our answer to its window
    elif standing.submission_state not in SETTLED:
        # The gateway speaks of it, so it has it: also when our POST is still under way, or in doubt, or lost.
        acknowledge(tx, standing.submission_id, progress.gateway_id, source)
        standing = _read_standing(tx, task_id, nonce)
    elif standing.submission_state == SubmissionState.REJECTED and progress.status not in (
        *FAILURES,
        standing.shown[0],  # a window that is still open shows no work
    ):
        believe(tx, standing.submission_id)
        standing = _read_standing(tx, task_id, nonce)
        if standing.submission_kind == "submit":
            return _keep_contradiction(tx, task_id, standing, progress, source)
    elif progress.gateway_id not in (None, standing.gateway_id):
        standing = _read_standing(tx, task_id, nonce)  # it goes by a new id from here on
    return show(tx, task_id, standing, progress, source)


def open_window(tx: Transaction, submission_id: int, gateway_id: str, answer: JSON) -> None:
    """The gateway's answer to a click: it has the task, which waits in a window for a prompt or a mask."""
    acknowledge(tx, submission_id, gateway_id, "submit", answer)
    task_id = read_submission(tx, submission_id).task_id
    standing = _read_standing(tx, task_id, None)
    show(tx, task_id, standing, Progress(gateway_id=gateway_id, status=Status.MODAL), "submit")


def close_window(tx: Transaction, submission_id: int, gateway_id: str, source: Source, answer: JSON) -> None:
    """The gateway has taken the answer to a window: whoever looks must not answer it again."""
    acknowledge(tx, submission_id, gateway_id, source, answer)
    task_id = read_submission(tx, submission_id).task_id
    standing = _read_standing(tx, task_id, None)
    if standing.shown[0] == Status.MODAL:
        show(tx, task_id, standing, Progress(gateway_id=gateway_id, status=Status.SUBMITTED, progress=0), source)


def finish(tx: Transaction, submission_id: int, urls: Sequence[str], answer: JSON) -> None:
    """The gateway's answer says that it is done: nothing is to be waited for. `urls` are those of what was uploaded."""
    acknowledge(tx, submission_id, None, "submit", answer)
    task_id = read_submission(tx, submission_id).task_id
    progress = Progress(
        status=Status.SUCCESS,
        progress=100,
        image_url=urls[0] if urls else None,
        properties={"urls": list(urls)} if urls else {},
    )
    show(tx, task_id, _read_standing(tx, task_id, None), progress, "submit")


def _read_standing(tx: Transaction, task_id: str, nonce: str | None) -> Standing:
    if nonce is None:
        row = tx.execute(_LATEST, (task_id,)).fetchone()
    else:
        row = tx.execute(_BY_NONCE, (task_id, nonce)).fetchone()
    if row is None:
        raise NoSuchSubmission
    gateway, gateway_id, loose, *shown, submission_id, state, kind = row
    return Standing(gateway, gateway_id, loose, tuple(shown), submission_id, state, kind)


def _may_claim(tx: Transaction, task_id: str, standing: Standing, gateway_id: str) -> bool:
    """Whether a Progress under this gateway id may speak for the task; the id is kept when it is a new one."""
    if standing.gateway_id is not None:
        if has_gateway_id(tx, task_id, standing.gateway, gateway_id):
            return True
        awaits_window = standing.submission_kind == "modal" and standing.submission_state not in SETTLED
        if standing.shown[0] in ENDINGS or not (standing.shown[0] == Status.MODAL or awaits_window):
            return False
    keep_gateway_id(tx, task_id, gateway_id)
    return True


def show(tx: Transaction, task_id: str, standing: Standing, progress: Progress, source: Source) -> Recorded:
    """Let the task's row show this Progress if it is higher than the one that it shows."""
    shown, wanted = standing.shown, columns_of(progress)
    height, before = _height(progress.status, progress.progress), _height(shown[0], shown[1])
    if shown[0] in ENDINGS and progress.status in ENDINGS and progress.status != shown[0]:
        return _keep_contradiction(tx, task_id, standing, progress, source)
    if height < before or wanted == shown:
        return "known"
    if height == before:
        if _weight(wanted) > _weight(shown):
            tx.execute(_SHOW_SILENTLY, (*wanted, task_id))
        return "known"
    tx.execute(_SHOW, (*wanted, tx.now, progress.ended, task_id))
    moved_on = shown[0] == Status.MODAL != progress.status and settle_window(tx, task_id)
    changes = read_mutable(tx, task_id) if standing.loose or moved_on else _difference(shown, wanted, tx.now)
    event_type = EVENT_OF_STATUS.get(progress.status, "task.progressed")
    seq = append_event(tx, task_id, event_type, source, changes)
    if progress.ended or progress.status == Status.MODAL:
        tx.topics.add("submissions")  # a place may have become free at its gateway
    follow(tx, task_id, event_type, seq)
    if progress.status == Status.MODAL:
        answer_at_once(tx, task_id)
    return "news"


def columns_of(progress: Progress) -> tuple[Any, ...]:
    """Give the values of the SHOWN columns of a row that shows this Progress."""
    return (
        progress.status,
        progress.progress,
        progress.image_url,
        to_json(progress.video_urls) if progress.video_urls else "[]",
        to_json(progress.buttons) if progress.buttons else "[]",
        progress.fail_reason,
        progress.fail_kind,
        progress.started_at,
        progress.finished_at,
        to_json(progress.properties) if progress.properties else "{}",
    )


def _height(status: str, percent: int | None) -> tuple[int, int]:
    return RANKS.get(status, UNKNOWN_RANK), -1 if percent is None else percent


def _weight(shown: tuple[Any, ...]) -> tuple[Any, ...]:
    """A fixed total order among Progresses of one height: who says more is shown."""
    buttons, properties = shown[SHOWN.index("buttons")], shown[SHOWN.index("properties")]
    content = tuple("" if value is None else str(value) for value in shown)
    return len(buttons), shown[SHOWN.index("image_url")] is not None, len(properties), content


def _difference(shown: tuple[Any, ...], wanted: tuple[Any, ...], now: int) -> dict[str, Any]:
    changes = {
        name: msgspec.Raw(new.encode()) if name in AS_JSON else new
        for name, new, old in zip(SHOWN, wanted, shown, strict=True)
        if new != old
    }
    changes["updated_at"] = now
    return changes


def _keep_contradiction(
    tx: Transaction, task_id: str, standing: Standing, progress: Progress, source: Source
) -> Recorded:
    """The first ending that was committed stands; another one is kept as evidence, once, without effect."""
    told = tx.execute(
        "SELECT 1 FROM events WHERE task_id = ? AND type = ? AND json_extract(data, '$.claim.status') = ?",
        (task_id, CONTRADICTED, progress.status),
    ).fetchone()
    if told is None:
        claim = {name: value for name in SHOWN if (value := getattr(progress, name))}
        changes = read_mutable(tx, task_id) if standing.loose else {}
        append_event(tx, task_id, CONTRADICTED, source, changes, {"claim": claim})
    return "contradiction"
