"""How the ledger's nouns look outside: the JSON objects of `/v1`."""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from storage.reactions import Effect, Firing
from storage.records import Event, Submission, Task

_TASK_TIMES = ("created_at", "updated_at", "submitted_at", "started_at", "finished_at")
_SUBMISSION_TIMES = ("created_at", "next_at", "sent_at", "expires_at")
_FIRING_TIMES = ("created_at", "updated_at", "next_at")
_EFFECT_TIMES = ("created_at", "next_at", "done_at")
TIMES: Final = frozenset((*_TASK_TIMES, *_SUBMISSION_TIMES, *_FIRING_TIMES, *_EFFECT_TIMES))
KEPT_BACK: Final = ("nonce", "request")  # of a submission: half of a hook, and what the task says itself


def format_time(milliseconds: int | None) -> str | None:
    """Give RFC 3339 in UTC, to the millisecond."""
    if milliseconds is None:
        return None
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def show_task(task: Task) -> dict[str, Any]:
    """Give a Task as `/v1` shows it."""
    shown = msgspec.structs.asdict(task)
    for name in _TASK_TIMES:
        shown[name] = format_time(shown[name])
    return shown


def show_event(event: Event) -> dict[str, Any]:
    """Give an Event as `/v1`, streams and subscribers see it."""
    return {
        "seq": event.seq,
        "id": event.id,
        "type": event.type,
        "time": format_time(event.time),
        "task": None if event.task is None else show_task(event.task),
        "data": event.data,
    }


def show_firing(firing: Firing) -> dict[str, Any]:
    """Give a Firing as `/v1` shows it."""
    shown = msgspec.structs.asdict(firing)
    for name in _FIRING_TIMES:
        shown[name] = format_time(shown[name])
    return shown


def show_effect(effect: Effect) -> dict[str, Any]:
    """Give an Effect as `/v1` shows it."""
    shown = msgspec.structs.asdict(effect)
    for name in _EFFECT_TIMES:
        shown[name] = format_time(shown[name])
    return shown


def show_submission(submission: Submission) -> dict[str, Any]:
    """Give a Submission as `/v1` shows it, with the latest answer of the gateway."""
    shown = msgspec.structs.asdict(submission)
    for name in KEPT_BACK:
        del shown[name]
    for name in _SUBMISSION_TIMES:
        shown[name] = format_time(shown[name])
    return shown
