"""Telling somebody: the right way for each URL, real HTTP where it is ours, and nothing secret in what went wrong."""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hooks.clients import target_client
from hooks.messages import Failure, Message
from hooks.notices import Herald, find_address_mistake
from hooks.targets import AllowList, parse_allow_list

pytestmark = pytest.mark.fault

LOOPBACK = parse_allow_list("127.0.0.0/8")
CAT = Message(
    title="Done", text="一只猫 @everyone", data={"rule": "cats", "event": "task.succeeded", "task": {"id": "8"}}
)
LINK = Message(title="", text="[bank](http://evil.example)")
Serve = Callable[..., Any]
Run = Callable[..., Any]


def answer(body: bytes = b"ok", *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


class Ear:
    """A server that hears whole requests with a body, and gives the same answer to each."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.heads: list[bytes] = []
        self.bodies: list[Any] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        self.heads.append(head)
        self.bodies.append(json.loads(await reader.readexactly(length)))
        writer.write(self.answer)
        await writer.drain()


@pytest.fixture
def tell(serve: Serve, run: Run) -> Callable[..., Failure | None]:
    """Tells a plain webhook; what goes wrong must keep the URL's path and query to itself."""

    async def scenario(heard: Any, message: Message, deadline: float, allowed: AllowList) -> Failure | None:
        async with serve(heard) as server, target_client(allowed) as client:
            url = f"http://127.0.0.1:{server.port}/hook/sk-Geheim?key=Geheim"
            return await Herald(client, deadline=deadline).send(url, message)

    def tell_one(
        heard: Any, message: Message = CAT, *, deadline: float = 10.0, allowed: AllowList = LOOPBACK
    ) -> Failure | None:
        failure = run(scenario(heard, message, deadline, allowed))
        assert failure is None or "Geheim" not in failure.detail
        return failure

    return tell_one


def test_a_plain_webhook_is_sent_json(tell: Any) -> None:
    ear = Ear(answer())
    assert tell(ear) is None
    assert ear.heads[0].startswith(b"POST /hook/sk-Geheim?key=Geheim HTTP/1.1\r\n")
    assert b"content-type: application/json\r\n" in ear.heads[0].lower()
    assert ear.bodies == [
        {
            "title": "Done",
            "text": "一只猫 @\u200beveryone",
            "rule": "cats",
            "event": "task.succeeded",
            "task": {"id": "8"},
        }
    ]


def test_a_link_stays_as_it_is_in_json(tell: Any) -> None:
    ear = Ear(answer())
    assert tell(ear, LINK) is None
    assert ear.bodies[0]["text"] == LINK.text


@pytest.mark.parametrize("status", ["201 Created", "202 Accepted", "204 No Content"])
def test_any_success_is_one(status: str, tell: Any) -> None:
    assert tell(Ear(answer(b"", status=status))) is None


@pytest.mark.parametrize(
    ("heard", "says", "final"),
    [
        (answer(status="404 Geheim"), "127.0.0.1 answers HTTP 404 Not Found", True),
        (answer(status="401 Unauthorized"), "127.0.0.1 answers HTTP 401 Unauthorized", True),
        (answer(status="408 X"), "127.0.0.1 answers HTTP 408 Request Timeout", False),
        (answer(status="425 X"), "127.0.0.1 answers HTTP 425 Too Early", False),
        (answer(status="429 X"), "127.0.0.1 answers HTTP 429 Too Many Requests", False),
        (answer(status="503 X"), "127.0.0.1 answers HTTP 503 Service Unavailable", False),
        (
            answer(b"", "Location: https://elsewhere.example/Geheim", status="302 Found"),
            "127.0.0.1 sends us on to another address (HTTP 302); give that one",
            True,
        ),
    ],
)
def test_a_refusal_says_whether_to_try_again(heard: bytes, says: str, final: bool, tell: Any) -> None:
    assert tell(Ear(heard)) == Failure(detail=says, final=final)


@pytest.mark.parametrize("heard", [b"", b"SSH-2.0-OpenSSH_9.2p1\r\n"])
def test_a_server_that_speaks_no_http_may_do_so_later(heard: bytes, tell: Any) -> None:
    assert tell(heard) == Failure(detail="127.0.0.1 broke off, or does not speak HTTP", final=False)


def test_a_server_that_dawdles_is_left_after_the_deadline(tell: Any) -> None:
    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    assert tell(dawdle, deadline=0.2) == Failure(detail="127.0.0.1 did not answer in time", final=False)


def test_a_forbidden_address_is_not_called(tell: Any) -> None:
    ear = Ear(answer())
    failure = tell(ear, allowed=AllowList())
    assert failure is not None
    assert "RINGBACK_ALLOW_TARGETS=127.0.0.1" in failure.detail
    assert ear.heads == []


def test_an_answer_without_an_end_is_not_read(tell: Any) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    assert tell(flood) is None


@pytest.mark.parametrize(
    ("said", "detail"),
    [({"code": 0, "msg": "success"}, None), ({"code": 19024, "msg": "Key Words Not Found"}, "code 19024")],
)
def test_a_bot_is_told_in_its_own_way(said: dict[str, Any], detail: str | None, run: Run) -> None:
    heard: list[httpx.Request] = []

    def feishu(request: httpx.Request) -> httpx.Response:  # the edge of the world: its host cannot be on the loopback
        heard.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(said).encode()))

    async def scenario() -> Failure | None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(feishu)) as client:
            herald = Herald(client)
            await herald.send("https://open.feishu.cn/open-apis/bot/v2/hook/t0ken", LINK)
            return await herald.send("https://open.feishu.cn/open-apis/bot/v2/hook/t0ken", CAT)

    failure = run(scenario())
    assert json.loads(heard.pop(0).content)["content"]["text"].strip() == "[bank]\u200b(http://evil.example)"
    assert str(heard[0].url) == "https://open.feishu.cn/open-apis/bot/v2/hook/t0ken"
    assert json.loads(heard[0].content) == {"msg_type": "text", "content": {"text": "Done\n一只猫 @\u200beveryone"}}
    assert failure is None if detail is None else detail in failure.detail


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook",
        "http://n8n:5678/webhook/1",
        "feishu://0a9db2b6",
        "json://127.0.0.1/x",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "mailto://user:pass@gmail.com",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "HTTPS://example.com",
    ],
)
def test_an_address_that_can_be_told_has_no_mistake(url: str) -> None:
    assert find_address_mistake(url) is None


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "expected a URL"),
        ("#general", "expected a URL"),
        ("https://", "begins with https://"),
        ("https://user:Geheim@example.com/", "a user name or a password"),
        ("https://[::1/Geheim", "not a URL that can be called"),
        ("slack://Geheim", "nobody can be told at this slack:// URL"),
        ("slck://T1JJ3T3L2/A1BRTD4JD/Geheim", "nobody can be told at this slck:// URL"),
        ("file:///etc/Geheim", "nobody can be told at this file:// URL"),
    ],
)
def test_an_address_that_nobody_has_is_a_mistake(url: str, says: str) -> None:
    mistake = find_address_mistake(url)
    assert mistake is not None
    assert says in mistake
    assert "Geheim" not in mistake


SCHEMES = [
    "",
    "https://",
    "slack://",
    "mailto://",
    "tgram://",
    "feishu://",
    "dingtalk://",
    "discord://",
    "json://",
    "x://",
]


@given(st.sampled_from(SCHEMES), st.text())
@example("https://", "[")
@example("mailto://", "a@[b")
@example("dingtalk://", "\ud800@\ud800")
def test_whatever_is_written_as_an_address_is_read(scheme: str, rest: str) -> None:
    mistake = find_address_mistake(scheme + rest)
    assert mistake is None or len(mistake) < 200


def test_without_apprise_a_mistake_says_what_to_install(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    mistake = "install ringback[notify] to tell slack://"
    assert find_address_mistake("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ") == mistake
    assert find_address_mistake("https://example.com/hook") is None
    assert find_address_mistake("wecombot://693a91f6") is None

    async def scenario() -> Failure | None:
        async with target_client(LOOPBACK) as client:
            return await Herald(client).send("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", CAT)

    assert run(scenario()) == Failure(detail=mistake, final=True)


def test_without_apprise_plain_webhooks_are_told_all_the_same(monkeypatch: pytest.MonkeyPatch, tell: Any) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert tell(Ear(answer())) is None
