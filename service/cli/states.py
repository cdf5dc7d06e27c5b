"""The states that a person sees: a word, a shape and a colour each, never a colour alone."""

from typing import Final, NamedTuple

from storage.records import ENDINGS, JSON, Status, SubmissionState


class State(NamedTuple):
    """How a task stands."""

    word: str
    shape: str
    style: str  # rich's


WAITING: Final = State("waiting", "○", "dim")
RUNNING: Final = State("running", "◔", "cyan")
NEEDS_YOU: Final = State("needs you", "◑", "yellow")
SUCCEEDED: Final = State("succeeded", "✓", "green")
CANCELLED: Final = State("cancelled", "⊘", "yellow")
FAILED: Final = State("failed", "✗", "red")
UNKNOWN: Final = State("unknown", "?", "magenta")
LOST: Final = State("lost", "?", "red")

_OF_STATUS: Final = {
    Status.NOT_START: WAITING,
    Status.SUBMITTED: RUNNING,
    Status.IN_PROGRESS: RUNNING,
    Status.MODAL: NEEDS_YOU,
    Status.SUCCESS: SUCCEEDED,
    Status.FAILURE: FAILED,
    Status.CANCEL: CANCELLED,
}
_REASONS: Final = {
    NEEDS_YOU: "its window waits for a prompt",
    UNKNOWN: "it was sent; whether it arrived is not known yet",
    LOST: "nothing more is heard of it from its gateway",
}
_OF_DOUBT: Final = {SubmissionState.UNKNOWN: UNKNOWN, SubmissionState.LOST: LOST}


def state_of(task: JSON) -> State:
    """Give the state of a Task of `/v1`."""
    if task["status"] not in ENDINGS and task["submission"] in _OF_DOUBT:
        return _OF_DOUBT[task["submission"]]
    return _OF_STATUS.get(task["status"], UNKNOWN)


def explain(task: JSON) -> str | None:
    """Why a Task of `/v1` stands so, in the gateway's words or ours; None where its state says it all."""
    state = state_of(task)
    if task["fail_reason"]:
        return str(task["fail_reason"])
    if state is UNKNOWN and task["submission"] not in _OF_DOUBT:
        return str(task["status"])  # a word of the gateway's own
    return _REASONS.get(state)


def is_settled(task: JSON) -> bool:
    """Whether nothing more is expected of a Task of `/v1`: it ended, or it is lost."""
    return task["status"] in ENDINGS or task["submission"] == SubmissionState.LOST
