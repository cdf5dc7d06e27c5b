"""A URL that somebody else chose is resolved once, and only vetted addresses are connected to."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.clients import target_client
from hooks.errors import ForbiddenTarget
from hooks.guard import NO_ADDRESS, GuardedTransport
from hooks.targets import AllowList, parse_allow_list

pytestmark = pytest.mark.fault

LOOPBACK = parse_allow_list("127.0.0.0/8")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[..., Any]
Run = Callable[..., Any]


class Names:
    """A resolver whose answers a test gives, one after the other; the last stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def __call__(self, host: str, port: int | None) -> list[str]:
        self.asked.append(host)
        return self._answers[min(len(self.asked), len(self._answers)) - 1]


def test_the_host_is_resolved_once_and_its_header_stays_right(serve: Serve, run: Run) -> None:
    async def scenario() -> None:
        names = Names(["127.0.0.1"])
        async with serve(OK) as server, target_client(LOOPBACK, resolve=names) as client:
            response = await client.get(f"http://pictures.example:{server.port}/a?b=c")
        assert (response.status_code, response.text, names.asked) == (200, "ok", ["pictures.example"])
        assert str(response.request.url).startswith("http://pictures.example:")
        assert server.heard[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
        assert f"host: pictures.example:{server.port}\r\n".encode() in server.heard[0].lower()

    run(scenario())


def test_the_name_in_the_tls_handshake_stays_right(serve: Serve, run: Run) -> None:
    hellos: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hellos.append(await reader.read(4096))

    async def scenario() -> None:
        async with serve(listen) as server, target_client(LOOPBACK, resolve=Names(["127.0.0.1"])) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"https://pictures.example:{server.port}/")

    run(scenario())
    assert b"pictures.example" in hellos[0]
    assert b"127.0.0.1" not in hellos[0]


def test_a_name_that_turns_private_after_the_check_is_never_connected_to(serve: Serve, run: Run) -> None:
    async def scenario() -> None:
        names = Names(["127.0.0.1"], ["10.0.0.5"])
        async with serve(OK) as server, target_client(LOOPBACK, resolve=names) as client:
            url = f"http://pictures.example:{server.port}/"
            assert (await client.get(url)).status_code == 200
            assert len(names.asked) == 1
            with pytest.raises(ForbiddenTarget, match=r"pictures\.example has the address 10\.0\.0\.5"):
                await client.get(url)  # and no kept connection spares the second call its check

    run(scenario())


@given(st.lists(st.sampled_from(["1.1.1.1", "2606:4700::1111", "10.0.0.1", "::1", "nonsense"]), max_size=3))
def test_what_connects_sees_vetted_addresses_and_never_a_name(answers: list[str]) -> None:
    seen: list[str] = []

    def connect(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        assert request.headers["host"] == "pictures.example"
        assert request.extensions["sni_hostname"] == "pictures.example"
        raise httpx.ConnectError("refused")

    async def scenario() -> None:
        transport = GuardedTransport(httpx.MockTransport(connect), allowed=AllowList(), resolve=Names(answers))
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises((ForbiddenTarget, httpx.ConnectError)):
                await client.get("https://pictures.example/")

    asyncio.run(scenario())
    assert seen == (answers if set(answers) <= {"1.1.1.1", "2606:4700::1111"} else [])


def test_the_next_address_is_tried_when_one_refuses_to_connect(serve: Serve, run: Run) -> None:
    async def scenario() -> int:
        names = Names(["127.0.0.2", "127.0.0.1"])
        async with serve(OK) as server, target_client(LOOPBACK, resolve=names) as client:
            return (await client.get(f"http://pictures.example:{server.port}/")).status_code

    assert run(scenario()) == 200


def test_a_request_that_was_sent_is_not_sent_to_the_next_address(serve: Serve, run: Run) -> None:
    async def scenario() -> None:
        async with serve(b"") as server:
            async with target_client(LOOPBACK, resolve=Names(["127.0.0.1", "127.0.0.1"])) as client:
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.post(f"http://pictures.example:{server.port}/", content=b"x")
            assert len(server.heard) == 1

    run(scenario())


def test_each_request_has_a_connection_of_its_own(serve: Serve, run: Run) -> None:
    # A kept one belongs to its address: over TLS, another host there would get it without showing a certificate.
    connections = 0

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)

    async def scenario() -> None:
        async with serve(keep) as server, target_client(LOOPBACK, resolve=Names(["127.0.0.1"])) as client:
            for host in ("one.example", "two.example"):
                assert (await client.get(f"http://{host}:{server.port}/")).text == "ok"

    run(scenario())
    assert connections == 2


def test_a_name_without_an_address_is_told_as_that(run: Run) -> None:
    async def scenario() -> None:
        async with target_client(AllowList(), resolve=Names([])) as client:
            with pytest.raises(httpx.ConnectError, match=NO_ADDRESS):
                await client.get("http://pictures.example/")

    run(scenario())


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://pictures.example/a.png", "only a URL that begins with https:// or http://"),
        ("file:///etc/passwd", "only a URL that begins with https:// or http://"),
        ("http:///a.png", "only a URL that begins with https:// or http://"),
        ("https://me:secret@pictures.example/", "a user name or a password"),
        ("https://pictures.example\\@evil.example/", "a user name or a password"),
        (f"http://{'a.' * 130}example/", "253 characters"),
    ],
)
def test_a_url_of_another_kind_is_refused_before_its_name_is_looked_up(url: str, says: str, run: Run) -> None:
    async def scenario() -> None:
        names = Names([])
        async with target_client(AllowList(), resolve=names) as client:
            with pytest.raises(ForbiddenTarget, match=re.escape(says)) as refused:
                await client.get(url)
        assert names.asked == []
        assert "secret" not in str(refused.value)

    run(scenario())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"])
def test_this_machine_is_refused_however_it_is_spelled(host: str, serve: Serve, run: Run) -> None:
    async def scenario() -> None:
        async with serve(OK) as server:
            async with target_client(AllowList()) as client:
                with pytest.raises(ForbiddenTarget, match="this machine"):
                    await client.get(f"http://{host}:{server.port}/")
            assert server.heard == []

    run(scenario())


def test_a_redirect_is_not_followed_unasked_and_is_guarded_when_it_is(serve: Serve, run: Run) -> None:
    async def scenario() -> None:
        away = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
        async with serve(away) as server, target_client(LOOPBACK) as client:
            url = f"http://127.0.0.1:{server.port}/"
            assert (await client.get(url)).status_code == 302
            with pytest.raises(ForbiddenTarget, match=r"169\.254\.169\.254 is a link-local address"):
                await client.get(url, follow_redirects=True)

    run(scenario())


def test_proxies_of_the_environment_are_not_used(serve: Serve, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def scenario() -> int:
        async with serve(OK) as server, target_client(LOOPBACK) as client:
            return (await client.get(f"http://127.0.0.1:{server.port}/")).status_code

    assert run(scenario()) == 200
