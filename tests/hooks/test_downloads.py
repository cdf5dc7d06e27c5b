"""A picture is fetched from where somebody says it is: guarded, bounded, and with words for what went wrong."""

import asyncio
import base64
import gzip
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hooks.clients import target_client
from hooks.downloads import fetch_picture, is_url, take_picture
from hooks.errors import ForbiddenTarget, HookError, NotAPicture, NotFetched
from hooks.pictures import LARGEST, Picture
from hooks.targets import AllowList, parse_allow_list

pytestmark = pytest.mark.fault

LOOPBACK = parse_allow_list("127.0.0.0/8")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
QUERY = "token=sk-Geheim"
Serve = Callable[..., Any]
Run = Callable[..., Any]


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


@pytest.fixture
def fetch(serve: Serve, run: Run) -> Callable[..., Picture]:
    """Fetches from a server that answers so; every failure must keep the URL's path and query to itself."""

    async def scenario(answer: Any, deadline: float) -> Picture:
        async with serve(answer) as server, target_client(LOOPBACK) as client:
            url = f"http://127.0.0.1:{server.port}/bot-Geheim/cat.png?{QUERY}"
            picture = await fetch_picture(url, client, deadline=deadline)
            assert b"accept-encoding: identity\r\n" in server.heard[0].lower()
            return picture

    def fetch_one(answer: Any, deadline: float = 10.0) -> Picture:
        try:
            return run(scenario(answer, deadline))
        except HookError as error:
            assert "Geheim" not in str(error)
            raise

    return fetch_one


def test_a_picture_is_fetched_and_known_by_its_bytes(fetch: Any) -> None:
    assert fetch(answer(PNG, "Content-Type: text/plain")) == Picture(media_type="image/png", content=PNG)


def test_a_picture_may_come_in_chunks(fetch: Any) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (PNG[:5], PNG[5:], b""))
    assert fetch(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks).content == PNG


@pytest.mark.parametrize(
    ("heard", "says"),
    [
        (answer(b"", status="404 Not Found"), "127.0.0.1 answers HTTP 404 Not Found"),
        (answer(PNG, status="403 Geheim"), "127.0.0.1 answers HTTP 403 Forbidden"),
        (answer(b"", status="599 Odd"), "127.0.0.1 answers HTTP 599"),
        (answer(b"", status="204 No Content"), "127.0.0.1 answers HTTP 204 No Content"),
        (
            answer(b"", "Location: http://127.0.0.1/login?Geheim", status="302 Found"),
            "127.0.0.1 sends us on to another address (HTTP 302); give that one",
        ),
        (answer(gzip.compress(PNG), "Content-Encoding: gzip"), "127.0.0.1 packs what it was asked to send as it is"),
        (answer(PNG)[:-1], "127.0.0.1 broke off, or does not speak HTTP"),
        (b"", "127.0.0.1 broke off, or does not speak HTTP"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "127.0.0.1 broke off, or does not speak HTTP"),
    ],
)
def test_a_picture_that_cannot_be_had_is_told_why(heard: bytes, says: str, fetch: Any) -> None:
    with pytest.raises(NotFetched) as failed:
        fetch(heard)
    assert str(failed.value) == says


@pytest.mark.parametrize(
    ("body", "says"),
    [(b"<!doctype html><title>Sign in</title>", "a web page (HTML)"), (b"", "it is empty")],
)
def test_what_comes_and_is_no_picture_is_told_what_it_is(body: bytes, says: str, fetch: Any) -> None:
    with pytest.raises(NotAPicture) as refused:
        fetch(answer(body, "Content-Type: image/png"))
    assert says in str(refused.value)


def test_the_largest_picture_is_fetched(fetch: Any) -> None:
    assert len(fetch(answer(b"GIF89a".ljust(LARGEST, b"\0"))).content) == LARGEST


def test_a_picture_without_an_end_is_read_only_so_far(fetch: Any) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nGIF89a")
        while True:
            writer.write(bytes(65536))
            sent += 65536
            await writer.drain()

    with pytest.raises(NotAPicture, match="it has more than the 10 MiB that gateways take"):
        fetch(flood)
    assert sent < 3 * LARGEST


@pytest.mark.parametrize("drops", [b"", b"HTTP/1.1 200 OK\r\n\r\nGIF89a"])
def test_a_server_that_dawdles_is_left_after_the_deadline(drops: bytes, fetch: Any) -> None:
    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(drops)
        await reader.read()  # the head of the request
        await reader.read()  # until the other side leaves

    with pytest.raises(NotFetched, match="did not give the picture in time"):
        fetch(dawdle, deadline=0.05)


def test_a_name_that_hangs_counts_against_the_deadline(run: Run) -> None:
    async def hang(host: str, port: int | None) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    async def scenario() -> None:
        async with target_client(AllowList(), resolve=hang) as client:
            with pytest.raises(NotFetched, match=r"pictures\.example did not give the picture in time"):
                await fetch_picture("https://pictures.example/a.png", client, deadline=0.05)

    run(scenario())


def test_a_host_that_is_not_there_is_told(serve: Serve, run: Run) -> None:
    async def nobody(host: str, port: int | None) -> list[str]:
        return [] if host == "nobody.example" else ["127.0.0.1"]

    async def scenario() -> None:
        async with serve(b"") as server:
            closed = server.port
        async with target_client(LOOPBACK, resolve=nobody) as client:
            with pytest.raises(NotFetched) as unknown:
                await fetch_picture(f"https://nobody.example/a.png?{QUERY}", client)
            assert str(unknown.value) == "nobody.example could not be reached: no address was found for that name"
            with pytest.raises(NotFetched, match=r"^pictures\.example could not be reached: ."):
                await fetch_picture(f"http://pictures.example:{closed}/a.png?{QUERY}", client)

    run(scenario())


def test_a_server_that_speaks_no_tls_is_told(serve: Serve, run: Run) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer(PNG))

    async def scenario() -> None:
        async with serve(shout) as server, target_client(LOOPBACK) as client:
            with pytest.raises(NotFetched, match=r"^127\.0\.0\.1 could not be reached: ."):
                await fetch_picture(f"https://127.0.0.1:{server.port}/a.png", client)

    run(scenario())


def test_a_forbidden_target_is_told_with_the_line_to_add(run: Run) -> None:
    async def scenario() -> None:
        async with target_client(AllowList()) as client:
            with pytest.raises(ForbiddenTarget) as refused:
                await take_picture(f"http://127.0.0.1/a.png?{QUERY}", client)
        assert str(refused.value).endswith("RINGBACK_ALLOW_TARGETS=127.0.0.1")

    run(scenario())


def test_a_picture_is_taken_from_wherever_it_is(serve: Serve, run: Run) -> None:
    async def scenario() -> None:
        data = base64.b64encode(PNG).decode()
        async with serve(answer(PNG)) as server, target_client(LOOPBACK) as client:
            for text in (f" http://127.0.0.1:{server.port}/a.png\n", f"data:image/gif;base64,{data}", data):
                assert await take_picture(text, client) == Picture(media_type="image/png", content=PNG)

    run(scenario())


@pytest.mark.parametrize(
    "text", ["https://a.example/b.png", " HTTP://a.example", "ftp://a.example", "file:///etc/passwd"]
)
def test_what_names_a_place_is_a_url(text: str) -> None:
    assert is_url(text)


@pytest.mark.parametrize(
    "text", ["data:image/png;base64,aaaa", "aaaa", "", "/home/me/cat.png", "://", "a" * 30 + "://"]
)
def test_what_names_no_place_is_no_url(text: str) -> None:
    assert not is_url(text)


@given(st.text().map("http://{}".format) | st.text(st.characters(max_codepoint=127)).map("https://{}".format))
@example("http://a.example/\ud800")
@example("http://xn--/")
@example("http://a.example:99999/")
def test_any_url_gives_a_reason_and_nothing_worse(url: str) -> None:
    async def refuse(host: str, port: int | None) -> list[str]:
        return ["10.0.0.1"]

    async def scenario() -> None:
        async with target_client(AllowList(), resolve=refuse) as client:
            with pytest.raises((ForbiddenTarget, NotFetched)):
                await take_picture(url, client)

    asyncio.run(scenario())


@given(st.binary(max_size=200).map(lambda noise: answer(PNG)[:20] + noise) | st.binary(max_size=200))
def test_any_answer_gives_a_picture_or_a_reason(noise: bytes) -> None:
    async def scenario() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(noise)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server, target_client(LOOPBACK) as client:
            port = server.sockets[0].getsockname()[1]
            try:
                await fetch_picture(f"http://127.0.0.1:{port}/", client)
            except (NotAPicture, NotFetched) as refused:
                assert str(refused)

    asyncio.run(scenario())
