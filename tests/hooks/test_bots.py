"""Feishu, Lark, DingTalk and WeCom: each is sent what it takes, and its refusals are seen though it answers 200."""

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hooks.bots import Bot, find_bot
from hooks.messages import Message

FEISHU = "https://open.feishu.cn/open-apis/bot/v2/hook/0a9db2b6-7b8b"
LARK = "https://open.larksuite.com/open-apis/bot/v2/hook/0a9db2b6-7b8b"
DINGTALK = "https://oapi.dingtalk.com/robot/send?access_token=Tok3n"
WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7xxx"
CAT = Message(title="完成", text="一只猫")
NOW = 1_800_000_000.5


def bot(url: str) -> Bot:
    found = find_bot(url)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("url", "service", "body"),
    [
        (FEISHU, "Feishu", {"msg_type": "text", "content": {"text": "完成\n一只猫"}}),
        (LARK, "Lark", {"msg_type": "text", "content": {"text": "完成\n一只猫"}}),
        (DINGTALK, "DingTalk", {"msgtype": "text", "text": {"content": "完成\n一只猫"}}),
        (WECOM, "WeCom", {"msgtype": "text", "text": {"content": "完成\n一只猫"}}),
    ],
)
def test_each_service_is_sent_what_it_takes(url: str, service: str, body: Any) -> None:
    assert bot(url).service == service
    assert bot(url).write(CAT, NOW) == (url, body)


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("feishu://0a9db2b6-7b8b", FEISHU),
        ("lark://0a9db2b6-7b8b/", LARK),
        ("dingtalk://Tok3n/", DINGTALK),
        ("wecombot://693a91f6-7xxx", WECOM),
        ("dingtalk://SEC1@Tok3n/", f"{DINGTALK}&secret=SEC1"),
    ],
)
def test_a_url_as_apprise_writes_it_is_the_same_bot(url: str, same: str) -> None:
    assert bot(url) == bot(same)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/robot/send",
        "http://oapi.dingtalk.com/robot/send",
        "feishu://",
        "slack://x",
        "x",
        "https://[",
        "https://open.feishu.cn/open-apis/im/v1/messages",
        "https://open.feishu.cn.example.com/open-apis/bot/v2/hook/1",
    ],
)
def test_another_url_is_no_bot(url: str) -> None:
    assert find_bot(url) is None


def test_dingtalk_is_signed_in_the_query() -> None:
    url, body = bot(f"{DINGTALK}&secret=SECcafe").write(CAT, NOW)
    query = parse_qs(urlsplit(url).query)
    expected = hmac.digest(b"SECcafe", b"1800000000500\nSECcafe", hashlib.sha256)
    assert query == {
        "access_token": ["Tok3n"],
        "timestamp": ["1800000000500"],
        "sign": [base64.b64encode(expected).decode()],
    }
    assert "SECcafe" not in url + str(body)


def test_feishu_is_signed_in_the_body() -> None:
    url, body = bot(f"{FEISHU}?secret=cafe").write(CAT, NOW)
    assert url == FEISHU
    assert body["timestamp"] == "1800000000"
    assert body["sign"] == base64.b64encode(hmac.digest(b"1800000000\ncafe", b"", hashlib.sha256)).decode()


def test_a_text_fits_into_what_the_service_takes() -> None:
    for url, longest in ((WECOM, 2048), (FEISHU, 18_000), (DINGTALK, 18_000)):
        _, body = bot(url).write(Message(title="", text="猫" * 10_000), NOW)
        text = (body.get("content") or {}).get("text") or body["text"]["content"]
        assert longest - 4 < len(text.encode()) <= longest
        assert text.endswith("猫…")


@pytest.mark.parametrize("url", [FEISHU, DINGTALK, WECOM])
@pytest.mark.parametrize("answer", [b'{"code":0,"msg":"success"}', b'{"StatusCode":0}', b'{"errcode":0,"errmsg":"ok"}'])
def test_what_was_taken_is_no_failure(url: str, answer: bytes) -> None:
    assert bot(url).read(answer) is None


@pytest.mark.parametrize(
    ("answer", "says", "final"),
    [
        (b'{"code":19021,"msg":"sign match fail"}', "DingTalk does not take it: code 19021 sign match fail", True),
        (b'{"errcode":310000,"errmsg":"keywords not in content"}', "code 310000 keywords not in content", True),
        (b'{"errcode":130101,"errmsg":"send too fast"}', "code 130101 send too fast", False),
        (b'{"errcode":45009,"errmsg":"api freq"}', "code 45009 api freq", False),
        (b'{"errcode":-1}', "code -1", False),
        (b"<html>", "DingTalk answers something that is not its own", False),
        (b"[]", "DingTalk answers something that is not its own", False),
        (b"{}", "DingTalk does not take it: code None", True),
    ],
)
def test_a_refusal_is_seen_though_it_is_answered_with_200(answer: bytes, says: str, final: bool) -> None:
    failure = bot(DINGTALK).read(answer)
    assert failure is not None
    assert says in failure.detail
    assert failure.final is final


def test_a_refusal_does_not_show_the_token() -> None:
    failure = bot(f"{DINGTALK}Geheim&secret=SECGeheim").read(b'{"errcode":1,"errmsg":"Tok3nGeheim and SECGeheim"}')
    assert failure is not None
    assert "Geheim" not in failure.detail + repr(bot(f"{DINGTALK}Geheim&secret=SECGeheim"))
