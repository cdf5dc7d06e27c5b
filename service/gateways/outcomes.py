"""Every answer to a submit, understood: what the gateway did, and what that means for the money.

Codes and texts as midjourney-proxy (novicezk's and trueai-org's), midjourney-proxy-plus, new-api and one-hub
give them. When in doubt, the outcome is Unknown: the task may exist, and must not be paid for twice.
"""

from typing import Final

import msgspec

from hooks.failures import sort_failure
from hooks.wire import Envelope
from storage.records import Status


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway has the task."""

    gateway_id: str


class Existed(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway did the same before, and names that task; nothing new was made."""

    gateway_id: str


class Modal(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway has the task, and it waits in a window for a prompt or a mask."""

    gateway_id: str


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway will not do it, now or later."""

    reason: str
    kind: str  # a task's fail_kind
    code: int | None = None


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway has no room now; nothing was made."""

    reason: str


class NotYet(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway has not noticed its own success yet; nothing was made."""

    reason: str


class Unsent(msgspec.Struct, frozen=True, kw_only=True):
    """It is certain that nothing left this machine."""

    reason: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """It may or may not have happened."""

    reason: str


REFUSALS: Final = frozenset({3, 4, 9})  # codes that say for certain that nothing was made
LONGEST_ID: Final = 255  # characters; no gateway has a longer one, and no URL has room for it

Outcome = Accepted | Existed | Modal | Refused | Capacity | NotYet | Unsent | Unknown

# Texts that follow a SUCCESS which the gateway's own books do not show yet.
NOT_YET: Final = ("task_status_not_success", "task_not_found", "task_no_found", "关联任务状态错误", "关联任务不存在")
WINDOW: Final = ("window", "窗口")
EXISTS: Final = ("已存在", "exist")
# Texts of answers about room, under whatever code.
CAPACITY: Final = (
    *("队列已满", "排队已满", "队列数已达上限", "并发数已达上限", "无可用的账号", "账号不可用", "负载已饱和"),
    *("无可用渠道", "queue is full", "queue full", "no available account", "no available channel"),
)


def read_outcome(http_status: int, envelope: Envelope) -> Outcome:
    """Say what an answer means; pure, and defined for every answer there can be."""
    reason = envelope.description or f"The gateway answered HTTP {http_status} without a word."
    text = reason.lower()
    match envelope.code:
        case 1 | 22:
            return _read_acceptance(envelope, reason)
        case 21:
            return _read_existed(envelope, reason)
        case 23 | 30:
            return Capacity(reason=reason)
        case 24:
            return Refused(reason=reason, kind="moderation", code=24)
        case 5:
            return Unknown(reason=reason)
    # Words count only where the protocol itself speaks: an error from further on may quote the prompt, and says
    # nothing about whether the task was made.
    spoken = http_status == 403 or (http_status < 500 and envelope.code is not None)
    if spoken and any(word in text for word in CAPACITY):
        return Capacity(reason=reason)
    if spoken and any(word in text for word in NOT_YET):
        return NotYet(reason=reason)
    if http_status == 429:
        return Capacity(reason=reason)
    # Beside these, trueai-org's error filter answers 200 with codes of its own, 0 for one. A foreign code beside a
    # result, or one like an HTTP 500, may mean anything.
    foreign = http_status == 200 and envelope.code is not None and envelope.code < 500 and envelope.result is None
    if (envelope.code in REFUSALS and http_status < 500) or foreign:
        return Refused(reason=reason, kind=_sort(reason), code=envelope.code)
    return _read_stranger(http_status, envelope, reason)


def _read_acceptance(envelope: Envelope, reason: str) -> Outcome:
    if envelope.result is None or len(envelope.result) > LONGEST_ID:
        return Unknown(reason=f"The gateway accepted it without naming a task: {reason}")
    # Behind gateways that rewrite 21 to 1, only the words tell that a window is open.
    if any(word in envelope.description.lower() for word in WINDOW):
        return Modal(gateway_id=envelope.result)
    return Accepted(gateway_id=envelope.result)


def _read_existed(envelope: Envelope, reason: str) -> Outcome:
    if envelope.result is None or len(envelope.result) > LONGEST_ID:
        return Unknown(reason=f"The gateway says that it exists without naming a task: {reason}")
    existed = "status" in envelope.properties or any(word in envelope.description.lower() for word in EXISTS)
    if existed and not any(word in envelope.description.lower() for word in WINDOW):
        return Existed(gateway_id=envelope.result)
    return Modal(gateway_id=envelope.result)


def _read_stranger(http_status: int, envelope: Envelope, reason: str) -> Outcome:
    """An answer without the protocol's code: from a proxy, a login, or an error in OpenAI's shape."""
    if 300 <= http_status < 400:
        return Refused(reason="The gateway redirects to another address; set that one as its URL.", kind="gateway")
    if http_status in (401, 403):
        return Refused(reason=f"The gateway refused our key: {reason}", kind="gateway")
    if http_status == 402:
        return Refused(reason=reason, kind="quota")
    if http_status == 503 and envelope.error_type is not None:
        return Capacity(reason=reason)  # new-api: no channel serves that model at the moment
    if 400 <= http_status < 500 and http_status != 408:
        return Refused(reason=reason, kind=_sort(reason))
    return Unknown(reason=f"HTTP {http_status}: {reason}")


def _sort(reason: str) -> str:
    return sort_failure(Status.FAILURE, reason)
