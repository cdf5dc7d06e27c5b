"""What apprise makes of our messages, for each service that people here use; only the outermost call is replaced."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import requests

from hooks.messages import Failure, Message
from hooks.messengers import Messengers, find_messenger
from hooks.notices import Herald

pytestmark = pytest.mark.journey  # apprise is a large import

SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
DISCORD = "https://discord.com/api/webhooks/417421629812345678/JHMHI8qBe7bk2ZwO5U711o3dV-js"
TELEGRAM = "tgram://123456789:abcdefg_hijklmnop/12315544/"
CAT = Message(title="Done", text="一只猫 <b>&{x} @everyone <!channel> 👩‍👩‍👧")
Run = Callable[..., Any]


class World:
    """Everything that apprise's `requests` reaches."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = {"ok": True, "result": {"message_id": 1}}
        self.heard: list[requests.PreparedRequest] = []
        self.redirects_followed: list[bool] = []
        self.held = threading.Event()
        self.held.set()

    def send(self, _session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.heard.append(request)
        self.redirects_followed.append(options.get("allow_redirects", False))
        self.held.wait(10)
        response = requests.Response()
        response.status_code = self.status
        slack = self.status == 200 and urlsplit(str(request.url)).hostname == "hooks.slack.com"
        response._content = b"ok" if slack else json.dumps(self.body).encode()
        response.request = request
        response.url = str(request.url)
        return response

    def payload(self) -> Any:
        body = self.heard[-1].body
        assert body is not None
        return json.loads(body)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World()

    def send(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        return world.send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", send)
    yield world
    world.held.set()


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the log says at its most talkative, as `service.logs` sets it up: one handler, at the root."""
    written, root = StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(written), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def tell(run: Run, log: StringIO, capfd: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Tells by our own door; no secret may come up in the log or in a failure."""
    failures: list[Failure] = []

    async def scenario(url: str, message: Message, deadline: float) -> Failure | None:
        async with httpx.AsyncClient() as client:
            return await Herald(client, deadline=deadline).send(url, message)

    def tell_one(url: str, message: Message = CAT, deadline: float = 10.0) -> Failure | None:
        failure = run(scenario(url, message, deadline))
        failures.extend(filter(None, [failure]))
        return failure

    yield tell_one
    said = log.getvalue() + "".join(failure.detail for failure in failures) + "".join(capfd.readouterr())
    for secret in ("TIiajkdnlazkcOXrIdevi7FQ", "JHMHI8qBe7bk2ZwO5U711o3dV", "abcdefg_hijklmnop", "pass-Geheim"):
        assert secret not in said


def test_slack_is_told_by_the_url_that_it_shows(world: World, tell: Any) -> None:
    assert tell(SLACK) is None
    (request,) = world.heard
    assert request.url == SLACK
    (attachment,) = world.payload()["attachments"]
    assert attachment["title"] == "Done"
    assert attachment["text"] == "一只猫 &lt;b&gt;&amp;{x} @\u200beveryone &lt;\u200b!channel&gt; 👩‍👩‍👧"


def test_discord_is_told_by_the_url_that_it_shows(world: World, tell: Any) -> None:
    assert tell(DISCORD) is None
    (request,) = world.heard
    assert urlsplit(str(request.url))[:3] == urlsplit(DISCORD)[:3]
    payload = world.payload()
    assert payload["content"] == "Done\r\n一只猫 <b>&{x} @\u200beveryone <\u200b!channel> 👩‍👩‍👧"
    assert "avatar_url" not in payload, "nobody else's pictures"
    assert "apprise" not in str(payload).lower()


def test_telegram_is_told(world: World, tell: Any) -> None:
    assert tell(TELEGRAM) is None
    (request,) = world.heard
    assert request.url == "https://api.telegram.org/bot123456789:abcdefg_hijklmnop/sendMessage"
    payload = world.payload()
    assert payload["chat_id"] == 12315544
    assert "一只猫 &lt;b&gt;&amp;{x} @\u200beveryone" in payload["text"]
    assert "Done" in payload["text"]


@pytest.mark.parametrize(("url", "longest"), [(DISCORD, 2000), (TELEGRAM, 4096)])
def test_a_long_text_is_cut_to_what_the_service_takes(url: str, longest: int, world: World, tell: Any) -> None:
    assert tell(url, Message(title="t", text="猫" * 10_000)) is None
    assert len(world.heard) == 1, "one message, not ten"
    payload = world.payload()
    text = payload.get("content") or payload["text"]
    assert longest // 2 < len(text) <= longest


def test_redirects_are_not_followed(world: World, tell: Any) -> None:
    tell(SLACK)
    assert world.redirects_followed == [False]


@pytest.mark.parametrize(
    ("status", "final"), [(404, True), (403, True), (400, True), (429, False), (408, False), (500, False), (503, False)]
)
@pytest.mark.parametrize(("url", "service"), [(SLACK, "Slack"), (DISCORD, "Discord"), (TELEGRAM, "Telegram")])
def test_a_refusal_says_whether_to_try_again(
    url: str, service: str, status: int, final: bool, world: World, tell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # Discord is asked again after a 429
    world.status, world.body = status, {"ok": False, "error_code": status, "description": f"no {TELEGRAM}"}
    assert tell(url) == Failure(detail=f"{service} answers {status}", final=final)


def test_a_service_that_cannot_be_reached_may_be_later(
    world: World, tell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise requests.ConnectionError(f"HTTPSConnectionPool: {SLACK}")

    monkeypatch.setattr(world, "send", refuse)
    assert tell(SLACK) == Failure(detail="Slack could not be reached, or did not take it", final=False)


def test_a_mistake_of_a_plugin_is_a_failure(world: World, tell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def blunder(*_: Any, **__: Any) -> None:
        raise KeyError(SLACK)

    monkeypatch.setattr(world, "send", blunder)
    failure = tell(SLACK)
    assert failure is not None
    assert not failure.final


def test_a_service_that_hangs_is_left_after_the_deadline_and_keeps_its_place(world: World, run: Run) -> None:
    world.held.clear()

    async def scenario() -> None:
        messengers = Messengers(threads=1)
        slack = find_messenger(SLACK)
        late = await messengers.send(slack, CAT, deadline=0.1)
        assert late == Failure(detail="Slack did not take it in time", final=False)
        full = await messengers.send(slack, CAT, deadline=5.0)
        assert full == Failure(detail="too many other messages are being sent", final=False)
        world.held.set()
        async with asyncio.timeout(10):
            again = full
            while again == full:  # its thread is about to end
                again = await messengers.send(slack, CAT, deadline=5.0)
        assert again is None

    run(scenario())


class PostOffice:
    """A mail server on the loopback interface that takes every letter."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.port = 0

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(b"250-here\r\n250-AUTH PLAIN LOGIN\r\n250 SMTPUTF8\r\n")
            elif verb == b"AUTH":
                writer.write(b"235 welcome\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                letter = await reader.readuntil(b"\r\n.\r\n")
                parsed = message_from_bytes(letter[:-5], policy=policy.default)
                assert isinstance(parsed, EmailMessage)
                self.letters.append(parsed)
                writer.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
            await writer.drain()
        writer.close()


def test_a_letter_is_sent(run: Run, log: StringIO) -> None:
    office = PostOffice()

    async def scenario() -> Failure | None:
        server = await asyncio.start_server(office.converse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"mailto://me:pass-Geheim@example.com:{port}?smtp=127.0.0.1&mode=insecure&to=you@example.com"
        async with httpx.AsyncClient() as client:
            failure = await Herald(client).send(url, Message(title="Fertig\r\nBcc: all@example.com", text="一只猫 <b>"))
        server.close()
        return failure

    assert run(scenario()) is None
    (letter,) = office.letters
    assert letter["Subject"] == "Fertig Bcc: all@example.com"
    assert letter["Bcc"] is None
    body = letter.get_body(("plain", "html"))
    assert body is not None
    assert "一只猫" in body.get_content()
    assert "pass-Geheim" not in log.getvalue()
