"""A URL that somebody else chose is resolved once for each connection, and only vetted addresses are connected to."""

import asyncio
import re
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ssrfguard import DEFAULT_DENIED

from hooks.clients import target_client
from hooks.errors import ForbiddenTarget, NotFetched
from hooks.guard import NO_ADDRESS, Call, Guard, calls, check_target
from hooks.sender import send
from hooks.targets import AllowList, parse_allow_list
from tests.sink import Sink

pytestmark = pytest.mark.fault

NOBODY = AllowList()
LOOPBACK = parse_allow_list("127.0.0.0/8")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
PUBLIC = ["1.1.1.1", "2606:4700::1111"]
METADATA = "169.254.169.254"
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


def disguise(address: str) -> list[str]:
    """An IPv4 address in the IPv6 addresses that lead to it somewhere."""
    packed = socket.inet_aton(address).hex()
    high, low = packed[:4], packed[4:]
    return [
        address,
        f"::ffff:{address}",
        f"::{address}",
        f"::ffff:0:{address}",
        f"64:ff9b::{address}",
        f"64:ff9b:1::{address}",
        f"2002:{high}:{low}::1",
        f"2001:0:{high}:{low}::1",
        f"fe80::5efe:{address}",
    ]


NEVER = sorted(
    {
        str(edge)
        for block in DEFAULT_DENIED.blocks
        for edge in (block.network[0], block.network[-1])
        if DEFAULT_DENIED.classify(edge).blocked
    }
    | {each for address in ("127.0.0.1", "10.0.0.1", METADATA, "100.100.100.200") for each in disguise(address)}
    | {"168.63.129.16", "192.0.0.192", "fec0::1", "3fff::1", "5f00::1", "fd00:ec2::254", "ff02::1"}
)
ODD = [
    "0",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.0.1.",
    "1.0x1",
    "[fe80::1%25eth0]",
]


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


def test_a_name_that_turns_private_is_never_connected_to_again(serve: Serve, run: Run) -> None:
    async def scenario() -> None:
        names = Names(["127.0.0.1"], ["10.0.0.5"])
        async with serve(CLOSING) as server, target_client(LOOPBACK, resolve=names) as client:
            url = f"http://pictures.example:{server.port}/"
            assert (await client.get(url)).status_code == 200
            assert len(names.asked) == 1
            with pytest.raises(ForbiddenTarget, match=r"pictures\.example has the address 10\.0\.0\.5"):
                await client.get(url)

    run(scenario())


def test_a_name_that_turned_private_is_still_called_over_the_connection_that_was_vetted(run: Run) -> None:
    async def scenario() -> None:
        names = Names(["127.0.0.1"], ["10.0.0.5"])
        async with Sink() as sink, target_client(LOOPBACK, resolve=names) as client:
            url = sink.url.replace("127.0.0.1", "shop.example")
            for _ in range(3):
                assert (await send(client, url, {}, b"{}")).status == 204
            assert (names.asked, sink.books.connections) == (["shop.example"], 1)

    run(scenario())


@given(st.lists(st.sampled_from([*PUBLIC, "10.0.0.1", "::1", "nonsense"]), max_size=3))
def test_a_host_has_all_of_its_addresses_or_none(answers: list[str]) -> None:
    async def scenario() -> list[str]:
        guard = Guard(allowed=NOBODY, resolve=Names(answers))
        try:
            return [str(address) for address in await guard.find("pictures.example", 443)]
        except (ForbiddenTarget, OSError):
            return []
        finally:
            guard.close()

    assert asyncio.run(scenario()) == (answers if set(answers) <= set(PUBLIC) else [])


@pytest.mark.parametrize("address", ["10.0.0.5", "::ffff:10.0.0.5", "fe80::1"])
def test_no_socket_is_opened_for_an_address_that_nobody_vetted(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    place = (family, socket.SOCK_STREAM, 0, "", (address, 80))
    guard = Guard(allowed=NOBODY)
    with pytest.raises(LookupError):
        guard.open_socket(place)  # nobody said what for
    token = calls.set(Call(host="shop.example"))
    with pytest.raises(ForbiddenTarget):
        guard.open_socket(place)
    calls.reset(token)
    guard.close()


def test_an_address_that_is_never_called_is_refused_in_a_url_and_behind_a_name(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("hooks.guard.socket", SimpleNamespace(socket=refuse))

    async def scenario() -> None:
        told: dict[str, tuple[str | None, str | None]] = {}
        for address in NEVER:
            async with target_client(NOBODY, resolve=Names([address])) as client:
                shown = f"[{address}]" if ":" in address else address
                for url in (f"http://{shown}:1/", f"https://{shown}/", "http://shop.example:1/"):
                    answer = await send(client, url, {}, b"{}")
                    told[f"{url} {address}"] = answer.error, answer.detail
        assert {case: end for case, end in told.items() if end[0] != "forbidden"} == {}
        assert {case: end for case, end in told.items() if "is not called" not in str(end[1])} == {}

    run(scenario())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", *ODD])
def test_this_machine_is_refused_however_it_is_spelled(host: str, run: Run) -> None:
    async def scenario() -> None:
        async with Sink() as sink:
            url = sink.url.replace("127.0.0.1", host)
            async with target_client(NOBODY) as client:
                answer = await send(client, url, {}, b"{}")
                assert (answer.error, answer.status) == ("forbidden", None)
            assert sink.books.connections == 0

    run(scenario())


def test_an_allowed_name_may_lead_anywhere_and_a_refusal_names_the_line(run: Run) -> None:
    async def scenario() -> None:
        async with Sink() as sink:
            url = sink.url.replace("127.0.0.1", "n8n")
            async with target_client(parse_allow_list("10.0.0.0/8"), resolve=Names(["127.0.0.1"])) as client:
                refused = await send(client, url, {}, b"{}")
            assert str(refused.detail).endswith(
                "to allow it: RINGBACK_ALLOW_TARGETS=n8n (with a comma, behind what stands there)"
            )
            async with target_client(parse_allow_list("n8n"), resolve=Names(["127.0.0.1"])) as client:
                assert (await send(client, url, {}, b"{}")).status == 204
                assert (await send(client, sink.url, {}, b"{}")).error == "forbidden"

    run(scenario())


def test_a_name_without_an_address_is_told_as_that(run: Run) -> None:
    async def scenario() -> None:
        names = Names([])
        async with target_client(NOBODY, resolve=names) as client:
            with pytest.raises(httpx.ConnectError, match=NO_ADDRESS):
                await client.get("http://pictures.example/")
        assert names.asked == ["pictures.example"]

    run(scenario())


WRONG = [
    ("ftp://pictures.example/a.png", "only a URL that begins with https:// or http://"),
    ("file:///etc/passwd", "only a URL that begins with https:// or http://"),
    ("http:///a.png", "only a URL that begins with https:// or http://"),
    ("shop.example/hook", "only a URL that begins with https:// or http://"),
    ("https://me:secret@pictures.example/", "a user name or a password"),
    ("https://secret@pictures.example/", "a user name or a password"),
    ("https://127.0.0.1:80@pictures.example/", "a user name or a password"),
    ("https://pictures.example\\@evil.example/", "a user name or a password"),
    (f"http://{'a.' * 130}example/", "253 characters"),
    ("http://pictures.example:0/", "a port is between 1 and 65535"),
    ("http://pictures.example:65536/", "a port is between 1 and 65535"),
]


def test_a_host_that_looks_like_an_idn_and_is_none_is_refused_when_it_is_handed_in(run: Run) -> None:
    with pytest.raises(ForbiddenTarget, match="no name that a host can have"):
        run(check_target("http://xn--i-7iq.example/", NOBODY, Names([])))


@pytest.mark.parametrize(("url", "says"), WRONG)
def test_a_url_of_another_kind_is_refused_before_its_name_is_looked_up(url: str, says: str, run: Run) -> None:
    async def scenario() -> None:
        names = Names([])
        async with target_client(NOBODY, resolve=names) as client:
            with pytest.raises(ForbiddenTarget, match=re.escape(says)) as refused:
                await client.get(url)
        with pytest.raises(ForbiddenTarget, match=re.escape(says)):
            await check_target(url, NOBODY, names)
        assert names.asked == []
        assert "secret" not in str(refused.value)

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


@pytest.mark.parametrize(
    "url",
    [
        "http://[",
        "http://[::1",
        "https://例子..测试/",
        "http://\x00/",
        "http://shop.example:x/",
        "http://１２７.0.0.1/",
        "http://①②⑦.0.0.1/",
        "http://a b.example/",
        "nonsense",
        "",
    ],
)
def test_what_is_no_url_cannot_be_subscribed(url: str, run: Run) -> None:
    with pytest.raises(ForbiddenTarget):
        run(check_target(url, NOBODY, Names(PUBLIC)))


def test_who_subscribes_is_told_what_may_not_be_called_and_which_line_allows_it(run: Run) -> None:
    for host, answers in (("shop.example", [*PUBLIC, "10.0.0.5"]), ("10.0.0.5", ["10.0.0.5"])):
        with pytest.raises(ForbiddenTarget, match=rf"RINGBACK_ALLOW_TARGETS={re.escape(host)}$"):
            run(check_target(f"https://{host}/hook?token=Geheim", NOBODY, Names(answers)))
    run(check_target("https://shop.example/hook", NOBODY, Names(PUBLIC)))
    run(check_target("https://shop.example/hook", parse_allow_list("shop.example"), Names(["10.0.0.5"])))
    run(check_target("https://例子.测试/钩子", NOBODY, Names(PUBLIC)))


def test_a_name_that_cannot_be_resolved_now_can_be_subscribed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(host: str, port: int | None) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    async def crowd(host: str, port: int | None) -> list[str]:
        raise NotFetched("too many other names are being looked up")

    monkeypatch.setattr("hooks.guard.CHECK_TIMEOUT", 0.01)
    for resolve in (hang, crowd, Names([])):
        run(check_target("https://shop.example/hook", NOBODY, resolve))
