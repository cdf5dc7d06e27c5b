"""What a connection puts up with: over raw sockets, with an application that only echoes, and little patience."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest
import uvicorn

from service.web.connection import MAX_HEAD, MAX_OWED, Connection

pytestmark = pytest.mark.fault
DEADLINE = 10.0  # seconds until a test gives up waiting


class Hasty(Connection):
    """A connection that waits a moment only."""

    patience = 0.3
    reads_within = 0.3


class Reluctant(Connection):
    """A connection that waits a moment for who reads nothing, and any time for who reads slowly."""

    patience = 0.3
    reads_within = 1.5


class Patient(Connection):
    """A connection that no test lives to see the end of."""

    patience = 3600.0


class House:
    """An application behind a socket: it answers with what it was sent, to `/later` as soon as it may."""

    def __init__(self, protocol: type[Connection]) -> None:
        self._heard: list[str] = []  # what became of each request
        self._hearing = threading.Condition()
        self._may = asyncio.Event()
        self._server = uvicorn.Server(
            uvicorn.Config(
                self, http=protocol, ws="none", log_config=None, lifespan="off", timeout_graceful_shutdown=10
            )
        )
        listener = socket.create_server(("127.0.0.1", 0))
        self._address = listener.getsockname()
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread.start()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._loop = asyncio.get_running_loop()
        if scope["path"] == "/refused":
            return await self._answer(send, 401, b"")
        if scope["path"] == "/later":
            await self._may.wait()
        if scope["path"] == "/early":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return self._note(f"{scope['path']} hung up")
            body, more = body + message["body"], message["more_body"]
        self._note(f"{scope['path']} {len(body)}")
        return await self._answer(send, 200, body)

    def _note(self, what: str) -> None:
        with self._hearing:
            self._heard.append(what)
            self._hearing.notify_all()

    def has_heard(self, *what: str) -> bool:
        """Exactly this, by now or soon, since the last time that somebody asked."""
        with self._hearing:
            self._hearing.wait_for(lambda: len(self._heard) >= len(what), DEADLINE)
            heard, self._heard = self._heard, []
            return sorted(heard) == sorted(what)

    async def _answer(self, send: Any, status: int, body: bytes) -> None:
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def let_go(self) -> None:
        """Answer `/later` from now on."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._may.set)

    @contextlib.contextmanager
    def call(self, *pieces: bytes) -> Iterator["Caller"]:
        with socket.create_connection(self._address, timeout=DEADLINE) as it, it.makefile("rb") as answers:
            caller = Caller(it, answers)
            for piece in pieces:
                caller.say(piece)
            yield caller

    def pass_the_time(self) -> None:
        """Return when a connection that is silent from now on has lost the house's patience."""
        with self.call() as caller:
            assert caller.hears_nothing_more()

    def ask_to_leave(self) -> None:
        self._server.should_exit = True

    def leave(self) -> None:
        self.ask_to_leave()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()


class Caller:
    """The other end, which reads answers one by one."""

    def __init__(self, connection: socket.socket, answers: BinaryIO) -> None:
        self._connection = connection
        self._answers = answers

    def say(self, piece: bytes) -> None:
        self._connection.sendall(piece)

    def flood(self, piece: bytes) -> None:
        """Say it until nobody listens any more."""
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(1000):
                self._connection.sendall(piece)

    def hear(self) -> tuple[int, dict[str, str], bytes]:
        """One answer: status, headers, body."""
        status, headers = self.hear_head()
        return status, headers, self.hear_body(int(headers.get("content-length", 0)))

    def hear_head(self) -> tuple[int, dict[str, str]]:
        """What comes before the body of an answer."""
        status = int(self._answers.readline().split()[1])
        headers = {}
        while (line := self._answers.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        return status, headers

    def hear_body(self, length: int) -> bytes:
        """Some of a body, or what there is of it."""
        return self._answers.read(length)

    def hears(self, status: int) -> bool:
        """The answer is this, as a problem where it is a refusal of the connection, and the last one."""
        heard, headers, body = self.hear()
        assert (heard, headers["content-type"]) == (status, "application/problem+json")
        assert json.loads(body)["status"] == status
        assert headers["connection"] == "close"
        return self.hears_nothing_more()

    def hears_nothing_more(self) -> bool:
        return self._answers.read() == b""


@pytest.fixture(scope="module")
def shared() -> Iterator[House]:
    house = House(Hasty)
    yield house
    house.leave()


@pytest.fixture
def house(shared: House) -> House:
    shared.has_heard()  # whatever the test before left
    return shared


@pytest.fixture
def patient() -> Iterator[House]:
    house = House(Patient)
    yield house
    house.leave()


def post(body: bytes, length: int | None = None, path: str = "/") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length or len(body)}\r\n\r\n".encode() + body


def get(path: str, *more: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: x", *more, "", "")).encode()


# --- what arrives whole


def test_requests_that_arrive_together_are_answered_in_order(house: House) -> None:
    with house.call(post(b"one") + post(b"two") + get("/three") + post(b"four")) as caller:
        assert [caller.hear()[2] for _ in range(4)] == [b"one", b"two", b"", b"four"]


def test_a_method_may_be_spelled_small_as_a_gateways_page_has_it(patient: House) -> None:
    small = post(b"post post").replace(b"POST", b"post", 1)
    with patient.call(small) as caller:
        assert caller.hear()[::2] == (200, b"post post")
        caller.say(small)
        assert caller.hear()[::2] == (200, b"post post")


def test_a_request_may_arrive_byte_by_byte(patient: House) -> None:
    with patient.call(*(bytes([each]) for each in post(b"one"))) as caller:
        assert caller.hear()[2] == b"one"
        caller.say(post(b"two"))
        assert caller.hear()[2] == b"two"


def test_a_long_body_is_no_head(patient: House) -> None:
    body = b"x" * (5 * MAX_HEAD)
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = f"{len(body):x}\r\n".encode() + body + b"\r\n"
    with patient.call(post(body), post(body) + get("/", "X: 1"), chunked, piece, piece, b"0\r\n\r\n") as caller:
        assert [len(caller.hear()[2]) for _ in range(4)] == [len(body), len(body), 0, 2 * len(body)]


# --- heads


HEADS = {
    "many headers": get("/", *(f"X-{number}: {'x' * 100}" for number in range(1000))),
    "one long header": get("/", "X: " + "x" * MAX_HEAD),
    "a long address": get("/" + "x" * MAX_HEAD),
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_has_an_end(patient: House, kind: str) -> None:
    with patient.call(HEADS[kind]) as caller:
        assert caller.hears(431)
    assert patient.has_heard()


def test_a_head_may_be_as_long_as_that(patient: House) -> None:
    with patient.call(get("/?", "X: " + "x" * (MAX_HEAD - 100))) as caller:
        assert caller.hear()[0] == 200


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(b"GET / HTTP/1.1\r\n", id="headers"),
        pytest.param(b"GET / HTTP/1.1\r\nX: ", id="one header"),
        pytest.param(b"GET /", id="the address"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", id="trailers"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;x", id="a chunk's extension"),
        pytest.param(b"", id="blank lines"),
    ],
)
def test_who_never_comes_to_the_point_is_cut_off(patient: House, begin: bytes) -> None:
    line = b"X: 1\r\n" if begin.endswith(b"\n") else b"\r\n" if begin == b"" else b"x"
    with patient.call(begin) as caller:
        caller.flood(line * 10_000)
    with patient.call(get("/")) as caller:
        assert caller.hear()[0] == 200


def test_a_head_that_is_too_long_does_not_overtake_the_answer_before(patient: House) -> None:
    with patient.call(post(b"one") + HEADS["one long header"]) as caller:
        assert caller.hear()[2] == b"one"
        assert caller.hears(431)


def test_what_is_no_http_is_a_problem_too(patient: House) -> None:
    for words in (b"\x16\x03\x01\x02", b"hello\r\n\r\n", post(b"", 5).replace(b"5", b"-5"), get("http://x:y/")):
        with patient.call(words) as caller:
            assert caller.hears(400)
        with patient.call(post(b"one")) as caller:
            assert caller.hear()[2] == b"one"
            caller.say(words)
            assert caller.hears(400)


# --- time


@pytest.mark.parametrize("words", [b"G", get("/")[:-2], b"\r\n" + get("/")[:-1]])
def test_a_head_must_be_whole_in_time(house: House, words: bytes) -> None:
    with house.call(words) as caller:
        assert caller.hears(408)
    with house.call(post(b"one")) as caller:
        assert caller.hear()[0] == 200
        caller.say(words)
        assert caller.hears(408)


@pytest.mark.parametrize("words", [b"", b"\r\n", b"\r\n\r\n"])
def test_who_says_nothing_is_left_without_a_word(house: House, words: bytes) -> None:
    with house.call(words) as caller:
        assert caller.hears_nothing_more()


def test_blank_lines_keep_no_connection_open(house: House) -> None:
    with house.call(post(b"one")) as caller:
        assert caller.hear()[0] == 200
        caller.say(b"\r\n")
        assert caller.hears_nothing_more()


@pytest.mark.parametrize(
    "words",
    [
        post(b"hal", 10),
        post(b"", 10),
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhal\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhal\r\n0\r\nX: 1\r\n",
    ],
)
def test_a_body_must_be_whole_in_time_and_its_handler_hears_that_the_caller_is_gone(house: House, words: bytes) -> None:
    with house.call(words) as caller:
        assert caller.hears(408)
    assert house.has_heard("/ hung up")


def test_a_body_that_was_refused_is_not_waited_for(house: House) -> None:
    with house.call(post(b"hal", 10, "/refused")) as caller:
        assert caller.hear()[0] == 401
        assert caller.hears_nothing_more()
    with house.call(post(b"hal", 4, "/refused")) as caller:
        assert caller.hear()[0] == 401
        caller.say(b"f")  # the rest of it, and then silence
        assert caller.hears_nothing_more()


def test_an_answer_that_has_begun_gets_no_second_one(house: House) -> None:
    with house.call(post(b"hal", 10, "/early")) as caller:
        assert caller.hear()[0] == 200
        assert caller.hears_nothing_more()
    assert house.has_heard("/early hung up")


def test_a_long_body_may_take_longer() -> None:
    class Lenient(Hasty):
        slowest = 1.0  # byte per second

    house = House(Lenient)
    try:
        with house.call(post(b"x" * 60, 61)) as caller:
            house.pass_the_time()
            caller.say(b"x")
            assert caller.hear()[0] == 200
    finally:
        house.leave()


def test_who_waits_for_us_may_wait_and_then_goes_on(house: House) -> None:
    """Also with a request behind one that takes its time: reading is held back meanwhile, and no time runs."""
    with (
        house.call(get("/later") + post(b"one") + post(b"tw", 3)) as caller,
        house.call(get("/later") + get("/")[:-2]) as other,
        house.call(get("/later")) as simple,
    ):
        house.pass_the_time()
        caller.say(b"o")
        other.say(b"\r\n")
        house.let_go()
        assert [caller.hear()[2] for _ in range(3)] == [b"", b"one", b"two"]
        assert [other.hear()[0] for _ in range(2)] == [200, 200]
        assert simple.hear()[0] == 200


# --- leaving


def test_who_leaves_waits_for_nobody_who_is_still_speaking() -> None:
    house = House(Patient)
    with (
        house.call(get("/")[:-2]) as half_head,
        house.call(post(b"hal", 10).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")) as half_body,
        house.call(get("/later") + post(b"hal", 10, "/behind")) as behind,
        house.call(post(b"hal", 10, "/early")) as begun,
        house.call(post(b"one")) as idle,
    ):
        assert half_body.hear()[0] == 100
        assert begun.hear()[0] == 200
        assert idle.hear()[0] == 200
        house.ask_to_leave()
        assert half_body.hears(503)
        assert half_head.hears_nothing_more()
        assert begun.hears_nothing_more()
        assert idle.hears_nothing_more()
        house.let_go()
        assert behind.hear()[0] == 200
        assert behind.hears(503)
    house.leave()
    assert house.has_heard("/ 3", "/ hung up", "/behind hung up", "/early hung up", "/later 0")


# --- what does not wait for answers


def test_many_requests_at_once_are_answered_in_turn(house: House) -> None:
    with house.call(b"".join(post(b"%d" % number) for number in range(MAX_OWED))) as caller:
        assert [caller.hear()[2] for _ in range(MAX_OWED)] == [b"%d" % number for number in range(MAX_OWED)]


def test_a_caller_that_asks_on_and_on_without_waiting_is_left(patient: House) -> None:
    with patient.call(get("/later")) as caller:
        caller.flood(get("/") * 100)
    patient.let_go()


# --- who does not read


MUCH = 24 * 1024 * 1024  # bytes; the system itself holds some for a caller


def test_who_reads_nothing_is_dropped(house: House) -> None:
    with house.call(post(b"x" * MUCH)) as caller:
        for _ in range(4):
            house.pass_the_time()
        status, headers, body = caller.hear()
        assert (status, headers["content-length"]) == (200, str(MUCH))
        assert len(body) < MUCH


def test_who_reads_slowly_hears_all_of_it() -> None:
    house = House(Reluctant)
    with house.call(post(b"x" * MUCH)) as caller:
        caller.hear_head()
        heard = 0
        for _ in range(8):
            house.pass_the_time()
            heard += len(caller.hear_body(1024 * 1024))
        assert heard + len(caller.hear_body(MUCH - heard)) == MUCH
    house.leave()
