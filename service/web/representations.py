"""How the ledger's nouns look outside: the JSON objects of `/v1`, but for tasks and events (`hooks.envelope`)."""

from typing import Any, Final

import msgspec

from hooks.envelope import TASK_TIMES, format_time
from storage.reactions import Effect, Firing
from storage.records import Submission

_SUBMISSION_TIMES = ("created_at", "next_at", "sent_at", "expires_at")
_FIRING_TIMES = ("created_at", "updated_at", "next_at")
_EFFECT_TIMES = ("created_at", "next_at", "done_at")
TIMES: Final = frozenset((*TASK_TIMES, *_SUBMISSION_TIMES, *_FIRING_TIMES, *_EFFECT_TIMES))
KEPT_BACK: Final = ("nonce", "request")  # of a submission: half of a hook, and what the task says itself


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
