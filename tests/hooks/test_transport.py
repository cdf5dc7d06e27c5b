"""Connections to strangers: kept for a while, never mixed up, and told in httpx's words when they fail."""

import asyncio
import datetime
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hooks.clients import target_client
from hooks.sender import send
from hooks.targets import parse_allow_list
from tests.sink import Sink

pytestmark = pytest.mark.fault

LOOPBACK = parse_allow_list("127.0.0.0/8")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Run = Callable[..., Any]
Serve = Callable[..., Any]


async def at_home(host: str, port: int | None) -> list[str]:
    return ["127.0.0.1"]


def test_a_connection_is_kept_for_the_next_request(run: Run) -> None:
    async def scenario() -> None:
        async with Sink() as sink, target_client(LOOPBACK) as client:
            for path in ("", "/vice/fail", "/vice/throttle", ""):
                await send(client, sink.url + path, {}, b"{}")
            assert sink.books.connections == 1

    run(scenario())


def test_two_hosts_at_one_address_share_no_connection(run: Run) -> None:
    # Over TLS, the second would get it without having shown a certificate.
    async def scenario() -> None:
        async with Sink() as sink, target_client(LOOPBACK, resolve=at_home) as client:
            for host in ("one.example", "two.example", "one.example"):
                assert (await send(client, sink.url.replace("127.0.0.1", host), {}, b"{}")).status == 204
            assert sink.books.connections == 2

    run(scenario())


def test_an_answer_that_is_not_read_to_its_end_costs_the_connection(run: Run) -> None:
    async def scenario() -> None:
        async with Sink() as sink, target_client(LOOPBACK) as client:
            assert (await send(client, f"{sink.url}/vice/endless", {}, b"{}")).status == 200
            assert (await send(client, sink.url, {}, b"{}")).status == 204
            assert sink.books.connections == 2

    run(scenario())


def test_a_post_on_a_kept_connection_that_just_closed_is_sent_once_more(serve: Serve, run: Run) -> None:
    posts: list[bytes] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (OK, b""):
            posts.append(await reader.readuntil(b"{}"))
            writer.write(answer)
            await writer.drain()

    async def scenario() -> None:
        async with serve(answer_once) as server, target_client(LOOPBACK) as client:
            for _ in range(2):
                assert (await send(client, f"http://127.0.0.1:{server.port}/", {}, b"{}")).status == 200

    run(scenario())
    assert len(posts) == 3


@pytest.mark.parametrize("vice", ["close", "reset"])
def test_a_post_on_a_fresh_connection_is_sent_once(vice: str, run: Run) -> None:
    async def scenario() -> None:
        async with Sink() as sink, target_client(LOOPBACK) as client:
            assert (await send(client, f"{sink.url}/vice/{vice}", {"webhook-id": "m"}, b"{}")).error == "broken"
            assert len(sink.books.entries["m"].attempts) == 1

    run(scenario())


def test_the_next_address_is_tried_when_one_refuses_to_connect(run: Run) -> None:
    async def twice(host: str, port: int | None) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async def scenario() -> None:
        async with Sink() as sink, target_client(LOOPBACK, resolve=twice) as client:
            assert (await send(client, sink.url.replace("127.0.0.1", "shop.example"), {}, b"{}")).status == 204

    run(scenario())


def test_in_a_crowd_no_connection_is_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hooks.transport.MOST_KEPT", 1)

    async def scenario() -> None:
        async with Sink() as sink, target_client(LOOPBACK, resolve=at_home) as client:
            for number in range(4):
                url = sink.url.replace("127.0.0.1", f"{number}.example")
                assert (await send(client, url, {"webhook-id": str(number)}, b"{}")).status == 204
            asked = [entry.attempts[0].headers["connection"] for entry in sink.books.entries.values()]
            assert asked == ["keep-alive", "keep-alive", "close", "close"]

    run(scenario())


@pytest.mark.parametrize(
    "path", ["/x%2Fy?sp=%2Fm&sig=a%2Bb%3D%3D", "/%41%7e/?x=%41", "/%e4%bd%a0", "/a?x='y'&z=[1]", "/%zz", "//x/"]
)
def test_a_url_is_called_as_it_was_written(path: str, serve: Serve, run: Run) -> None:
    async def scenario() -> None:
        async with serve(OK) as server, target_client(LOOPBACK) as client:
            await client.get(f"http://127.0.0.1:{server.port}{path}#part")
            assert server.heard[0].split(b" ")[1] == path.encode()

    run(scenario())


def test_nothing_is_sent_that_nobody_asked_for(serve: Serve, run: Run) -> None:
    baked = b"HTTP/1.1 200 OK\r\nSet-Cookie: crumb=1\r\nContent-Length: 0\r\n\r\n"

    async def scenario() -> None:
        # For addresses, no cookies would be kept anyway.
        async with serve(baked) as server, target_client(LOOPBACK, resolve=at_home) as client:
            for _ in range(2):
                await send(client, f"http://shop.example:{server.port}/", {"Content-Type": "application/json"}, b"")
            names = {line.split(b":")[0].lower() for line in server.heard[1].split(b"\r\n")[1:] if line}
            asked = {b"host", b"accept", b"accept-encoding", b"connection", b"user-agent", b"content-type"}
            assert names == asked | {b"content-length"}
            assert b"accept-encoding: identity\r\n" in server.heard[1].lower()
            assert b"user-agent: ringback\r\n" in server.heard[1].lower()

    run(scenario())


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate for another host that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other.example")])
    today = datetime.datetime.now(datetime.UTC)
    built = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), today, today.replace(year=2099)
    )
    signed = built.sign(key, hashes.SHA256())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "pem").write_bytes(key.private_bytes(*form) + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    return context


def test_a_certificate_that_nobody_signed_is_not_accepted(certificate: ssl.SSLContext, run: Run) -> None:
    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def scenario() -> None:
        listener = await asyncio.start_server(ignore, "127.0.0.1", 0, ssl=certificate)
        async with listener, target_client(LOOPBACK) as client:
            answer = await send(client, f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/Geheim", {}, b"{}")
        assert answer.error == "tls"
        assert "its certificate is not accepted" in str(answer.detail)
        assert "self" in str(answer.detail)
        assert "Geheim" not in str(answer.detail)

    run(scenario())


def test_a_connection_that_does_not_come_about_in_time_is_told(serve: Serve, run: Run) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await reader.read()

    async def scenario() -> None:
        async with serve(mute) as server, target_client(LOOPBACK) as client:
            with pytest.raises(httpx.ConnectTimeout):
                await client.get(f"https://127.0.0.1:{server.port}/", timeout=httpx.Timeout(1, connect=0.05))
            with pytest.raises(httpx.ReadTimeout):
                await client.get(f"http://127.0.0.1:{server.port}/", timeout=httpx.Timeout(1, read=0.05))

    run(scenario())
