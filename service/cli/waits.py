"""Why tasks wait, as their submissions tell it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from service.cli.client import PATIENCE, Api
from service.cli.screen import plain
from storage.pauses import EVERYTHING
from storage.records import JSON, Status, SubmissionState


class Wait(NamedTuple):
    """Why a task still waits to be sent."""

    reason: str  # the gateway's words, or ours
    tries: int
    again: str | None  # the time of day of the next try; None where it is due as soon as there is a place

    def __str__(self) -> str:
        if not self.tries:
            return self.reason
        tries = f"{self.tries} {'try' if self.tries == 1 else 'tries'}"
        return f"{self.reason} ({tries}{f', the next at {self.again}' if self.again else ''})"


PAUSED: Final = Wait("everything is paused; to go on: ringback resume", 0, None)


def is_waiting(task: JSON) -> bool:
    """Whether a Task of `/v1` is still to be sent."""
    return bool(task["status"] == Status.NOT_START and task["submission"] == SubmissionState.PLANNED)


def read_waits(api: Api, tasks: Sequence[JSON]) -> dict[str, Wait]:
    """Give why each of these Tasks waits, by its id; those that were tried and refused, and all while it is paused."""
    now = datetime.now(UTC)
    waiting, waits = list(filter(is_waiting, tasks)), {}
    if waiting and any(each["scope"] == EVERYTHING for each in api.list_pauses(patience=PATIENCE)):
        return {task["id"]: PAUSED for task in waiting}
    for task in waiting:
        latest = api.list_submissions(task["id"], patience=PATIENCE)[-1]
        if latest["state"] == SubmissionState.PLANNED and (wait := explain_wait(latest, now=now)):
            waits[task["id"]] = wait
    return waits


def explain_wait(submission: JSON, *, now: datetime) -> Wait | None:
    """Say why a planned Submission of `/v1` waits; None where nobody has refused it yet."""
    answer = submission["answer"]
    if not answer:
        return None
    said = answer.get("error") or answer.get("description") or f"the gateway answered HTTP {answer.get('http_status')}"
    reason = plain(str(said)).rstrip(".")
    if reason.startswith("The "):  # it goes on a line of ours
        reason = f"t{reason[1:]}"
    due = datetime.fromisoformat(submission["next_at"]) if submission["next_at"] else now
    return Wait(reason, submission["attempts"], f"{due.astimezone():%H:%M:%S}" if due > now else None)
