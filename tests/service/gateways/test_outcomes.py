"""Every answer that section 2 of the protocol knows, and the ones that no gateway should give."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.blanker import Blanker
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
LONG = "8774786694361674001"  # no float holds it
NAMED = {"gateway_id": ID}
REMIX = {"properties": {"remix": True}}
DONE = {"properties": {"status": "SUCCESS", "imageUrl": "u"}}
BANNED = {"kind": "moderation", "code": 24}
A_PAGE = "The gateway answered HTTP 413 with a page of HTML."
ONE_HUB = "one_hub_error"
NO_QUOTA = "用户额度不足"


def coded(code: Any, description: str = "", result: Any = None, **more: Any) -> dict[str, Any]:
    return {"code": code, "description": description, "result": result, **more}


def relayed(description: str, code: int = 4) -> dict[str, Any]:
    """An error as new-api writes it."""
    return {"description": description, "type": "upstream_error", "code": code}


def filtered(message: str, code: int = -1, **more: Any) -> dict[str, Any]:
    """A refusal as trueai-org's error filter writes it."""
    return {"success": False, "code": code, "message": message, "timestamp": "638", **more}


def openai(message: str, kind: str = "new_api_error", code: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": code}}


# Where a row's answer was read: JAVA novicezk's midjourney-proxy, CS trueai-org's, PLUS midjourney-proxy-plus, NEW
# new-api, HUB one-hub; HTTP what proxies and servers in general say; ODD what nobody documents and somebody may send.
CASES: list[tuple[str, str, int, Any, type, dict[str, Any]]] = [
    # source, what, HTTP status, body, outcome, what it holds
    ("JAVA", "accepted", 200, coded(1, "提交成功", ID, properties={"discordInstanceId": "1"}), Accepted, NAMED),
    ("CS", "accepted, English", 200, coded(1, "Submit success", ID), Accepted, NAMED),
    ("NEW", "22 rewritten to 1", 200, coded(1, "排队中，前面还有1个任务", ID), Accepted, NAMED),
    ("CS", "accepted, a list of addresses", 200, coded(1, "", [ID, "2"]), Accepted, NAMED),
    ("docs", "accepted, numeric result", 200, coded(1, "成功", int(ID)), Accepted, NAMED),
    ("ODD", "accepted, beyond 2^53", 200, coded(1, "", int(LONG)), Accepted, {"gateway_id": LONG}),
    ("ODD", "accepted, code as text", 200, coded("1", "Submit success", ID), Accepted, NAMED),
    ("ODD", "accepted, code as float", 200, coded(1.0, "Submit success", ID), Accepted, NAMED),
    ("ODD", "accepted without a task", 200, coded(1, "提交成功"), Unknown, {}),
    ("ODD", "accepted with an endless id", 200, coded(1, "提交成功", "9" * 256), Unknown, {}),
    ("ODD", "accepted with a blank id", 200, coded(1, "提交成功", " "), Unknown, {}),
    ("ODD", "accepted, quoting the prompt", 200, coded(1, "imagine a window, 任务已存在", ID), Accepted, NAMED),
    ("JAVA", "in queue", 200, coded(22, "排队中，前面还有3个任务", ID), Accepted, NAMED),
    ("ODD", "in queue without a task", 200, coded(22, "排队中"), Unknown, {}),
    ("CS", "21, a window, English", 200, coded(21, "Waiting for window confirm", ID, **REMIX), Modal, NAMED),
    ("PLUS", "21, a window, Chinese", 200, coded(21, "窗口等待", ID, **REMIX), Modal, NAMED),
    ("ODD", "21, a window that shows a status", 200, coded(21, "窗口等待", ID, **DONE), Modal, NAMED),
    ("ODD", "21 without words", 200, coded(21, "", ID, properties={"finalPrompt": "x"}), Modal, NAMED),
    ("ODD", "21, quoting the prompt", 200, coded(21, "prompt: the task exists, 任务已存在", ID), Modal, NAMED),
    ("NEW", "21, a window, rewritten to 1", 200, coded(1, "Waiting for window confirm", ID), Modal, NAMED),
    ("NEW", "21, a window, rewritten, Chinese", 200, coded(1, "窗口等待", ID), Modal, NAMED),
    ("ODD", "21, a window without a task", 200, coded(21, "窗口等待"), Unknown, {}),
    ("JAVA", "21, existed", 200, coded(21, "任务已存在", ID, **DONE), Existed, NAMED),
    ("ODD", "21, existed, by its words", 200, coded(21, "任务已存在", ID), Existed, NAMED),
    ("ODD", "21, existed, by its status", 200, coded(21, "", ID, **DONE), Existed, NAMED),
    ("ODD", "21, existed, beside a quoted window", 200, coded(21, "a window", ID, **DONE), Existed, NAMED),
    ("ODD", "21, existed without a task", 200, coded(21, "任务已存在"), Unknown, {}),
    ("JAVA", "23, queue full", 200, coded(23, "队列已满，请稍后尝试"), Capacity, {}),
    ("docs", "23, queue full with an id", 200, coded(23, "队列已满，请稍后尝试", ID), Capacity, {}),
    ("CS", "9, queue full", 200, coded(9, "提交失败，队列已满，请稍后重试"), Capacity, {}),
    ("ODD", "9, queue full, English", 200, coded(9, "Submit failed, the queue is full."), Capacity, {}),
    ("NEW", "30, saturated", 429, coded(30, "当前分组负载已饱和"), Capacity, {}),
    ("NEW", "30, saturated, rewritten to 4", 429, relayed("当前分组负载已饱和，请稍后再试 "), Capacity, {}),
    ("ODD", "30 with 200", 200, coded(30, "later"), Capacity, {}),
    ("JAVA", "3, no account", 200, coded(3, "无可用的账号实例"), Capacity, {}),
    ("CS", "3, no account, English", 200, coded(3, "No available account instance"), Capacity, {}),
    ("JAVA", "3, account unavailable", 200, coded(3, "账号不可用: 1234"), Capacity, {}),
    ("CS", "4, concurrency limit", 200, coded(4, "并发数已达上限"), Capacity, {}),
    ("CS", "queue limit, by the error filter", 200, filtered("队列数已达上限"), Capacity, {}),
    ("CS", "4, daily limit", 200, coded(4, "用户今日绘图次数已达上限"), Refused, {"code": 4, "kind": "quota"}),
    ("JAVA", "24, banned prompt", 200, coded(24, "可能包含敏感词"), Refused, BANNED),
    ("ODD", "24, quoting words about room", 200, coded(24, "队列已满"), Refused, BANNED),
    ("JAVA", "3, parent missing", 200, coded(3, "关联任务不存在或已失效"), NotYet, {}),
    ("CS", "3, parent missing, 404", 404, coded(3, "关联任务不存在或已失效"), NotYet, {}),
    ("JAVA", "3, parent missing, in short", 200, coded(3, "关联任务不存在"), NotYet, {}),
    ("JAVA", "4, parent not ended", 200, coded(4, "关联任务状态错误"), NotYet, {}),
    ("NEW", "4, parent not ended", 400, relayed("task_status_not_success "), NotYet, {}),
    ("NEW", "4, parent unknown", 400, relayed("task_not_found "), NotYet, {}),
    ("NEW", "4, fetch's spelling", 400, relayed("task_no_found "), NotYet, {}),
    ("JAVA", "4, parent of another kind", 200, coded(4, "关联任务不允许执行变化"), Refused, {"code": 4}),
    ("JAVA", "4, blank prompt", 200, coded(4, "prompt不能为空"), Refused, {"code": 4, "reason": "prompt不能为空"}),
    ("CS", "4, no uploads", 200, coded(4, "禁止上传"), Refused, {"code": 4}),
    ("CS", "4, bad picture", 200, coded(4, "base64格式错误"), Refused, {"code": 4}),
    ("CS", "4, long state", 200, coded(4, "State参数过长，最大255字符"), Refused, {"code": 4}),
    ("CS", "4, unknown button", 200, coded(4, "未知的 Action 类型"), Refused, {"code": 4}),
    ("HUB", "4, unknown mode", 400, relayed("无效的加速模式"), Refused, {"code": 4}),
    ("NEW", "4, no index", 400, relayed("index_is_required "), Refused, {"code": 4}),
    ("NEW", "4, channel disabled", 400, relayed("该任务所属渠道已被禁用 "), Refused, {"code": 4}),
    ("NEW", "4, no quota", 400, relayed("quota_not_enough "), Refused, {"code": 4, "kind": "quota"}),
    ("ODD", "3, another thing", 200, coded(3, "模型不存在"), Refused, {"code": 3}),
    ("JAVA", "9, system error", 200, coded(9, "提交失败，系统异常"), Refused, {"code": 9, "kind": "gateway"}),
    ("CS", "9, upload failed", 200, coded(9, "上传图片失败"), Refused, {"code": 9}),
    ("HUB", "4, with a type of its own", 400, relayed("参数错误") | {"type": "internal_error"}, Refused, {"code": 4}),
    ("ODD", "4, quoting a banned queue", 200, coded(4, "可能包含敏感词: queue full"), Refused, {"kind": "moderation"}),
    ("ODD", "4, quoting a full queue", 200, coded(4, "prompt 'queue full, 队列已满' 参数错误"), Refused, {"code": 4}),
    ("ODD", "4, beginning with the prompt", 200, coded(4, "队列已满的人群 包含敏感词"), Refused, {"code": 4}),
    ("ODD", "4, beginning with it, English", 200, coded(4, "queue full of people is banned"), Refused, {"code": 4}),
    ("ODD", "4, quoting a task not found", 200, coded(4, "bad prompt: task_not_found"), Refused, {"code": 4}),
    ("ODD", "9, quoting a window", 200, coded(9, "bad: waiting for window confirm", ID), Refused, {"code": 9}),
    ("ODD", "9, quoting a success", 200, coded(9, "bad prompt: 提交成功", ID), Refused, {"code": 9}),
    ("NEW", "5, the next hop did not answer", 400, relayed("do_request_failed ", 5), Unknown, {}),
    ("NEW", "5, the next hop was not understood", 400, relayed("unmarshal_response_body_failed ", 5), Unknown, {}),
    ("NEW", "5, quoting words about room", 400, relayed("队列已满", 5), Unknown, {}),
    ("CS", "the error filter", 200, filtered("参数错误"), Refused, {"reason": "参数错误"}),
    ("CS", "the error filter with a code of its own", 200, filtered("参数错误", code=7), Refused, {"code": 7}),
    ("CS", "the error filter after a fault", 500, filtered("操作失败"), Unknown, {}),
    ("ODD", "a denial that names a task", 200, filtered("参数错误", result=ID), Unknown, {}),
    ("ODD", "a denial that shows something", 200, filtered("参数错误", data={"id": ID}), Unknown, {}),
    ("ODD", "0 and success", 200, {"code": 0, "success": True, "message": "ok"}, Unknown, {}),
    ("ODD", "0 alone", 200, {"code": 0, "message": "参数错误"}, Unknown, {}),
    ("ODD", "0 and words about room", 200, {"code": 0, "message": "队列已满"}, Unknown, {}),
    ("ODD", "200 and a task", 200, {"code": 200, "msg": "success", "data": {"taskId": ID}}, Unknown, {}),
    ("ODD", "200 and a result", 200, coded(200, "ok", ID), Unknown, {}),
    ("ODD", "200 and a window", 200, {"code": 200, "msg": "Waiting for window confirm"}, Unknown, {}),
    ("ODD", "401 inside a 200", 200, {"code": 401, "message": "bad token"}, Unknown, {}),
    ("ODD", "500 inside a 200", 200, {"code": 500, "message": "timeout"}, Unknown, {}),
    ("ODD", "a refusal beside a server's error", 500, coded(4, "prompt不能为空"), Unknown, {}),
    ("ODD", "queue full beside a server's error", 502, coded(23, "队列已满，请稍后尝试"), Unknown, {}),
    ("ODD", "a ban beside a server's error", 500, coded(24, "可能包含敏感词"), Unknown, {}),
    ("ODD", "accepted beside a server's error", 500, coded(1, "提交成功", ID), Accepted, NAMED),
    ("HTTP", "JSON of a proxy's time-out", 504, {"code": 504, "message": "upstream timed out"}, Unknown, {}),
    ("HTTP", "JSON of a proxy's fault", 500, {"code": 0, "message": "oops"}, Unknown, {}),
    ("HTTP", "a problem document", 503, {"type": "about:blank", "status": 503}, Unknown, {}),
    ("JAVA", "401, empty", 401, b"", Refused, {"kind": "gateway"}),
    ("CS", "401, text", 401, b"Authorization header missing.", Refused, {"kind": "gateway"}),
    ("CS", "401, user disabled", 401, "账号已禁用".encode(), Refused, {"kind": "gateway"}),
    ("CS", "403, user unavailable", 403, "账号不可用".encode(), Refused, {"kind": "gateway"}),
    ("CS", "403, banned address", 403, b"", Refused, {"kind": "gateway"}),
    ("NEW", "401", 401, openai("无效的令牌 (request id: 1)"), Refused, {"kind": "gateway"}),
    ("NEW", "403, no quota", 403, openai(NO_QUOTA), Refused, {"kind": "quota", "reason": NO_QUOTA}),
    ("ODD", "401 with a code", 401, {"code": 401, "message": "bad token"}, Refused, {"kind": "gateway"}),
    ("HTTP", "402", 402, openai("余额不足"), Refused, {"kind": "quota"}),
    ("NEW", "400, unknown action", 400, openai("Invalid request, unknown_action:MJ::BOOKMARK::x"), Refused, {}),
    ("NEW", "503, no channel", 503, openai("当前分组 default 下对于模型 mj_imagine 无可用渠道"), Capacity, {}),
    ("HUB", "503, no channel", 503, openai("model is not served", ONE_HUB), Capacity, {}),
    ("ODD", "503, a model's own error", 503, openai("The server is overloaded", "server_error"), Unknown, {}),
    ("NEW", "503 beside a code", 503, openai("no channel") | {"code": 7}, Unknown, {}),
    ("NEW", "500, panic", 500, openai("Panic detected, error: x", "new_api_panic"), Unknown, {}),
    ("JAVA", "400, Spring's own", 400, {"status": 400, "error": "Bad Request"}, Refused, {"reason": "Bad Request"}),
    ("HTTP", "404, a page", 404, b"<html>404 Not Found</html>", Refused, {"kind": "gateway"}),
    ("HTTP", "405, empty", 405, b"", Refused, {"kind": "gateway"}),
    ("HTTP", "408, empty", 408, b"", Unknown, {}),
    ("HTTP", "499, empty", 499, b"", Unknown, {}),
    ("HTTP", "413, a page", 413, b"<html>413 Too Large</html>", Refused, {"reason": A_PAGE}),
    ("CS", "429, empty", 429, b"", Capacity, {}),
    ("HTTP", "429, text", 429, b"Too Many Requests", Capacity, {}),
    ("ODD", "429 with a foreign code", 429, {"code": 429, "message": "slow down"}, Capacity, {}),
    ("HTTP", "500, empty", 500, b"", Unknown, {}),
    ("HTTP", "502, a page", 502, b"<html>502 Bad Gateway</html>", Unknown, {}),
    ("HTTP", "503, text", 503, b"Service Unavailable", Unknown, {}),
    ("HTTP", "504, empty", 504, b"", Unknown, {}),
    *(("HTTP", f"{each}, a page", each, b"<!DOCTYPE html>queue full", Unknown, {}) for each in range(520, 525)),
    *(("HTTP", f"{each}, about room", each, "无可用渠道".encode(), Unknown, {}) for each in (500, 502, 503, 504)),
    ("HTTP", "500, quoting the request", 500, b'{"error":"x","prompt":"queue full of people"}', Unknown, {}),
    ("HTTP", "301", 301, b"", Refused, {"kind": "gateway"}),
    ("HTTP", "302", 302, b"", Refused, {"kind": "gateway"}),
    ("HTTP", "308", 308, b"", Refused, {"kind": "gateway"}),
    ("HTTP", "303: done, look there", 303, b"", Unknown, {}),
    ("HTTP", "304", 304, b"", Unknown, {}),
    ("HTTP", "202, empty", 202, b"", Unknown, {}),
    ("HTTP", "204, empty", 204, b"", Unknown, {}),
    ("HTTP", "200, empty", 200, b"", Unknown, {}),
    ("HTTP", "200, text", 200, b"ok", Unknown, {}),
    ("HTTP", "200, a login page", 200, b"<!doctype html><html>", Unknown, {}),
    ("ODD", "200, null", 200, b"null", Unknown, {}),
    ("ODD", "200, a list", 200, b"[]", Unknown, {}),
    ("ODD", "200, an empty object", 200, b"{}", Unknown, {}),
    ("ODD", "200, no UTF-8", 200, b"\xff\xfe{", Unknown, {}),
]  # fmt: skip


def read(status: int, body: Any) -> Outcome:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_outcome(status, parse_envelope(raw, Blanker()))


@pytest.mark.parametrize(
    ("status", "body", "kind", "holds"), [pytest.param(*case[2:], id=f"{case[0]}: {case[1]}") for case in CASES]
)
def test_an_answer_is_understood(status: int, body: Any, kind: type, holds: dict[str, Any]) -> None:
    outcome = read(status, body)
    assert type(outcome) is kind
    assert {name: getattr(outcome, name) for name in holds} == holds


# Section 2 of the protocol: who gives which code, and which errors without one, by HTTP status.
DOCUMENTED: dict[str, set[int]] = {
    "JAVA": {1, 3, 4, 9, 21, 22, 23, 24},
    "CS": {1, 3, 4, 9, 21, -1},
    "PLUS": {21},
    "NEW": {1, 4, 5, 30},  # it rewrites 21 and 22
    "HUB": {4},
}
BARE: dict[str, set[int]] = {"JAVA": {400, 401}, "CS": {401, 403, 429}, "NEW": {400, 401, 403, 500, 503}, "HUB": {503}}


def test_every_documented_code_and_error_has_a_row_above() -> None:
    codes, bare = set(), set()
    for source, _, status, body, _, _ in CASES:
        code = body.get("code") if isinstance(body, dict) else None
        (bare if code is None else codes).add((source, status if code is None else code))
    assert {(source, each) for source, known in DOCUMENTED.items() for each in known} <= codes
    assert {(source, each) for source, known in BARE.items() for each in known} <= bare
    # Both meanings of 21, and each of the four "not yet" answers.
    assert {kind for _, _, _, body, kind, _ in CASES if isinstance(body, dict) and body.get("code") == 21} == {
        *(Modal, Existed, Unknown)
    }
    not_yet = {body["description"].strip() for *_, body, kind, _ in CASES if kind is NotYet}
    assert not_yet >= {"task_status_not_success", "task_not_found", "关联任务状态错误", "关联任务不存在"}


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_wordless_refusal_names_its_status(status: int) -> None:
    outcome = read(status, b"")
    assert isinstance(outcome, Refused | Unknown)
    assert f"HTTP {status}" in outcome.reason


CODES = {1, 3, 4, 5, 9, 21, 22, 23, 24, 30}  # the protocol's own
WORDS = ["队列已满", "task_not_found ", "窗口等待", "任务已存在", "提交成功", "账号不可用: x", "<html>"]
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from([*CODES, *map(str, CODES), 0, -1, 200, 429, 500, None, "x", 1.0, True]) | st.integers(),
        "description": st.sampled_from(WORDS) | st.text(),
        "message": st.sampled_from(WORDS) | st.text(),
        "result": st.none() | st.sampled_from([ID, "", [ID], [], {}, 17]),
        "data": st.none() | st.sampled_from([{"id": ID}, [], "x"]),
        "success": st.booleans() | st.none(),
        "properties": st.none() | st.dictionaries(st.sampled_from(["status", "remix"]), st.text(max_size=3)),
        "type": st.sampled_from(["upstream_error", "about:blank", "new_api_error"]),
        "error": st.none() | st.text() | st.fixed_dictionaries({"message": st.text(), "type": st.text()}),
    },
)


@given(status=st.integers(100, 599), raw=st.binary(max_size=40) | ANSWERS)
def test_every_answer_is_understood_somehow(status: int, raw: Any) -> None:
    outcome = read(status, raw)
    assert isinstance(outcome, Outcome)
    if isinstance(outcome, Accepted | Existed | Modal):
        assert outcome.gateway_id.strip()
    else:
        assert outcome.reason


@given(status=st.integers(100, 599), body=ANSWERS)
def test_no_answer_is_accepted_without_a_code_that_says_so(status: int, body: dict[str, Any]) -> None:
    if isinstance(read(status, body), Accepted | Existed | Modal):
        assert str(body["code"]).strip() in ("1", "21", "22", "1.0")


@given(status=st.integers(500, 599), body=ANSWERS)
def test_a_servers_error_is_never_a_reason_to_send_again_or_to_give_up(status: int, body: dict[str, Any]) -> None:
    if isinstance(read(status, body), Refused | Capacity | NotYet):
        # But for a relay's own front that has no channel, and so has asked nobody.
        kind = body.get("type") or body["error"]["type"]
        assert status == 503 and kind.endswith(("_api_error", "_hub_error"))


@given(status=st.integers(100, 399), body=ANSWERS)
def test_a_foreign_answer_is_doubt_unless_it_denies(status: int, body: dict[str, Any]) -> None:
    if parse_envelope(json.dumps(body).encode(), Blanker()).code in CODES or body.get("success") is False:
        return
    outcome = read(status, body)
    assert isinstance(outcome, Unknown) or (isinstance(outcome, Refused) and status in (301, 302, 307, 308))
