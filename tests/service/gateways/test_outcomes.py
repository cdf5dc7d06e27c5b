"""Every answer that section 2 of the protocol knows, and the ones that no gateway should give."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.wire import parse_envelope
from service.gateways.outcomes import (
    Accepted,
    Capacity,
    Existed,
    Modal,
    NotYet,
    Outcome,
    Refused,
    Unknown,
    read_outcome,
)

ID = "1741531578038546"
NAMED = {"gateway_id": ID}


def coded(code: Any, description: str = "", result: Any = None, **more: Any) -> dict[str, Any]:
    return {"code": code, "description": description, "result": result, **more}


def relayed(description: str, code: int = 4) -> dict[str, Any]:
    """An error as new-api writes it."""
    return {"description": description, "type": "upstream_error", "code": code}


def openai(message: str, kind: str = "new_api_error", code: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": code}}


CASES: list[tuple[str, int, Any, type, dict[str, Any]]] = [
    # what, HTTP status, body, outcome, what it holds
    ("accepted", 200, coded(1, "提交成功", ID), Accepted, NAMED),
    ("accepted, numeric result", 200, coded(1, "成功", 1320098173412546), Accepted, {"gateway_id": "1320098173412546"}),
    ("accepted, beyond 2^53", 200, coded(1, "", 8774786694361674001), Accepted, {"gateway_id": "8774786694361674001"}),
    ("accepted, code as text", 200, coded("1", "Submit success", ID), Accepted, NAMED),
    ("accepted, code as float", 200, coded(1.0, "Submit success", ID), Accepted, NAMED),
    ("accepted, a list of ids", 200, coded(1, "", [ID, "2"]), Accepted, NAMED),
    ("accepted without a task", 200, coded(1, "提交成功"), Unknown, {}),
    ("accepted with an endless id", 200, coded(1, "提交成功", "9" * 256), Unknown, {}),
    ("accepted with a blank id", 200, coded(1, "提交成功", " "), Unknown, {}),
    ("in queue", 200, coded(22, "排队中，前面还有3个任务", ID, properties={"numberOfQueues": 3}), Accepted, NAMED),
    ("in queue without a task", 200, coded(22, "排队中"), Unknown, {}),
    ("22 rewritten to 1", 200, coded(1, "排队中，前面还有1个任务", ID), Accepted, NAMED),
    ("window, English", 200, coded(21, "Waiting for window confirm", ID), Modal, NAMED),
    ("window, Chinese", 200, coded(21, "窗口等待", ID, properties={"remix": True}), Modal, NAMED),
    ("window, without words", 200, coded(21, "", ID, properties={"finalPrompt": "x"}), Modal, NAMED),
    ("window rewritten to 1", 200, coded(1, "Waiting for window confirm", ID), Modal, NAMED),
    ("window rewritten, Chinese", 200, coded(1, "窗口等待", ID), Modal, NAMED),
    ("window without a task", 200, coded(21, "窗口等待"), Unknown, {}),
    ("existed", 200, coded(21, "任务已存在", ID, properties={"status": "SUCCESS", "imageUrl": "u"}), Existed, NAMED),
    ("existed, by its words", 200, coded(21, "任务已存在", ID), Existed, NAMED),
    ("existed, by its status", 200, coded(21, "", ID, properties={"status": "IN_PROGRESS"}), Existed, NAMED),
    ("existed without a task", 200, coded(21, "任务已存在"), Unknown, {}),
    ("queue full", 200, coded(23, "队列已满，请稍后尝试", None, properties={"discordInstanceId": "1"}), Capacity, {}),
    ("queue full with an id, as docs show", 200, coded(23, "队列已满，请稍后尝试", ID), Capacity, {}),
    ("queue full as 9", 200, coded(9, "提交失败，队列已满，请稍后重试"), Capacity, {}),
    ("saturated", 429, coded(30, "当前分组负载已饱和"), Capacity, {}),
    ("saturated, rewritten to 4", 429, relayed("当前分组负载已饱和，请稍后再试 "), Capacity, {}),
    ("30 with 200", 200, coded(30, "later"), Capacity, {}),
    ("no account", 200, coded(3, "无可用的账号实例"), Capacity, {}),
    ("account unavailable", 200, coded(3, "账号不可用: 1234"), Capacity, {}),
    ("concurrency limit", 200, coded(4, "并发数已达上限"), Capacity, {}),
    ("queue limit", 200, {"code": 0, "success": False, "message": "队列数已达上限"}, Capacity, {}),
    ("banned prompt", 200, coded(24, "可能包含敏感词"), Refused, {"kind": "moderation", "code": 24}),
    ("parent missing", 404, coded(3, "关联任务不存在或已失效"), NotYet, {}),
    ("parent not ended", 200, coded(4, "关联任务状态错误"), NotYet, {}),
    ("parent not ended, relayed", 400, relayed("task_status_not_success "), NotYet, {}),
    ("parent unknown, relayed", 400, relayed("task_not_found "), NotYet, {}),
    ("fetch's spelling", 400, relayed("task_no_found "), NotYet, {}),
    ("not found, otherwise", 200, coded(3, "模型不存在"), Refused, {"code": 3}),
    ("blank prompt", 200, coded(4, "prompt不能为空"), Refused, {"code": 4, "reason": "prompt不能为空"}),
    ("banned, relayed as 4", 400, relayed("banned prompt detected "), Refused, {"kind": "moderation", "code": 4}),
    ("daily limit", 200, coded(4, "用户今日绘图次数已达上限"), Refused, {"kind": "quota", "code": 4}),
    ("unknown action, relayed", 400, relayed("unknown_action:MJ::JOB::x "), Refused, {"code": 4}),
    ("the next hop did not answer", 400, relayed("do_request_failed ", 5), Unknown, {}),
    ("the next hop was not understood", 400, relayed("unmarshal_response_body_failed ", 5), Unknown, {}),
    ("system error", 200, coded(9, "提交失败，系统异常"), Refused, {"code": 9, "kind": "gateway"}),
    ("filter of trueai", 200, {"code": 0, "success": False, "message": "参数错误"}, Refused, {"reason": "参数错误"}),
    ("foreign code beside a result", 200, coded(200, "ok", ID), Unknown, {}),
    ("foreign code of a server error", 200, {"code": 500, "message": "timeout"}, Unknown, {}),
    ("JSON of a proxy's time-out", 504, {"code": 504, "message": "upstream timed out"}, Unknown, {}),
    ("JSON of a proxy's fault", 500, {"code": 0, "message": "oops"}, Unknown, {}),
    ("JSON of a refused key", 401, {"code": 401, "message": "bad token"}, Refused, {"kind": "gateway"}),
    ("key refused, empty", 401, b"", Refused, {"kind": "gateway"}),
    ("key refused, text", 401, b"Authorization header missing.", Refused, {"kind": "gateway"}),
    ("account disabled", 403, "账号不可用".encode(), Capacity, {}),
    ("forbidden", 403, b"", Refused, {"kind": "gateway"}),
    ("key refused, OpenAI's shape", 401, openai("无效的令牌 (request id: 1)"), Refused, {"kind": "gateway"}),
    ("payment", 402, openai("余额不足"), Refused, {"kind": "quota"}),
    ("quota, OpenAI's shape", 403, openai("用户额度不足", code="insufficient_user_quota"), Refused, {}),
    ("bad request, OpenAI's shape", 400, openai("Invalid request"), Refused, {}),
    ("no channel", 503, openai("当前分组 default 下对于模型 mj_imagine 无可用渠道"), Capacity, {}),
    ("no channel, other words", 503, openai("model is not served"), Capacity, {}),
    ("panic", 500, openai("Panic detected, error: x", "new_api_panic"), Unknown, {}),
    ("not found", 404, b"<html>404 Not Found</html>", Refused, {}),
    ("wrong method", 405, b"", Refused, {}),
    ("time-out", 408, b"", Unknown, {}),
    ("too large", 413, b"<html>413 Request Entity Too Large</html>", Refused, {}),
    ("rate limit", 429, b"", Capacity, {}),
    ("rate limit, text", 429, b"Too Many Requests", Capacity, {}),
    ("server error", 500, b"", Unknown, {}),
    ("bad gateway", 502, b"<html>502 Bad Gateway</html>", Unknown, {}),
    ("unavailable", 503, b"Service Unavailable", Unknown, {}),
    ("gateway time-out", 504, b"", Unknown, {}),
    ("redirect", 302, b"", Refused, {"kind": "gateway"}),
    ("redirect for good", 308, b"", Refused, {"kind": "gateway"}),
    ("empty", 200, b"", Unknown, {}),
    ("text", 200, b"ok", Unknown, {}),
    ("page", 200, b"<!doctype html><html>", Unknown, {}),
    ("null", 200, b"null", Unknown, {}),
    ("a list", 200, b"[]", Unknown, {}),
    ("an empty object", 200, b"{}", Unknown, {}),
    ("no UTF-8", 200, b"\xff\xfe{", Unknown, {}),
]  # fmt: skip


def read(status: int, body: Any) -> Outcome:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_outcome(status, parse_envelope(raw))


@pytest.mark.parametrize(("status", "body", "kind", "holds"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_an_answer_is_understood(status: int, body: Any, kind: type, holds: dict[str, Any]) -> None:
    outcome = read(status, body)
    assert type(outcome) is kind
    assert {name: getattr(outcome, name) for name in holds} == holds


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_wordless_refusal_names_its_status(status: int) -> None:
    outcome = read(status, b"")
    assert isinstance(outcome, Refused | Unknown)
    assert f"HTTP {status}" in outcome.reason


@given(
    status=st.integers(100, 599),
    body=st.dictionaries(
        st.sampled_from(["code", "description", "result", "properties", "error", "type"]),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.text()
            | st.sampled_from(["1", 1, 21, 22, 23, 4, "队列已满"]),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
            max_leaves=4,
        ),
    ),
)
def test_no_answer_is_accepted_without_a_code_that_says_so(status: int, body: dict[str, Any]) -> None:
    outcome = read(status, body)
    if isinstance(outcome, Accepted | Existed | Modal):
        assert str(body["code"]).strip() in ("1", "21", "22", "1.0")
        assert outcome.gateway_id.strip()


@pytest.mark.parametrize("status", [500, 502, 504])
def test_an_error_that_quotes_words_about_room_is_doubt_and_no_reason_to_send_again(status: int) -> None:
    for body in (b'{"error":"timeout","request":{"prompt":"queue full of people"}}', "无可用渠道".encode()):
        assert isinstance(read_outcome(status, parse_envelope(body)), Unknown)
