"""What an exchange says of its own failures: never our key, and never a hook."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from hooks.blanker import Blanker
from hooks.clients import fetch_client
from hooks.token import TokenSigner
from service.gateways.exchange import Exchange
from service.gateways.presets import Gateway

TOKEN = TokenSigner(["a secret key of ours"]).mint("8000000000000017", "nnnnnnnnnnn")


def make_exchange(url: str, key: str, client: httpx.AsyncClient) -> Exchange:
    gateway = Gateway(name="g", url=url, key=key, auth="raw")
    return Exchange(gateway, client, deadline=10, longest=1000, blanker=Blanker((key,)))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("cannot connect", "cannot connect"),
        ("bad header: {key}", "bad header: …"),
        ("bad URL: http://x/{key}?hook=http%3A%2F%2Fy%2Fhooks%2F{token}", "bad URL: http://x/…?hook=http%3A%2F%2Fy%2Fhooks%2F…"),
        ("bad URL: {percent}", "bad URL: …"),
        ("half an emoji \ud83d", "half an emoji ?"),
        ("", "RuntimeError"),
    ],
)  # fmt: skip
def test_an_explanation_holds_no_secret(run: Any, key: str, said: str, told: str) -> None:
    error = RuntimeError(said.format(key=key, token=TOKEN, percent=key.replace("/", "%2F").replace("+", "%2B")))

    async def scenario() -> None:
        async with fetch_client() as client:
            assert make_exchange("http://x", key, client).explain(error) == told

    run(scenario())


def test_a_gateway_that_answers_no_http_but_our_key_is_not_quoted(run: Any, talk: Any, key: str) -> None:
    async def quote(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"401 {key} hooks/{TOKEN}\r\n\r\n".encode())
        await writer.drain()

    async def scenario() -> None:
        async with talk(quote) as url, fetch_client() as client:
            exchange = make_exchange(url, key, client)
            with pytest.raises(httpx.RemoteProtocolError) as caught:
                await exchange.send(exchange.prepare("GET", "/task/1/fetch", None))
            assert key in str(caught.value), "it quotes the line that it could not read"
            explained = exchange.explain(caught.value)
        assert "401 …" in explained
        assert key not in explained
        assert TOKEN not in explained

    run(scenario())


def test_an_answer_comes_as_it_is(run: Any, gateway: Any, url: str, key: str) -> None:
    gateway.answers["/mj/x"] = Response(key, status_code=418)

    async def scenario() -> None:
        async with fetch_client() as client:
            exchange = make_exchange(url, key, client)
            heard = await exchange.send(exchange.prepare("GET", "/x", None))
        assert (heard.status, heard.body) == (418, key.encode()), "who reads it takes the key out"

    run(scenario())
