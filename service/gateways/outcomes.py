"""Every answer to a submit, understood: what the gateway did, and what that means for the money.

Codes and texts as midjourney-proxy (novicezk's and trueai-org's), midjourney-proxy-plus, new-api and one-hub
give them. When in doubt, the outcome is Unknown: the task may exist, and must not be paid for twice.
"""

import re
from typing import Final

import msgspec

from hooks.failures import sort_failure
from hooks.wire import Envelope
from storage.records import Status


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway has the task."""

    gateway_id: str


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway has done it, and there is nothing to wait for."""

    urls: tuple[str, ...] = ()  # of what was uploaded


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


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was sent: everything has been paused meanwhile."""


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """It may or may not have happened."""

    reason: str


REFUSALS: Final = frozenset({3, 4, 9})  # codes that say for certain that nothing was made
REDIRECTS: Final = frozenset({301, 302, 307, 308})  # not 303: that one says "done, look there"
DOUBTS: Final = frozenset({408, 499})  # somebody on the way ran out of time
LONGEST_ID: Final = 255  # characters; no gateway has a longer one, and no URL has room for it

Outcome = Accepted | Finished | Existed | Modal | Refused | Capacity | NotYet | Unsent | Held | Unknown

# A description may quote the prompt, the word in it that is banned, or a button. So words count only where they are
# the whole of it: what the gateway says, with a lead-in and an advice at most.
_LEAD: Final = r"(?:(?:提交失败|(?:upstream )?error|submit failed|submission failed)[，,:：]\s*)?"
_ADVICE: Final = r"\s*(?:[，,。.;；!！]?\s*(?:请|please|try|retry).*|[。.!！]*)"


def _whole(*texts: str) -> re.Pattern[str]:
    return re.compile(f"{_LEAD}(?:{'|'.join(texts)}){_ADVICE}", re.IGNORECASE | re.DOTALL)


# Nothing was made, for want of room.
FULL: Final = _whole(
    r"队列已满|排队已满|(?:the |task )?queue (?:is )?full",
    r"(?:用户)?(?:队列数|并发数)已达上限",
    r"无可用的?账号(?:实例)?|no available account(?: instance)?",
    r"账号不可用(?:[:：].*)?",
    r"当前分组.*(?:负载已饱和|无可用渠道).*|no available channel(?: for .*)?",
)
# These follow a SUCCESS which the gateway's own books do not show yet; new-api appends a result, usually empty.
NOT_YET: Final = _whole(
    r"(?:task_status_not_success|task_not?_found)(?:\s.*)?", r"关联任务(?:状态错误|不存在(?:或已失效)?)"
)
WINDOW: Final = _whole(r"waiting for window confirm(?:ation)?", r"窗口等待(?:确认)?|等待窗口(?:确认)?")
EXISTS: Final = _whole(r"该?任务已存在", r"(?:the )?task (?:already )?exists")
# What new-api and its kin call an error of their own front, which asked nobody yet: "new_api_error", "one_hub_error".
FRONT: Final = re.compile(r"\w+_(?:api|hub)_error")


def read_outcome(http_status: int, envelope: Envelope) -> Outcome:
    """Say what an answer means; pure, and defined for every answer there can be.

    Only the protocol's own codes, trueai-org's `success: false` and HTTP's 4xx refuse. Whatever a server's error or a
    foreign answer says, the task may have been made.
    """
    reason = _say(http_status, envelope)
    match envelope.code:
        case 1 | 22:
            return _read_acceptance(envelope, reason)
        case 21:
            return _read_existed(envelope, reason)
        case 5:
            return Unknown(reason=reason)
    if http_status >= 500:
        return _read_fault(http_status, envelope, reason)
    if http_status == 429 or envelope.code in (23, 30):
        return Capacity(reason=reason)
    if envelope.code == 24:
        return Refused(reason=reason, kind="moderation", code=24)
    # trueai-org's error filter answers 200 with codes of its own, -1 for one.
    if envelope.code in REFUSALS or (envelope.denied and http_status < 300):
        return _read_refusal(envelope, reason)
    return _read_stranger(http_status, reason)


def _say(http_status: int, envelope: Envelope) -> str:
    """What a person reads of an answer; a proxy's page is not worth quoting."""
    if not envelope.description:
        return f"The gateway answered HTTP {http_status} without a word."
    if envelope.description.startswith("<"):
        return f"The gateway answered HTTP {http_status} with a page of HTML."
    return envelope.description


def _read_acceptance(envelope: Envelope, reason: str) -> Outcome:
    if envelope.result is None or len(envelope.result) > LONGEST_ID:
        return Unknown(reason=f"The gateway accepted it without naming a task: {reason}")
    # Behind gateways that rewrite 21 to 1, only the words tell that a window is open.
    if WINDOW.fullmatch(envelope.description):
        return Modal(gateway_id=envelope.result)
    return Accepted(gateway_id=envelope.result)


def _read_existed(envelope: Envelope, reason: str) -> Outcome:
    if envelope.result is None or len(envelope.result) > LONGEST_ID:
        return Unknown(reason=f"The gateway says that it exists without naming a task: {reason}")
    existed = "status" in envelope.properties or EXISTS.fullmatch(envelope.description)
    if existed and not WINDOW.fullmatch(envelope.description):
        return Existed(gateway_id=envelope.result)
    return Modal(gateway_id=envelope.result)


def _read_fault(http_status: int, envelope: Envelope, reason: str) -> Outcome:
    """A server's error: whatever it says, the task may have been made by then."""
    if http_status == 503 and envelope.code is None and FRONT.fullmatch(envelope.error_type or ""):
        return Capacity(reason=reason)  # no channel serves that model at the moment
    return Unknown(reason=f"HTTP {http_status}: {reason}")


def _read_refusal(envelope: Envelope, reason: str) -> Outcome:
    """Nothing was made; the words tell whether it is worth asking again."""
    if FULL.fullmatch(reason):
        return Capacity(reason=reason)
    if NOT_YET.fullmatch(reason):
        return NotYet(reason=reason)
    return Refused(reason=reason, kind=_sort(reason), code=envelope.code)


def _read_stranger(http_status: int, reason: str) -> Outcome:
    """An answer without the protocol's code: from a proxy, a login, or an error in OpenAI's shape."""
    if http_status in REDIRECTS:
        return Refused(reason="The gateway redirects to another address; set that one as its URL.", kind="gateway")
    if http_status < 400 or http_status in DOUBTS:
        return Unknown(reason=f"HTTP {http_status}: {reason}")
    kind = "quota" if http_status == 402 else _sort(reason)
    if http_status == 401 or (http_status == 403 and kind != "quota"):
        return Refused(reason=f"The gateway refused our key: {reason}", kind="gateway")
    if http_status in (404, 405):
        return Refused(reason=f"The gateway has no such call, or its URL is wrong: {reason}", kind="gateway")
    return Refused(reason=reason, kind=kind)


def _sort(reason: str) -> str:
    return sort_failure(Status.FAILURE, reason)
