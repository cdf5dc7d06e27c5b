"""One POST to a subscriber: whatever the other side does is a value, in words that keep its secrets."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hooks.clients import target_client
from hooks.sender import LATEST, LONGEST_KEPT, LONGEST_READ, Answer, judge_status, read_retry_after, send
from hooks.targets import AllowList, parse_allow_list
from tests.sink import VICES, Sink

pytestmark = pytest.mark.fault

LOOPBACK = parse_allow_list("127.0.0.0/8")
HEADERS = {"Content-Type": "application/json", "webhook-id": "evt_1", "User-Agent": "Ringback"}
BODY = '{"type":"task.succeeded","data":{"task_id":"8000000000000001","prompt":"一只猫"}}'.encode()
NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT
Run = Callable[..., Any]
Serve = Callable[..., Any]


@pytest.fixture
def post(run: Run) -> Callable[..., Answer]:
    """Sends one letter to a sink with this vice; no detail may quote the URL beyond its host."""

    async def scenario(vice: str, deadline: float) -> Answer:
        async with Sink() as sink, target_client(LOOPBACK) as client:
            url = f"{sink.url}/{vice}?token=Geheim"
            answer = await send(client, url, HEADERS, BODY, deadline=deadline)
            assert len(sink.books.entries["evt_1"].attempts) == 1
            assert sink.books.entries["evt_1"].body == BODY
            return answer

    def post_one(vice: str = "", deadline: float = 10.0) -> Answer:
        answer: Answer = run(scenario(vice, deadline))
        assert "Geheim" not in str(answer.detail)
        assert "127.0.0.1" in str(answer.detail) or answer.error is None
        assert (answer.error is None) == (answer.detail is None)
        return answer

    return post_one


def test_a_letter_arrives_as_it_was_written(run: Run) -> None:
    async def scenario() -> None:
        async with Sink() as sink, target_client(LOOPBACK) as client:
            answer = await send(client, sink.url, HEADERS, BODY)
            assert (answer.status, answer.error, answer.answer) == (204, None, b"")
            entry = sink.books.entries["evt_1"]
            assert (entry.body, entry.task, entry.taken) == (BODY, "8000000000000001", 1)
            assert {name.lower(): value for name, value in HEADERS.items()}.items() <= entry.attempts[0].headers.items()

    run(scenario())


@pytest.mark.parametrize(
    ("vice", "status", "error", "said", "wait"),
    [
        ("fail", 500, "status", b"something broke", None),
        ("redirect", 302, "redirect", b"", None),
        ("gone", 410, "gone", b"unsubscribed", None),
        ("throttle", 429, "slow_down", b"slowly", 1.0),
        ("close", None, "broken", b"", None),
        ("reset", None, "broken", b"", None),
        ("garbage", None, "broken", b"", None),
    ],
)
def test_each_vice_has_its_class(vice: str, status: int, error: str, said: bytes, wait: float, post: Any) -> None:
    answer = post(f"vice/{vice}")
    assert (answer.status, answer.error, answer.answer, answer.retry_after) == (status, error, said, wait)


@pytest.mark.parametrize("vice", ["hang", "drip"])
def test_who_does_not_answer_is_left_after_the_deadline(vice: str, post: Any) -> None:
    answer = post(f"vice/{vice}", deadline=0.2)
    assert (answer.status, answer.error) == (None, "timeout")
    assert answer.detail == "127.0.0.1 did not answer within 0.2 s"
    assert 200 <= answer.took < 5000


def test_a_pause_may_be_asked_for_until_a_date(post: Any) -> None:
    answer = post("vice/pause")
    assert (answer.status, answer.error) == (503, "slow_down")
    assert 100 < answer.retry_after <= 120


@pytest.mark.parametrize("vice", ["bomb", "endless"])
def test_an_answer_is_neither_unpacked_nor_read_without_end(vice: str, post: Any) -> None:
    answer = post(f"vice/{vice}")
    assert (answer.status, answer.error, len(answer.answer)) == (200, None, LONGEST_KEPT)
    assert (answer.answer[:2] == b"\x1f\x8b") is (vice == "bomb")


def test_a_status_decides_though_the_rest_never_comes(serve: Serve, run: Run) -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(BODY)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
        await reader.read()

    async def breakdown(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(BODY)
        writer.write(b"HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\nok")

    async def scenario() -> None:
        for talk, status, error in ((stall, 200, None), (breakdown, 500, "status")):
            async with serve(talk) as server, target_client(LOOPBACK) as client:
                answer = await send(client, f"http://127.0.0.1:{server.port}/", {}, BODY, deadline=0.5)
            assert (answer.status, answer.error, answer.answer) == (status, error, b"ok")

    run(scenario())


def test_no_more_of_an_answer_is_read_than_is_worth_it(serve: Serve, run: Run) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(BODY)
        writer.write(b"HTTP/1.1 500 X\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            sent += 65536
            await writer.drain()

    async def scenario() -> None:
        async with serve(flood) as server, target_client(LOOPBACK) as client:
            answer = await send(client, f"http://127.0.0.1:{server.port}/", {}, BODY)
        assert len(answer.answer) == LONGEST_KEPT < LONGEST_READ

    run(scenario())
    assert sent < 100 * LONGEST_READ  # what fits between two sockets


def test_who_cannot_be_reached_is_told_apart(serve: Serve, run: Run) -> None:
    async def nobody(host: str, port: int | None) -> list[str]:
        return []

    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def scenario() -> None:
        async with serve(b"") as server:
            closed = server.port
        async with serve(shout) as server, target_client(LOOPBACK, resolve=nobody) as client:
            told = [
                await send(client, url, {}, b"{}")
                for url in (
                    f"http://127.0.0.1:{closed}/Geheim",
                    "http://shop.example/Geheim",
                    f"https://127.0.0.1:{server.port}/Geheim",
                    "http://10.0.0.1/Geheim",
                    "Geheim",
                    "http://[Geheim",
                )
            ]
        assert [(answer.error, answer.detail) for answer in told] == [
            ("unreachable", "127.0.0.1 could not be reached: Connection refused"),
            ("unreachable", "shop.example could not be reached: no address was found for that name"),
            ("tls", "127.0.0.1 could not be reached: TLS: wrong version number"),
            (
                "forbidden",
                "10.0.0.1 is a private address, and is not called; to allow it:"
                " RINGBACK_ALLOW_TARGETS=10.0.0.1 (with a comma, behind what stands there)",
            ),
            ("forbidden", "only a URL that begins with https:// or http:// and a host is called"),
            ("forbidden", "that is no name that a host can have"),
        ]

    run(scenario())


def test_a_resolver_that_hangs_counts_against_the_deadline(run: Run) -> None:
    async def hang(host: str, port: int | None) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    async def scenario() -> None:
        async with target_client(AllowList(), resolve=hang) as client:
            answer = await send(client, "https://shop.example/", {}, b"{}", deadline=0.05)
        assert (answer.error, answer.detail) == ("timeout", "shop.example did not answer within 0.05 s")

    run(scenario())


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\0", "猫"])
def test_a_header_that_cannot_be_sent_is_a_failure_and_no_crash(value: str, run: Run) -> None:
    async def scenario() -> None:
        async with Sink() as sink, target_client(LOOPBACK) as client:
            answer = await send(client, sink.url, {"X-Own": value}, b"{}")
            assert (answer.error, sink.books.attempts) == ("forbidden", 0)

    run(scenario())


@pytest.mark.parametrize("location", ["mailto:a@b.example", "http://xn--a/", "http://[", "//", "\udc80"])
def test_a_redirect_to_nowhere_is_a_redirect(location: str, serve: Serve, run: Run) -> None:
    async def scenario() -> None:
        said = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        async with serve(said.encode(errors="surrogateescape")) as server, target_client(LOOPBACK) as client:
            answer = await send(client, f"http://127.0.0.1:{server.port}/", HEADERS, BODY)
            assert (answer.status, answer.error) == (302, "redirect")

    run(scenario())


def test_who_gives_up_on_a_post_leaves_no_connection_behind(run: Run) -> None:
    async def scenario() -> None:
        async with Sink() as sink, target_client(LOOPBACK) as client:
            post = asyncio.create_task(send(client, f"{sink.url}/vice/hang", {}, b"{}"))
            await sink.wait_for(1)
            post.cancel()
            assert isinstance((await asyncio.gather(post, return_exceptions=True))[0], asyncio.CancelledError)
            assert (await send(client, sink.url, {}, b"{}")).status == 204
            assert sink.books.connections == 2

    run(scenario())


@given(
    st.binary(max_size=300)
    | st.binary(max_size=200).map(lambda noise: b"HTTP/1.1 200 OK\r\n" + noise)
    | st.binary(max_size=200).map(lambda noise: b"HTTP/1.1 302 X\r\nLocation: " + noise + b"\r\n\r\n")
    | st.binary(max_size=200).map(lambda noise: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + noise)
    | st.binary(max_size=200).map(lambda noise: b"HTTP/1.1 429 X\r\nRetry-After: " + noise + b"\r\n\r\n")
)
@example(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
@example(b"HTTP/1.1 100 Continue\r\n\r\n")
@example(b"HTTP/1.1 999 X\r\n\r\n")
@example(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")
@example(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnot gzip")
@example(b"HTTP/1.1 302 X\r\nLocation: http://[\r\n\r\n")
@example(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n")
@example(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n")
def test_any_answer_is_a_value(noise: bytes) -> None:
    async def scenario() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(BODY)
            writer.write(noise)
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server, target_client(LOOPBACK) as client:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            answer = await send(client, url, {}, BODY, deadline=2.0)
        assert (answer.error is None) == (answer.status is not None and 200 <= answer.status < 300)
        assert answer.error in {None, "status", "redirect", "slow_down", "gone", "broken"}

    asyncio.run(scenario())


@given(st.integers(100, 999))
def test_every_status_has_a_class(status: int) -> None:
    error, detail = judge_status(status, "shop.example")
    expected = {410: "gone", 429: "slow_down", 502: "slow_down", 503: "slow_down", 504: "slow_down"}
    ranges = {2: None, 3: "redirect"}
    assert error == expected.get(status, ranges.get(status // 100, "status"))
    assert detail is None or detail.startswith(f"shop.example answers HTTP {status}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("86400", LATEST),
        ("999999999999", LATEST),
        ("9" * 5000, LATEST),
        ("Fri, 15 Jan 2027 08:02:00 GMT", 120.0),
        ("Friday, 15-Jan-27 08:02:00 GMT", 120.0),
        ("Fri Jan 15 08:02:00 2027", 120.0),
        ("Fri, 15 Jan 2027 09:02:00 +0100", 120.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", LATEST),
        ("", None),
        ("-5", None),
        ("+5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("1e3", None),
        ("0x10", None),
        ("Fri, 99 Jan 2027 08:02:00 GMT", None),
        ("Fri, 15 Jan 99999 08:02:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert read_retry_after(text, NOW) == seconds


@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z]{0,3},? ?[0-9-]{0,6} ?[A-Za-z]{0,3} [0-9:+ -]{0,24}"))
@example("Fri, 15 Jan 0000 08:02:00 GMT")
@example("Fri, 15 Jan 0001 08:02:00 +2359")
@example("1 1 1 1 1")
def test_any_retry_after_is_a_bounded_wait_or_none(text: str) -> None:
    seconds = read_retry_after(text, NOW)
    assert seconds is None or 0 <= seconds <= LATEST


def test_every_vice_ends_in_a_value_within_its_deadline(run: Run) -> None:
    async def scenario() -> None:
        async with Sink(vices=dict.fromkeys(VICES, 1 / len(VICES)), seed=7) as sink, target_client(LOOPBACK) as client:
            began = time.monotonic()
            answers = await asyncio.gather(*(send(client, sink.url, {}, BODY, deadline=0.5) for _ in range(100)))
            assert time.monotonic() - began < 8
            assert {answer.error for answer in answers} == {
                *(None, "status", "redirect", "gone", "slow_down", "timeout", "broken"),
            }

    run(scenario())
