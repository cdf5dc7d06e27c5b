"""What the facade answers: the envelope of every submit, and its refusals, in the gateways' own words.

Business goes by the envelope's code, mostly under HTTP 200, as midjourney-proxy has it. What our own front refuses (a
wrong key, an address that is none) goes by its HTTP status and has no code, as new-api has it: `description` for
clients of proxies, `error.message` for those of OpenAI's kind.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

from service.web.problems import Problem, explain
from storage.errors import LedgerBusy, LedgerUnavailable
from storage.records import JSON, Status, Submission, SubmissionState, Task

SUCCESS: Final = 1
NOT_FOUND: Final = 3
INVALID: Final = 4
FAILED: Final = 9
EXISTED: Final = 21
IN_QUEUE: Final = 22

ACCEPTED: Final = "提交成功"
DONE: Final = "成功"
QUEUED: Final = "排队中，前面还有{ahead}个任务"
WINDOW: Final = "Waiting for window confirm"
ALREADY_THERE: Final = "任务已存在"
FAILURE: Final = "提交失败"

FRONT: Final = "ringback_api_error"  # the type of what our own front refuses; a Ringback before us knows the shape
_OURS: Final = frozenset({401, 402, 403, 407})  # HTTP statuses of a gateway that are about our key or our account


class Refusal(Exception):
    """What cannot be done, in a gateway's words."""

    def __init__(self, description: str, code: int = INVALID, status: int = 200) -> None:
        super().__init__(description)
        self.code = code
        self.status = status


def envelope(code: int, description: str, *, result: Any = None, properties: JSON | None = None) -> JSON:
    """The body of an answer to a submit."""
    return {"code": code, "description": description, "result": result, "properties": properties or {}}


def answer(body: Any, status: int = 200) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")


def refuse_front(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal of our own front: nothing was looked at, and nothing was made."""
    body = {"description": detail, "type": FRONT, "error": {"message": detail, "type": FRONT}}
    response = answer(body, status)
    response.headers.update(headers or {})
    return response


def tell(error: Exception) -> Response:
    """Tell the caller what a handler raised: on purpose, from the ledger, or by a fault of ours."""
    match error:
        case Refusal():
            return answer(envelope(error.code, str(error)), error.status)
        case Problem():
            return refuse_front(error.status, str(error), error.headers)
        case LedgerBusy() | LedgerUnavailable():
            return refuse_front(503, str(error), {"Retry-After": "1"})
    return refuse_front(explain(error).status_code, "系统异常 (a fault of the service; its log says more)")


def tell_existing(task: Task) -> Response:
    """A picture of a grid is bought once: who asks again gets the task that is there.

    The code is 21, as the gateways' pages have it ("已存在"), and as novicezk's proxy answered. It says that nothing
    was spent, and `result` is fetched like any other's. A window's 21 has neither `status` nor these words.
    """
    properties = {"status": task.status, "imageUrl": task.image_url or ""}
    return answer(envelope(EXISTED, ALREADY_THERE, result=task.id, properties=properties))


def relay(task: Task, submission: Submission, *, result: str, ahead: int = 0) -> Response:
    """What the gateway said to a submission, with `result` as the task's id; 22 while it has said nothing.

    In doubt it is 22, too: the task may well be there, and whoever was told of a failure would pay for it again.
    """
    said = submission.answer or {}
    description = str(said.get("description") or "")
    properties = said.get("properties") or {}
    match submission.state:
        case SubmissionState.ACCEPTED if submission.kind == "submit" and task.status == Status.MODAL:
            return answer(
                envelope(EXISTED, description or WINDOW, result=result, properties={**properties, "remix": True})
            )
        case SubmissionState.ACCEPTED if said.get("code") == EXISTED and submission.kind == "submit":
            existing = {"status": task.status, "imageUrl": task.image_url or "", **properties}
            return answer(envelope(EXISTED, description or ALREADY_THERE, result=result, properties=existing))
        case SubmissionState.ACCEPTED:
            code = IN_QUEUE if said.get("code") == IN_QUEUE else SUCCESS
            # What an upload made are addresses; several results of anything else are the gateway's own ids.
            made = said.get("results") if task.action == "UPLOAD" else None
            return answer(envelope(code, description or ACCEPTED, result=made or result, properties=properties))
        case SubmissionState.REJECTED:
            return _relay_refusal(task, said, description, properties)
    return answer(envelope(IN_QUEUE, QUEUED.format(ahead=ahead), result=result, properties={"numberOfQueues": ahead}))


def _relay_refusal(task: Task, said: JSON, description: str, properties: JSON) -> Response:
    """What the gateway says of our own key or account is no business of a client's code, and becomes 9."""
    code = said.get("code")
    if isinstance(code, int) and said.get("http_status") not in _OURS:
        return answer(envelope(code, description or FAILURE, properties=properties))
    reason = task.fail_reason or description or said.get("error")
    return answer(envelope(FAILED, f"{FAILURE}: {reason}" if reason else FAILURE))
