"""What the facade answers: the envelope of every submit, and its refusals, in the gateways' own words."""

from typing import Any, Final

import msgspec
from starlette.responses import Response

from storage.records import JSON, Submission, SubmissionState

SUCCESS: Final = 1
NOT_FOUND: Final = 3
INVALID: Final = 4
FAILED: Final = 9
EXISTED: Final = 21
IN_QUEUE: Final = 22

ACCEPTED: Final = "提交成功"
QUEUED: Final = "排队中，请稍后查询"
WINDOW: Final = "Waiting for window confirm"


def envelope(code: int, description: str, *, result: Any = None, properties: JSON | None = None) -> JSON:
    """The body of an answer to a submit."""
    return {"code": code, "description": description, "result": result, "properties": properties or {}}


def answer(body: JSON | list[JSON], status: int = 200) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")


def refuse(description: str, code: int = INVALID, status: int = 200) -> Response:
    """A refusal of our own. The business of these gateways comes as HTTP 200; the code tells."""
    return answer(envelope(code, description), status)


def relay(submission: Submission, task_id: str, *, is_window: bool) -> Response:
    """What the gateway said to a submission, under our id; 22 while it has said nothing.

    What it said about itself (its keys, its proxies) is no client's business and becomes 9.
    """
    said = submission.answer or {}
    description = str(said.get("description") or "")
    properties = said.get("properties") or {}
    match submission.state:
        case SubmissionState.ACCEPTED if is_window:
            return answer(
                envelope(EXISTED, description or WINDOW, result=task_id, properties=properties | {"remix": True})
            )
        case SubmissionState.ACCEPTED:
            code = IN_QUEUE if said.get("code") == IN_QUEUE else SUCCESS
            result = said["results"] if said.get("results") else task_id
            return answer(envelope(code, description or ACCEPTED, result=result, properties=properties))
        case SubmissionState.REJECTED:
            return _relay_refusal(said, description, properties)
    return answer(envelope(IN_QUEUE, QUEUED, result=task_id, properties={"numberOfQueues": 0}))


def _relay_refusal(said: JSON, description: str, properties: JSON) -> Response:
    code = said.get("code")
    if not isinstance(code, int):
        return refuse(description or str(said.get("error") or "提交失败"), FAILED)
    return answer(envelope(code, description, properties=properties))
