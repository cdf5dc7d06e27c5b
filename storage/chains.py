"""What became of a root and of everything that grew from it, and whether anything is still to come."""

import sqlite3

import msgspec

from storage.records import CHAIN_SETTLED, ENDING_EVENTS, Chain, Picture, Status, SubmissionState
from storage.transaction import Transaction

MONEY_DIGITS = 6  # sums of prices are rounded to so many: 0.1 + 0.2 is no 0.3 in binary
_ENDED = ", ".join(f"'{event_type}'" for event_type in sorted(ENDING_EVENTS))
_BAD_ENDINGS: dict[str, str] = {Status.FAILURE: "failed", Status.CANCEL: "cancelled"}


class Member(msgspec.Struct, frozen=True):
    """What counts of one task; a chain may be long, and is read at each of its settlings."""

    id: str
    action: str
    index: int | None
    status: str
    submission: str
    cost: float | None
    retry_of: str | None
    image_url: str | None
    video_urls: str  # JSON

    @property
    def has_picture(self) -> bool:
        return self.image_url is not None or self.video_urls != "[]"


_COLUMNS = ", ".join(f'"{name}"' for name in Member.__struct_fields__)


def is_settled(tx: sqlite3.Connection | Transaction, root_id: str) -> bool:
    """Whether every task under a root has ended or is lost, and nothing is planned or deferred."""
    at_work = tx.execute(  # the newest ones are the likeliest
        "SELECT 1 FROM tasks WHERE root_id = ? AND status NOT IN ('SUCCESS', 'FAILURE', 'CANCEL')"
        " AND submission != 'lost' ORDER BY id DESC LIMIT 1",
        (root_id,),
    ).fetchone()
    if at_work is not None:
        return False
    waits = tx.execute("SELECT 1 FROM firings WHERE root_id = ? AND outcome = 'deferred' LIMIT 1", (root_id,))
    return waits.fetchone() is None


def has_ended_since(tx: sqlite3.Connection | Transaction, root_id: str) -> bool:
    """Whether a task of a chain has ended since it was last told that the chain has settled."""
    found = tx.execute(
        "SELECT 1 FROM tasks CROSS JOIN events INDEXED BY events_of_a_task ON events.task_id = tasks.id"
        f" WHERE tasks.root_id = ?1 AND events.type IN ({_ENDED}) AND events.seq >"
        " (SELECT coalesce(max(seq), 0) FROM events INDEXED BY events_of_a_task"
        f" WHERE task_id = ?1 AND type = '{CHAIN_SETTLED}') LIMIT 1",
        (root_id,),
    )
    return found.fetchone() is not None


def read_chain(db: sqlite3.Connection | Transaction, root_id: str) -> Chain:
    """Give what became of a chain so far; one of no tasks where there is no such root."""
    members = [
        Member(*row) for row in db.execute(f"SELECT {_COLUMNS} FROM tasks WHERE root_id = ? ORDER BY id", (root_id,))
    ]
    asked_again = {member.retry_of for member in members}
    counts: dict[str, dict[str, int]] = {word: {} for word in ("succeeded", "failed", "cancelled", "lost", "retried")}
    for member in members:
        word = _word_of(member, is_retried=member.id in asked_again)
        if word is not None:
            counts[word][member.action] = counts[word].get(member.action, 0) + 1
    costs = [member.cost for member in members if member.cost is not None]
    return Chain(
        root_id=root_id,
        tasks=len(members),
        succeeded=counts["succeeded"],
        failed=counts["failed"],
        cancelled=counts["cancelled"],
        retried=counts["retried"],
        lost=sum(counts["lost"].values()),
        cost=round(sum(costs), MONEY_DIGITS) if costs else None,
        pictures=tuple(
            _picture_of(member) for member in members if member.status == Status.SUCCESS and member.has_picture
        ),
    )


def _word_of(member: Member, *, is_retried: bool) -> str | None:
    """Under which word the task counts; None while something is expected of it."""
    if member.status == Status.SUCCESS:
        return "succeeded"
    ending = _BAD_ENDINGS.get(member.status) or ("lost" if member.submission == SubmissionState.LOST else None)
    return "retried" if is_retried and ending else ending


def _picture_of(member: Member) -> Picture:
    return Picture(
        task_id=member.id,
        action=member.action,
        index=member.index,
        image_url=member.image_url,
        video_urls=tuple(msgspec.json.decode(member.video_urls)),
    )
