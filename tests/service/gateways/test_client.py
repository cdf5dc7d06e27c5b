"""One gateway over real HTTP, and worse: every way of not answering, and what must never come back."""

import asyncio
import gzip
import json
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from hooks.token import TOKEN_PATTERN, TokenSigner
from hooks.wire import parse_tasks
from service.gateways import client as client_module
from service.gateways.client import BATCH, FEW, LONGEST_ANSWER, LONGEST_LIST, Answer, GatewayClient, Told
from service.gateways.outcomes import Accepted, Capacity, Existed, Finished, Modal, Outcome, Refused, Unknown, Unsent
from service.gateways.presets import Gateway

pytestmark = pytest.mark.fault

IMAGINE = "/mj/submit/imagine"
LIST, QUERY, LATEST = "/mj/task/list-by-condition", "/mj/task/query", "/mj/task/list"
OURS = "8000000000000017"
OK = {"code": 1, "description": "提交成功", "result": "17"}
TOKEN = TokenSigner(["a secret key of ours"]).mint("8000000000000017", "nnnnnnnnnnn")
HOOK = f"https://ringback.example/hooks/{TOKEN}"


def packed(packing: bytes, body: bytes) -> bytes:
    """A 200 whose body says how it is packed."""
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %s\r\ncontent-length: %d\r\n\r\n"
    return head % (packing, len(body)) + body


def answers_with(raw: bytes, *, then_close: bool = True) -> Any:
    """A conversation: read the request whole, answer these bytes, and leave or stay."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(raw)
        await writer.drain()
        if not then_close:
            await reader.read()  # until the client leaves

    return talk


async def read_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))


def held(answer: Answer) -> str:
    """Everything of an answer that anybody could read."""
    return json.dumps(msgspec.to_builtins(answer), ensure_ascii=False)


# --- did it leave?


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectError, Unsent),
        (httpx.ConnectTimeout, Unsent),
        *((error, Unknown) for error in (httpx.WriteError, httpx.WriteTimeout, httpx.ReadError, httpx.ReadTimeout)),
        *((error, Unknown) for error in (httpx.PoolTimeout, httpx.RemoteProtocolError, httpx.CloseError)),
    ],
)
def test_only_an_error_of_connecting_proves_that_nothing_left(
    run: Any, make_claim: Any, error: type[httpx.TransportError], outcome: type[Outcome]
) -> None:
    """Raised by the transport, because no server can choose in which of these a client ends."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error("no")

    async def scenario() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(fail)) as http:
            gateway = Gateway(name="g", url="http://g.example", key="k", auth="raw")
            client = GatewayClient(gateway, submit=http, fetch=http)
            assert type((await client.submit(make_claim(), None)).outcome) is outcome

    run(scenario())


def test_a_refused_connection_proves_that_nothing_left(
    run: Any, connect: Any, make_claim: Any, unused_url: str
) -> None:
    async def scenario() -> None:
        async with connect(unused_url) as client:
            answer = await client.submit(make_claim(), None)
        assert type(answer.outcome) is Unsent
        assert "could not be reached" in answer.evidence["error"]

    run(scenario())


def test_a_name_without_an_address_proves_that_nothing_left(run: Any, connect: Any, make_claim: Any) -> None:
    async def scenario() -> None:
        async with connect("http://nobody.invalid") as client:
            assert type((await client.submit(make_claim(), None)).outcome) is Unsent

    run(scenario())


def test_a_plain_port_called_with_tls_proves_that_nothing_left(
    run: Any, connect: Any, make_claim: Any, talk: Any
) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async def scenario() -> None:
        async with talk(hang_up) as url, connect(url.replace("http:", "https:")) as client:
            assert type((await client.submit(make_claim(), None)).outcome) is Unsent

    run(scenario())


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="closes after reading"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="garbage"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-le", id="half a head"),
        pytest.param(b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"code":1,', id="half a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", id="broken chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc", id="no gzip"),
        pytest.param(packed(b"gzip", gzip.compress(b'{"code":1,"result":"17"}')[:-9]), id="half a gzip"),
        pytest.param(packed(b"gzip, gzip", gzip.compress(gzip.compress(b"{}"))), id="gzip in gzip"),
        pytest.param(packed(b"br", b"abc"), id="packed otherwise"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n", id="an endless head"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="only an interim answer"),
    ],
)
def test_an_answer_that_is_none_leaves_it_unknown(
    run: Any, connect: Any, make_claim: Any, talk: Any, raw: bytes
) -> None:
    async def scenario() -> None:
        async with talk(answers_with(raw)) as url, connect(url) as client:
            answer = await client.submit(make_claim(), None)
        assert type(answer.outcome) is Unknown
        assert answer.outcome.reason.startswith("No answer came: ")
        assert len(held(answer)) < 2000

    run(scenario())


def test_cookies_of_any_shape_do_not_matter(run: Any, connect: Any, make_claim: Any, talk: Any) -> None:
    body = json.dumps(OK).encode()
    cookies = b"".join(
        b"set-cookie: %s\r\n" % each
        for each in (b"=", b"a=b; expires=never; domain=.; path=\xff", b"a=b; max-age=x; version=y", b";" * 5000)
    )
    raw = b"HTTP/1.1 200 OK\r\n%scontent-length: %d\r\n\r\n%s" % (cookies, len(body), body)

    async def scenario() -> None:
        async with talk(answers_with(raw)) as url, connect(url) as client:
            assert (await client.submit(make_claim(), None)).outcome == Accepted(gateway_id="17")

    run(scenario())


@pytest.mark.parametrize("url", ["http://[::1", "http://\x00"])
def test_a_url_that_is_none_is_refused_without_being_asked(run: Any, connect: Any, make_claim: Any, url: str) -> None:
    async def scenario() -> None:
        async with connect(url) as client:
            outcome = (await client.submit(make_claim(), None)).outcome
            assert isinstance(outcome, Refused)
            assert outcome.reason.startswith("This cannot be asked of a gateway: ")
            assert (await client.ask(["17"])).failed

    run(scenario())


def test_a_fault_inside_of_others_is_told_by_its_own_words(run: Any, connect: Any, make_claim: Any) -> None:
    async def scenario() -> None:
        async with connect("http://127.0.0.1:99999999") as client:
            outcome = (await client.submit(make_claim(), None)).outcome
            assert type(outcome) is Unknown
            assert "port" in outcome.reason

    run(scenario())


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"])
def test_the_deadline_is_total_and_leaves_it_unknown(
    run: Any, connect: Any, make_claim: Any, talk: Any, raw: bytes
) -> None:
    async def scenario() -> None:
        conversation = answers_with(raw, then_close=False)
        async with talk(conversation) as url, connect(url, submit_deadline=0.05) as client:
            assert type((await client.submit(make_claim(), None)).outcome) is Unknown

    run(scenario())


def test_an_answer_that_drips_does_not_stretch_the_deadline(run: Any, connect: Any, make_claim: Any, talk: Any) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.01)

    async def scenario() -> None:
        async with talk(drip) as url, connect(url, submit_deadline=0.1) as client:
            assert type((await client.submit(make_claim(), None)).outcome) is Unknown

    run(scenario())


def test_an_endless_answer_is_cut_off(run: Any, connect: Any, make_claim: Any, talk: Any) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:  # until the client leaves
            writer.write(b" " * 65536)
            await writer.drain()

    async def scenario() -> None:
        async with talk(flood) as url, connect(url) as client:
            outcome = (await client.submit(make_claim(), None)).outcome
            assert type(outcome) is Unknown
            assert "longer than" in outcome.reason

    run(scenario())


def test_a_packed_answer_is_cut_off_by_what_it_unpacks_to(
    run: Any, connect: Any, make_claim: Any, gateway: Any, url: str
) -> None:
    bomb = gzip.compress(b" " * (LONGEST_ANSWER + 1))
    gateway.answers[IMAGINE] = Response(bomb, headers={"content-encoding": "gzip"})

    async def scenario() -> None:
        async with connect(url) as client:
            outcome = (await client.submit(make_claim(), None)).outcome
            assert type(outcome) is Unknown
            assert "longer than" in outcome.reason

    run(scenario())


def test_a_packed_answer_is_read(run: Any, connect: Any, make_claim: Any, gateway: Any, url: str) -> None:
    body = gzip.compress(json.dumps(OK).encode())
    gateway.answers[IMAGINE] = Response(body, headers={"content-encoding": "gzip"})

    async def scenario() -> None:
        async with connect(url) as client:
            assert (await client.submit(make_claim(), None)).outcome == Accepted(gateway_id="17")

    run(scenario())
    assert gateway.asked[0][2]["accept-encoding"] == "gzip"


def make_bomb(megabytes: int) -> bytes:
    """Blanks, packed a thousandfold, without packing each of them."""
    packer = zlib.compressobj(wbits=31)
    head = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    further = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + further * (megabytes - 1)


@pytest.mark.parametrize(
    ("packing", "bomb"),
    [
        pytest.param("gzip", make_bomb(60), id="all in one chunk"),
        pytest.param("gzip", make_bomb(1024), id="1 GB"),
        pytest.param("gzip, gzip", gzip.compress(make_bomb(1024)), id="1 GB, packed twice"),
    ],
)
def test_a_packed_bomb_takes_no_memory(
    run: Any, connect: Any, make_claim: Any, gateway: Any, url: str, packing: str, bomb: bytes
) -> None:
    gateway.answers[IMAGINE] = Response(bomb, headers={"content-encoding": packing})

    async def scenario() -> None:
        async with connect(url) as client:
            tracemalloc.start()
            try:
                outcome = (await client.submit(make_claim(), None)).outcome
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert type(outcome) is Unknown
        assert peak < 16 * 2**20

    run(scenario())


def test_each_post_has_a_connection_of_its_own(run: Any, connect: Any, make_claim: Any, gateway: Any, url: str) -> None:
    gateway.answers[IMAGINE] = JSONResponse(OK)

    async def scenario() -> None:
        async with connect(url) as client:
            for _ in range(3):
                assert (await client.submit(make_claim(), None)).outcome == Accepted(gateway_id="17")

    run(scenario())
    assert len(set(gateway.peers)) == 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(
    run: Any, connect: Any, make_claim: Any, gateway: Any, url: str, status: int
) -> None:
    gateway.answers[IMAGINE] = RedirectResponse(f"{url}/elsewhere", status_code=status)
    gateway.answers[LIST] = RedirectResponse(f"{url}/elsewhere", status_code=status)
    gateway.answers["/elsewhere"] = JSONResponse(OK)

    async def scenario() -> None:
        async with connect(url) as client:
            outcome = (await client.submit(make_claim(), None)).outcome
            assert isinstance(outcome, Refused)
            assert "redirects" in outcome.reason
            assert (await client.ask(["17"])).failed == f"HTTP {status}"

    run(scenario())
    assert "/elsewhere" not in gateway.paths


def test_what_no_request_can_hold_is_refused_without_being_sent(
    run: Any, connect: Any, make_claim: Any, gateway: Any, url: str
) -> None:
    odd = {"label": "Dance", "emoji": "", "custom_id": None, "kind": "", "index": None}

    async def scenario() -> None:
        async with connect(url) as client:
            for claim in (make_claim(button=odd, parent="17"), make_claim(prompt="\ud800")):
                assert type((await client.submit(claim, None)).outcome) is Refused

    run(scenario())
    assert gateway.asked == []


# --- how it is addressed


@pytest.mark.parametrize("prefix", ["", "/mj-fast", "/api/v2/fast"])
def test_the_base_url_may_hold_a_path(
    run: Any, connect: Any, make_claim: Any, gateway: Any, url: str, prefix: str
) -> None:
    gateway.answers[prefix + IMAGINE] = JSONResponse(OK)

    async def scenario() -> None:
        async with connect(url + prefix) as client:
            answer = await client.submit(make_claim(), HOOK)
        assert answer.outcome == Accepted(gateway_id="17")
        assert answer.evidence == {"http_status": 200, "code": 1, "description": "提交成功", "result": "17"}

    run(scenario())
    method, path, headers, body = gateway.asked[0]
    assert (method, path, headers["content-type"]) == ("POST", prefix + IMAGINE, "application/json")
    assert json.loads(body)["notifyHook"] == HOOK


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        ("raw", {"authorization": "{key}"}),
        ("bearer", {"authorization": "Bearer {key}"}),
        ("mj-api-secret", {"mj-api-secret": "{key}"}),
        ("both", {"authorization": "Bearer {key}", "mj-api-secret": "{key}"}),
    ],
)
def test_the_key_travels_in_the_form_that_the_gateway_reads(
    run: Any, connect: Any, make_claim: Any, gateway: Any, url: str, key: str, auth: str, shown: dict[str, str]
) -> None:
    async def scenario() -> None:
        async with connect(url, auth=auth) as client:
            await client.submit(make_claim(), None)
            await client.ask(["17"])

    run(scenario())
    for _, _, headers, _ in gateway.asked:
        names = ("authorization", "mj-api-secret")
        assert {name: headers[name] for name in names if name in headers} == {
            name: form.format(key=key) for name, form in shown.items()
        }


# --- what must not come back


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda key: json.dumps({"code": 4, "description": f"bad key {key}"}).encode(), id="JSON"),
        pytest.param(lambda key: json.dumps({"code": 1, "result": key}).encode(), id="as an id"),
        pytest.param(lambda key: json.dumps({"code": 4, "description": key}).replace("/", r"\/").encode(), id="PHP"),
        pytest.param(lambda key: json.dumps({"error": {"message": key}}).encode(), id="OpenAI's shape"),
        pytest.param(lambda key: f"Invalid token {key}".encode(), id="text"),
        pytest.param(lambda key: ("x" * 490 + key).encode(), id="where the description is cut"),
    ],
)
def test_a_gateway_that_quotes_our_key_is_not_quoted(
    run: Any,
    connect: Any,
    make_claim: Any,
    gateway: Any,
    url: str,
    key: str,
    status: int,
    write: Callable[[str], bytes],
) -> None:
    gateway.answers[IMAGINE] = Response(write(key), status_code=status)

    async def scenario() -> Answer:
        async with connect(url) as client:
            return await client.submit(make_claim(), None)

    answer: Answer = run(scenario())
    assert key[:8] not in held(answer)


def test_a_short_key_does_not_eat_the_answers_that_hold_it_by_chance(
    run: Any, connect: Any, make_claim: Any, gateway: Any, url: str
) -> None:
    gateway.answers[IMAGINE] = JSONResponse({"code": 1, "description": "ok", "result": "1741531578038123"})

    async def scenario() -> None:
        async with connect(url, key="1") as client:
            assert (await client.submit(make_claim(), None)).outcome == Accepted(gateway_id="1741531578038123")

    run(scenario())


def test_a_key_in_a_fetched_task_is_not_kept(run: Any, connect: Any, gateway: Any, url: str, key: str) -> None:
    row = {"id": "17", "status": "IN_PROGRESS", "properties": {"headers": {"mj-api-secret": key}}}
    gateway.answers[LIST] = JSONResponse([row])

    async def scenario() -> None:
        async with connect(url) as client:
            told = await client.ask(["17"])
        assert told.found["17"][0].progress.properties == {"headers": {"mj-api-secret": "…"}}

    run(scenario())


@pytest.mark.parametrize(
    "body",
    [
        {"code": 4, "description": f"hook {HOOK} is not reachable"},
        {"code": 1, "result": "17", "description": "", "properties": {"notifyHook": HOOK}},
        {"code": 1, "result": TOKEN},
        {"code": 4, "description": json.dumps({"notifyHook": HOOK})},
        {"error": {"message": HOOK, "type": "x"}},
        HOOK,
    ],
)
@pytest.mark.parametrize("status", [200, 500])
def test_a_gateway_that_echoes_the_hook_is_not_quoted(
    run: Any, connect: Any, make_claim: Any, gateway: Any, url: str, status: int, body: Any
) -> None:
    gateway.answers[IMAGINE] = JSONResponse(body, status_code=status)

    async def scenario() -> Answer:
        async with connect(url) as client:
            return await client.submit(make_claim(), HOOK)

    answer: Answer = run(scenario())
    assert TOKEN_PATTERN.search(held(answer)) is None
    assert "nnnnnnnnnnn" not in held(answer)


# --- asking about tasks


def row(gateway_id: Any, status: str = "IN_PROGRESS", **more: Any) -> dict[str, Any]:
    return {"id": gateway_id, "status": status, **more}


def test_a_list_tells_of_all_at_once_and_absence_means_missing(run: Any, connect: Any, gateway: Any, url: str) -> None:
    gateway.answers[LIST] = JSONResponse([row("1", progress="31%"), row(2, "SUCCESS"), row("other")])

    async def scenario() -> None:
        async with connect(url) as client:
            told = await client.ask(["1", "2", "3"])
        assert {each: row.progress.status for each, (row,) in told.found.items()} == {
            "1": "IN_PROGRESS",
            "2": "SUCCESS",
        }
        assert (told.missing, told.failed) == ({"3"}, None)

    run(scenario())
    assert [json.loads(body) for *_, body in gateway.asked] == [{"ids": ["1", "2", "3"]}]


def test_without_a_list_it_asks_for_a_page_and_remembers(run: Any, connect: Any, gateway: Any, url: str) -> None:
    gateway.answers[QUERY] = JSONResponse({"content": [row("1")]})

    async def scenario() -> None:
        async with connect(url) as client:
            for _ in range(2):
                told = await client.ask(["1"])
                assert set(told.found) == {"1"}

    run(scenario())
    assert gateway.paths == [LIST, QUERY, QUERY]


def test_what_a_page_does_not_show_is_fetched_before_it_counts_as_missing(
    run: Any, connect: Any, gateway: Any, url: str
) -> None:
    gateway.answers[QUERY] = JSONResponse({"content": [row("1")]})
    gateway.answers["/mj/task/2/fetch"] = JSONResponse(row("2"))
    gateway.answers["/mj/task/3/fetch"] = Response(status_code=204)

    async def scenario() -> None:
        async with connect(url) as client:
            told = await client.ask(["1", "2", "3"])
        assert (set(told.found), told.missing) == ({"1", "2"}, {"3"})

    run(scenario())


@pytest.mark.parametrize("status", [404, 405, 501])
def test_without_any_list_it_fetches_one_by_one_and_remembers(
    run: Any, connect: Any, gateway: Any, url: str, status: int
) -> None:
    gateway.answers |= {path: Response(status_code=status) for path in (LIST, QUERY)}
    gateway.answers["/mj/task/1/fetch"] = JSONResponse(row("1"))

    async def scenario() -> None:
        async with connect(url) as client:
            assert client.batch == BATCH
            assert set((await client.ask(["1"])).found) == {"1"}
            assert set((await client.ask(["1"])).found) == {"1"}
            assert (client.batch, client.asked) == (FEW, 4)

    run(scenario())
    assert gateway.paths == [LIST, QUERY, "/mj/task/1/fetch", "/mj/task/1/fetch"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Response(status_code=200), id="novicezk"),
        pytest.param(Response(status_code=204), id="trueai"),
        pytest.param(Response("null", media_type="application/json"), id="null"),
        pytest.param(JSONResponse({"code": 4, "description": "task_no_found "}, status_code=400), id="new-api"),
        pytest.param(Response(status_code=404), id="HTTP"),
    ],
)
def test_every_way_of_not_knowing_a_task_is_understood(
    run: Any, connect: Any, gateway: Any, url: str, answer: Response
) -> None:
    gateway.answers["/mj/task/1/fetch"] = answer

    async def scenario() -> None:
        async with connect(url) as client:
            told = await client.ask(["1"])
        assert (told.found, told.missing, told.failed) == ({}, {"1"}, None)

    run(scenario())


FAULTS = [
    pytest.param(lambda: Response(status_code=401), id="401"),
    pytest.param(lambda: JSONResponse([], status_code=401), id="401 with an empty list"),
    pytest.param(lambda: JSONResponse({"data": []}, status_code=403), id="403 with an empty page"),
    pytest.param(lambda: JSONResponse([], status_code=500), id="500 with an empty list"),
    pytest.param(lambda: Response(status_code=429), id="429"),
    pytest.param(lambda: Response("Bad Gateway", status_code=502), id="502"),
    pytest.param(lambda: Response(status_code=408), id="408"),
    pytest.param(lambda: Response("<html>", media_type="text/html"), id="a page"),
    pytest.param(lambda: JSONResponse({"code": 5, "description": "do_request_failed"}, 400), id="the next hop"),
    pytest.param(lambda: JSONResponse({"error": {"message": "no channel"}}, 503), id="OpenAI's shape"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_list_is_no_news_of_any_task(
    run: Any, connect: Any, gateway: Any, url: str, fault: Callable[[], Response]
) -> None:
    gateway.answers[LIST] = fault()

    async def scenario() -> None:
        async with connect(url) as client:
            told = await client.ask(["1", "2"])
        assert (told.found, told.missing) == ({}, frozenset())
        assert told.failed

    run(scenario())
    assert gateway.paths == [LIST]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_fetch_is_no_news_of_its_task(
    run: Any, connect: Any, gateway: Any, url: str, fault: Callable[[], Response]
) -> None:
    gateway.answers["/mj/task/1/fetch"] = fault()
    gateway.answers["/mj/task/2/fetch"] = JSONResponse(row("2"))

    async def scenario() -> None:
        async with connect(url) as client:
            told = await client.ask(["1", "2"])
        assert (set(told.found), told.missing) == ({"2"}, frozenset())
        assert told.failed

    run(scenario())


def test_a_gateway_that_fails_every_fetch_is_left_alone_soon(run: Any, connect: Any, gateway: Any, url: str) -> None:
    ids = [str(number) for number in range(20)]
    gateway.answers |= {f"/mj/task/{each}/fetch": Response(status_code=500) for each in ids}

    async def scenario() -> None:
        async with connect(url) as client:
            assert (await client.ask(ids)).failed == "HTTP 500"

    run(scenario())
    assert len(gateway.paths) == 2 + 3


def test_a_gateway_that_never_answers_a_question_fails_in_time(run: Any, connect: Any, talk: Any) -> None:
    async def scenario() -> None:
        async with talk(answers_with(b"", then_close=False)) as url, connect(url, fetch_deadline=0.05) as client:
            told = await client.ask(["1"])
            assert (told.missing, told.failed) == (frozenset(), "TimeoutError")
            assert await client.search([OURS]) == Told(found={}, failed="TimeoutError")

    run(scenario())


@pytest.mark.parametrize(
    ("gateway_id", "path"),
    [
        ("a/b", "/mj/task/a%2Fb/fetch"),
        ("a?b#c", "/mj/task/a%3Fb%23c/fetch"),
        ("../../admin", "/mj/task/..%2F..%2Fadmin/fetch"),
        ("任务 1", "/mj/task/%E4%BB%BB%E5%8A%A1%201/fetch"),
        ("%2e%2e", "/mj/task/%252e%252e/fetch"),
        ("a\r\nX: y", "/mj/task/a%0D%0AX%3A%20y/fetch"),
    ],
)
def test_an_odd_id_stays_one_segment_of_the_path(
    run: Any, connect: Any, gateway: Any, url: str, gateway_id: str, path: str
) -> None:
    gateway.answers[path] = JSONResponse(row(gateway_id))

    async def scenario() -> None:
        async with connect(url) as client:
            assert set((await client.ask([gateway_id])).found) == {gateway_id}

    run(scenario())
    assert gateway.paths[-1] == path


@pytest.mark.parametrize("gateway_id", ["..", ".", "9" * 100_000])
def test_an_id_that_no_path_can_hold_is_missing_and_harms_no_other(
    run: Any, connect: Any, gateway: Any, url: str, gateway_id: str
) -> None:
    gateway.answers["/mj/task/1/fetch"] = JSONResponse(row("1"))

    async def scenario() -> None:
        async with connect(url) as client:
            told = await client.ask([gateway_id, "1"])
        assert (set(told.found), told.missing, told.failed) == ({"1"}, {gateway_id}, None)

    run(scenario())


def test_tasks_are_searched_by_our_state(run: Any, connect: Any, gateway: Any, url: str) -> None:
    gateway.answers[LATEST] = JSONResponse([row("1", state=OURS), row("2", state="theirs"), row("3")])

    async def scenario() -> None:
        async with connect(url) as client:
            told = await client.search([OURS])
        assert {state: row.progress.gateway_id for state, (row,) in told.found.items()} == {OURS: "1"}
        assert told.failed is None

    run(scenario())
    assert gateway.paths == [LATEST]


@pytest.mark.parametrize(
    "latest",
    [JSONResponse([row("5", state="theirs")]), Response(status_code=404), Response(status_code=500)],
    ids=["does not show it", "is none", "fails"],
)
def test_what_the_latest_ones_do_not_show_is_searched_on_a_page(
    run: Any, connect: Any, gateway: Any, url: str, latest: Response
) -> None:
    async def page(request: Request) -> Response:
        state = json.loads(await request.body())["state"]
        # It may show others as well, and not everything that was asked for.
        return JSONResponse({"content": [row("6", state="theirs"), *([row("1", state=OURS)] if state == OURS else [])]})

    gateway.answers |= {LATEST: latest, QUERY: page}

    async def scenario() -> None:
        async with connect(url) as client:
            told = await client.search([OURS, "8000000000000018"])
        assert {state: row.progress.gateway_id for state, (row,) in told.found.items()} == {OURS: "1"}
        assert (told.missing, told.failed) == (frozenset(), None)

    run(scenario())
    assert gateway.paths == [LATEST, QUERY, QUERY]


@pytest.mark.parametrize(
    ("latest", "page", "failed"),
    [
        (Response(status_code=404), Response(status_code=404), "it has no /task/list"),
        (Response(status_code=500), Response(status_code=404), "HTTP 500"),
        (Response(status_code=404), Response(status_code=500), "HTTP 500"),
        (JSONResponse([]), Response(status_code=500), "HTTP 500"),
        (JSONResponse([]), Response(status_code=404), None),
    ],
)
def test_a_search_says_when_there_was_no_way_to_look(
    run: Any, connect: Any, gateway: Any, url: str, latest: Response, page: Response, failed: str | None
) -> None:
    gateway.answers |= {LATEST: latest, QUERY: page}

    async def scenario() -> None:
        async with connect(url) as client:
            assert await client.search([OURS, "8000000000000018"]) == Told(found={}, failed=failed)

    run(scenario())
    assert gateway.paths == [LATEST, QUERY], "one failure is enough"


def test_a_gateway_without_a_list_of_latest_ones_is_not_asked_for_it_again(
    run: Any, connect: Any, gateway: Any, url: str
) -> None:
    async def scenario() -> None:
        async with connect(url) as client:
            assert (await client.search([OURS])).found == {}
            assert (await client.search([OURS])).found == {}

    run(scenario())
    assert gateway.paths == [LATEST, QUERY]


# --- lists that are too long


def test_a_list_that_is_too_long_is_asked_for_in_smaller_batches(
    run: Any, connect: Any, gateway: Any, url: str
) -> None:
    batches = []

    async def answer(request: Request) -> Response:
        batches.append(json.loads(await request.body())["ids"])
        return JSONResponse([row(each, prompt="x" * (LONGEST_LIST // 60)) for each in batches[-1] if each != "7"])

    gateway.answers[LIST] = answer
    ids = [str(number) for number in range(BATCH)]

    async def scenario() -> None:
        async with connect(url) as client:
            for _ in range(2):
                told = await client.ask(ids)
                assert (set(told.found), told.missing, told.failed) == ({*ids} - {"7"}, {"7"}, None)

    run(scenario())
    assert batches == [ids, ids[:50], ids[50:], ids[:50], ids[50:]], "it remembers"


def test_a_list_that_shows_whatever_it_likes_is_left_alone(run: Any, connect: Any, gateway: Any, url: str) -> None:
    gateway.answers[LIST] = JSONResponse([row("9", prompt="x" * LONGEST_LIST)])
    gateway.answers |= {f"/mj/task/{each}/fetch": JSONResponse(row(each)) for each in "123"}

    async def scenario() -> None:
        async with connect(url) as client:
            for _ in range(2):
                assert set((await client.ask(["1", "2", "3"])).found) == {"1", "2", "3"}

    run(scenario())
    fetches = [f"/mj/task/{each}/fetch" for each in "123"]
    assert gateway.paths == [LIST, LIST, QUERY, *fetches, *fetches]


def test_what_was_told_before_a_failure_counts(run: Any, connect: Any, gateway: Any, url: str) -> None:
    asked = []

    async def answer(request: Request) -> Response:
        asked.append(json.loads(await request.body())["ids"])
        if len(asked) == 3:
            return Response(status_code=500)
        return JSONResponse([row(each, prompt="x" * (LONGEST_LIST // 3)) for each in asked[-1]])

    gateway.answers[LIST] = answer

    async def scenario() -> None:
        async with connect(url) as client:
            told = await client.ask(["1", "2", "3", "4"])
        assert (set(told.found), told.missing, told.failed) == ({"1", "2"}, frozenset(), "HTTP 500")

    run(scenario())


def test_lists_are_read_beside_the_loop(
    run: Any, connect: Any, gateway: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def read(*args: Any) -> Any:
        threads.append(threading.get_ident())
        return parse_tasks(*args)

    monkeypatch.setattr("service.gateways.questions.parse_tasks", read)
    gateway.answers[LIST] = JSONResponse([row("1")])

    async def scenario() -> None:
        async with connect(url) as client:
            assert set((await client.ask(["1"])).found) == {"1"}

    run(scenario())
    assert threads
    assert threading.get_ident() not in threads


# --- what is over with its answer

UPLOADED = ["https://cdn.example/1.png", "https://cdn.example/2.png"]
BOOKMARK = {"label": "", "emoji": "❤️", "custom_id": "MJ::BOOKMARK::x", "kind": "BOOKMARK", "opens_modal": False}
ALL = {"label": "Imagine all", "emoji": "🎉", "custom_id": "MJ::Job::PicReader::all", "kind": "PicReader"}
PRESSED = {"button": {**ALL, "opens_modal": False, "index": None}, "parent": "17"}
MARKED = {"button": BOOKMARK | {"index": None}, "parent": "17"}
DONE = {"properties": {"status": "SUCCESS"}}


@pytest.mark.parametrize(
    ("claim", "said", "outcome"),
    [
        ({"action": "UPLOAD"}, {"code": 1, "result": UPLOADED}, Finished(urls=tuple(UPLOADED))),
        ({"action": "UPLOAD"}, {"code": 1, "result": UPLOADED[:1]}, Finished(urls=(UPLOADED[0],))),
        ({"action": "UPLOAD"}, {"code": 4, "description": "禁止上传"}, Refused),
        ({"action": "UPLOAD"}, {"code": 1, "result": []}, Unknown),
        ({"action": "UPLOAD"}, {"code": 23, "result": UPLOADED}, Capacity),
        (MARKED, {"code": 1, "result": "17"}, Finished()),  # its parent's own id: nothing new was made
        (MARKED, {"code": 1, "result": 17}, Finished()),
        (MARKED, {"code": 1, "result": "18"}, Accepted(gateway_id="18")),
        (MARKED, {"code": 22, "result": "18"}, Accepted(gateway_id="18")),
        (PRESSED, {"code": 1, "result": "21,22,23,24"}, Accepted(gateway_id="21")),
        (PRESSED, {"code": 1, "result": "21, 22"}, Accepted(gateway_id="21")),
        (PRESSED, {"code": 1, "result": "21"}, Accepted(gateway_id="21")),
        (PRESSED, {"code": 21, "result": "18"}, Modal(gateway_id="18")),
        (PRESSED, {"code": 21, "description": "任务已存在", "result": "18", **DONE}, Existed(gateway_id="18")),
        ({}, {"code": 1, "result": "17"}, Accepted(gateway_id="17")),  # a root has no parent to be mistaken for
        ({"kind": "modal", "gateway_id": "17"}, {"code": 1, "result": "17"}, Accepted(gateway_id="17")),
    ],
)
def test_an_answer_may_say_that_nothing_is_to_be_waited_for(
    run: Any,
    connect: Any,
    make_claim: Any,
    gateway: Any,
    url: str,
    claim: dict[str, Any],
    said: dict[str, Any],
    outcome: Outcome | type[Outcome],
) -> None:
    paths = ("imagine", "action", "modal", "upload-discord-images")
    gateway.answers = {f"/mj/submit/{path}": JSONResponse(said) for path in paths}

    async def scenario() -> None:
        async with connect(url) as client:
            answer = await client.submit(make_claim(**claim), HOOK)
            if isinstance(outcome, type):
                assert isinstance(answer.outcome, outcome)
            else:
                assert answer.outcome == outcome
            # The whole answer stays: with all the addresses, and all the ids.
            whole = said.get("result")
            kept = answer.evidence["results"] if isinstance(whole, list) and whole else answer.evidence["result"]
            assert kept == (tuple(whole) if isinstance(whole, list) and whole else str(whole) if whole else None)

    run(scenario())


@pytest.mark.parametrize(
    ("attachments", "on_the_loop"), [({"a" * 64: "data:image/png;base64,iVBORw=="}, False), ({}, True)]
)
def test_a_body_with_pictures_is_put_together_beside_the_loop(
    run: Any,
    gateway: Any,
    url: str,
    connect: Any,
    make_claim: Any,
    monkeypatch: pytest.MonkeyPatch,
    attachments: dict[str, str],
    on_the_loop: bool,
) -> None:
    threads: list[threading.Thread] = []
    real = client_module.make_request

    def note_thread(*args: Any) -> Any:
        threads.append(threading.current_thread())
        return real(*args)

    gateway.answers[IMAGINE] = JSONResponse(OK)
    monkeypatch.setattr(client_module, "make_request", note_thread)

    async def scenario() -> None:
        async with connect(url) as client:
            answer = await client.submit(make_claim(pictures=list(attachments)), HOOK, attachments)
            assert isinstance(answer.outcome, Accepted)

    run(scenario())
    assert [thread is threading.main_thread() for thread in threads] == [on_the_loop]
    sent = json.loads(gateway.asked[0][3])
    assert sent.get("base64Array", []) == list(attachments.values())
    assert gateway.asked[0][2]["content-type"] == "application/json"
