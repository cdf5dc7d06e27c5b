"""What a gateway said, as a client of the facade hears it."""

import json
from typing import Any

import pytest

from hooks.blanker import Blanker
from hooks.wire import parse_envelope
from service.gateways.outcomes import Capacity, Refused, read_outcome
from service.web.facade.answers import Refusal, refuse_front, relay, tell, tell_existing
from service.web.problems import Problem
from storage.errors import LedgerBusy
from storage.records import Submission, Task

ID = "8000000000000001"


def task(**given: Any) -> Task:
    values = {"id": ID, "root_id": ID, "gateway": "g", "action": "IMAGINE", "origin": "facade"}
    return Task(**values | {"created_at": 1, "updated_at": 1} | given)


def submission(state: str, answer: dict[str, Any] | None, kind: Any = "submit") -> Submission:
    return Submission(
        id=1,
        task_id=ID,
        kind=kind,
        state=state,
        nonce="n",
        request={},
        attempts=1,
        next_at=None,
        expires_at=1,
        created_at=1,
        sent_at=1,
        answer=answer,
    )


@pytest.mark.parametrize(
    ("state", "given", "said", "code", "description", "result", "properties"),
    [
        ("accepted", {}, {"code": 1, "description": "成功", "result": "17"}, 1, "成功", ID, {}),
        ("accepted", {}, None, 1, "提交成功", ID, {}),  # a callback was quicker than the answer
        (
            "accepted",
            {},
            {"code": 22, "description": "排队中，前面还有3个任务", "properties": {"numberOfQueues": 3}},
            *(22, "排队中，前面还有3个任务", ID, {"numberOfQueues": 3}),
        ),
        (
            "accepted",
            {"status": "MODAL"},
            {"code": 21, "description": "窗口等待", "properties": {"finalPrompt": "a"}},
            *(21, "窗口等待", ID, {"finalPrompt": "a", "remix": True}),
        ),
        # Behind gateways that rewrite 21 to 1 it is a window all the same.
        (
            "accepted",
            {"status": "MODAL"},
            {"code": 1, "description": "Waiting for window confirm"},
            *(21, "Waiting for window confirm", ID, {"remix": True}),
        ),
        (
            "accepted",
            {"status": "SUCCESS", "image_url": "https://a/b.png"},
            {"code": 21, "description": "任务已存在", "result": "17", "properties": {"status": "SUCCESS"}},
            *(21, "任务已存在", ID, {"status": "SUCCESS", "imageUrl": "https://a/b.png"}),
        ),
        (
            "accepted",
            {"action": "UPLOAD"},
            {"code": 1, "results": ["https://a", "https://b"]},
            *(1, "提交成功", ["https://a", "https://b"], {}),
        ),
        # Of anything else they are the gateway's own ids.
        ("accepted", {}, {"code": 1, "result": "17", "results": ["17", "18"]}, 1, "提交成功", ID, {}),
        (
            "rejected",
            {},
            {"code": 24, "description": "可能包含敏感词", "properties": {"bannedWord": "x"}},
            *(24, "可能包含敏感词", None, {"bannedWord": "x"}),
        ),
        (
            "rejected",
            {},
            {"code": 4, "description": "prompt_is_required", "http_status": 400},
            4,
            "prompt_is_required",
            None,
            {},
        ),
        ("rejected", {}, {"code": 3, "description": ""}, 3, "提交失败", None, {}),
        # Of our own key and account, no code of theirs.
        (
            "rejected",
            {"fail_reason": "The gateway refused our key: 无效的令牌"},
            {"code": 4, "description": "无效的令牌", "http_status": 401},
            *(9, "提交失败: The gateway refused our key: 无效的令牌", None, {}),
        ),
        ("rejected", {}, {"code": None, "description": "余额不足"}, 9, "提交失败: 余额不足", None, {}),
        ("rejected", {}, {"error": "no picture"}, 9, "提交失败: no picture", None, {}),
        ("rejected", {}, None, 9, "提交失败", None, {}),
        *(
            (state, {}, {"code": 5}, 22, "排队中，前面还有2个任务", ID, {"numberOfQueues": 2})
            for state in ("planned", "sending", "unknown", "lost")
        ),
    ],
)
def test_what_a_gateway_said_is_told_under_our_id(
    state: str,
    given: dict[str, Any],
    said: dict[str, Any] | None,
    code: int,
    description: str,
    result: Any,
    properties: dict[str, Any],
) -> None:
    answer = relay(task(**given), submission(state, said), result=ID, ahead=2)
    assert answer.status_code == 200
    assert json.loads(bytes(answer.body)) == {
        "code": code,
        "description": description,
        "result": result,
        "properties": properties,
    }


def test_the_answer_to_a_window_is_no_window_though_the_task_shows_one_still() -> None:
    answer = relay(task(status="MODAL"), submission("accepted", {"code": 1}, "modal"), result=ID)
    assert json.loads(bytes(answer.body))["code"] == 1


def test_who_clicks_twice_is_told_of_the_first() -> None:
    body = json.loads(bytes(tell_existing(task(status="SUCCESS", image_url="https://a/b.png")).body))
    assert body == {
        "code": 21,
        "description": "任务已存在",
        "result": ID,
        "properties": {"status": "SUCCESS", "imageUrl": "https://a/b.png"},
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Refusal("prompt不能为空"), 200, 4),
        (Refusal("关联任务不存在或已失效", 3, 404), 404, 3),
        (Problem(413, "too much"), 413, None),
        (LedgerBusy(), 503, None),
        (RuntimeError("sk-secret"), 500, None),
    ],
)
def test_whatever_goes_wrong_is_json_that_a_client_can_show(error: Exception, status: int, code: int | None) -> None:
    answer = tell(error)
    body = json.loads(bytes(answer.body))
    assert (answer.status_code, body.get("code")) == (status, code)
    assert body["description"]
    assert "sk-secret" not in bytes(answer.body).decode()
    if code is None:
        assert body["error"]["message"] == body["description"]


def test_a_ringback_before_this_one_understands_its_refusals() -> None:
    def outcome(status: int) -> Any:
        body = bytes(refuse_front(status, "no").body)
        return read_outcome(status, parse_envelope(body, Blanker()))

    assert isinstance(outcome(503), Capacity), "nothing was made, and it may ask again"
    assert isinstance(outcome(401), Refused)
