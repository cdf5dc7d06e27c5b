"""What a gateway hears when it calls back: over real HTTP into a real ledger, and ASGI by hand for odd moments."""

import asyncio
import http.client
import json
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import structlog
import uvicorn

from hooks.blanker import Blanker
from hooks.receiver import MAX_BODY, PREFIX, Receiver
from hooks.token import MAX_AGE, TokenSigner
from storage.errors import LedgerBusy, LedgerUnavailable, NoSuchSubmission
from storage.ledger import record
from storage.records import Progress
from storage.tasks import read_task

if TYPE_CHECKING:
    from storage.store import Store
    from tests.conftest import Ledger

PATIENCE = 10.0
KEY, OLD_KEY = "a secret key of this test", "an older secret key"
GATEWAY_KEY = "sk-Geheim/0123456789"
DONE = b'{"id":"g1","status":"SUCCESS","progress":"100%","imageUrl":"https://cdn.example/a.png"}'

Answer = tuple[int, dict[str, str], Any]


class Door:
    """A receiver behind a socket, in a thread of its own, with its ledger."""

    def __init__(self, ledger: "Ledger") -> None:
        self.ledger = ledger
        self.signer = TokenSigner([OLD_KEY, KEY], clock=ledger.clock)
        self.calls = 0  # that are over
        self._over = threading.Condition()
        self._receiver = Receiver(read_token=self.signer.read, blanker=Blanker((GATEWAY_KEY,)), record=self._record)
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = ("127.0.0.1", listener.getsockname()[1])
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            http="httptools",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._thread.start()

    @property
    def store(self) -> "Store":
        return self.ledger.store

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        try:
            await self._receiver(scope, receive, send)
        finally:
            with self._over:
                self.calls += 1
                self._over.notify_all()

    def _record(self, *arguments: Any) -> Awaitable[Any]:
        # The ledger of these tests writes without a loop, as the tests do themselves.
        return asyncio.wrap_future(self.store.submit(record, *arguments))

    def wait_for(self, calls: int) -> None:
        with self._over:
            assert self._over.wait_for(lambda: self.calls >= calls, PATIENCE)

    def open(self) -> tuple[str, str]:
        """A task that is being submitted; gives its id and its hook."""
        task = self.ledger.open()
        self.ledger.claim()
        return task.id, self.hook(task.id, self.ledger.submission(task).nonce)

    def hook(self, task_id: str, nonce: str, key: str = KEY) -> str:
        return PREFIX + TokenSigner([key], clock=self.ledger.clock).mint(task_id, nonce)

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, body, options.pop("headers", {}), **options)
            response = connection.getresponse()
            content = response.read()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, headers, json.loads(content) if content else None
        finally:
            connection.close()

    def post(self, hook: str, body: Any = DONE, **options: Any) -> int:
        return self.ask("POST", hook, body, **options)[0]

    def raw(self, content: bytes) -> socket.socket:
        connection = socket.create_connection(self.address, timeout=PATIENCE)
        connection.sendall(content)
        return connection

    def written(self) -> list[Any]:
        """Everything that a callback might have changed."""
        tables = ("tasks", "submissions", "gateway_ids", "events", "firings")
        return [self.ledger.sql(f"SELECT * FROM {table}") for table in tables]

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def door(open_shared_ledger: "Callable[..., Ledger]") -> Iterator[Door]:
    door = Door(open_shared_ledger())
    yield door
    door.stop()


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    with structlog.testing.capture_logs() as found:
        yield found


def test_200_means_that_it_is_in_the_ledger(door: Door) -> None:
    task_id, hook = door.open()
    status, headers, body = door.ask("POST", hook, DONE)
    assert (status, headers["content-type"], body) == (200, "application/json", {"ok": True})
    task = door.store.query(read_task, task_id)
    assert (task.status, task.image_url, task.gateway_id) == ("SUCCESS", "https://cdn.example/a.png", "g1")
    assert door.post(hook) == 200, "again, for a gateway that did not hear it"
    assert door.ledger.told(task) == ["task.submitted", "task.succeeded"]


def test_what_has_no_effect_is_acknowledged_too_or_it_would_come_for_ever(door: Door) -> None:
    _, hook = door.open()
    door.post(hook)
    before = door.written()
    assert door.post(hook, DONE.replace(b"g1", b"g2")) == 200, "another task's"
    assert door.post(hook, b'{"id":"g1","status":"IN_PROGRESS","progress":"3%"}') == 200
    assert door.written() == before
    assert door.post(hook, b'{"id":"g1","status":"FAILURE"}') == 200
    assert door.written()[0] == before[0]


@pytest.mark.parametrize("chunks", [1, 7, 200])
def test_a_body_may_come_in_pieces(door: Door, chunks: int) -> None:
    task_id, hook = door.open()
    body = json.dumps({"id": "g1", "status": "SUCCESS", "prompt": "一只猫" * 300}, ensure_ascii=False).encode()
    size = len(body) // chunks + 1
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    assert door.post(hook, pieces, encode_chunked=True, headers={"Transfer-Encoding": "chunked"}) == 200
    assert door.store.query(read_task, task_id).properties == {"prompt": "一只猫" * 300}


def test_a_hook_works_under_an_older_key_and_whatever_the_content_type_says(door: Door) -> None:
    task_id, hook = door.open()
    nonce = hook.split("-", 1)[1].split(".")[0]
    headers = {"Content-Type": "text/plain; charset=gbk"}
    assert door.post(door.hook(task_id, nonce, OLD_KEY), headers=headers) == 200
    assert door.store.query(read_task, task_id).status == "SUCCESS"


def forge(hook: str) -> dict[str, str]:
    head, time, signature = hook.removeprefix(PREFIX).split(".")
    other = "A" if signature[5] != "A" else "B"
    return {
        "changed": f"{head}.{time}.{signature[:5]}{other}{signature[6:]}",
        "of another task": f"8{int(head[1:16]) + 1:015d}{head[16:]}.{time}.{signature}",
        "with another nonce": f"{head[:-1]}{'A' if head[-1] != 'A' else 'B'}.{time}.{signature}",
        "longer lived": f"{head}.{time[:-1]}{'A' if time[-1] != 'A' else 'B'}.{signature}",
        "truncated": f"{head}.{time}.{signature[:-1]}",
        "cut at the signature": f"{head}.{time}",
        "cut at the time": head,
        "lengthened": f"{head}.{time}.{signature}A",
        "with a line end": f"{head}.{time}.{signature}%0A",
        "with a slash": f"{head}.{time}.{signature}/",
        "twice": f"{head}.{time}.{signature}.{head}.{time}.{signature}",
        "in other letters": f"{head}.{time}.{signature}".upper(),
        "in another spelling of base64": f"{head}.{time}.{signature[:-1]}{chr(ord(signature[-1]) + 1)}",
        "with one letter encoded": f"%38{head[1:]}.{time}.{signature}",
        "percent-encoded": "".join(f"%{ord(each):02X}" for each in f"{head}.{time}.{signature}"),
        "encoded where it need not be": f"{head}%2E{time}%2E{signature}",
        "empty": "",
        "no token": "..%2f..%2fetc%2fpasswd",
        "Chinese": "%E7%8C%AB",
        "not UTF-8": "%ff%fe",
        "long": "A" * 5000,
    }


@pytest.mark.parametrize("forgery", forge("/hooks/8000000000000000-AAAAAAAAAAA.AAAA.AAAAAAAA"))
def test_a_forged_hook_opens_nothing(door: Door, forgery: str) -> None:
    _, hook = door.open()
    before = door.written()
    status, headers, body = door.ask("POST", PREFIX + forge(hook)[forgery], DONE)
    assert (status, headers["content-type"]) == (401, "application/problem+json")
    assert body["status"] == 401
    assert door.written() == before


def test_a_signature_made_for_another_purpose_opens_nothing(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    task_id, hook = door.open()
    nonce = hook.split("-", 1)[1].split(".")[0]
    monkeypatch.setattr("hooks.token.SALT", b"ringback.picture")
    assert door.post(door.hook(task_id, nonce)) == 401
    monkeypatch.undo()
    assert door.post(door.hook(task_id, nonce, "a key that nobody configured")) == 401
    assert door.post(hook) == 200


def test_a_hook_lives_for_a_week(open_ledger: "Callable[..., Ledger]") -> None:
    ledger = open_ledger()
    task = ledger.open()
    signer = TokenSigner([KEY], clock=ledger.clock)
    path = PREFIX + signer.mint(task.id, ledger.submission(task).nonce)
    ledger.clock.now += MAX_AGE
    assert Call(path, signer=signer).status == 200
    ledger.clock.now += 1
    late = Call(path, signer=signer)
    assert (late.status, late.recorded) == (410, [])


def test_a_hook_that_the_ledger_does_not_know_is_gone(door: Door) -> None:
    task_id, _ = door.open()
    before = door.written()
    assert door.post(door.hook("8000000000000001", "AAAAAAAAAAA")) == 410, "of another ledger"
    assert door.post(door.hook(task_id, "AAAAAAAAAAA")) == 410, "of another submission"
    assert door.written() == before


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_a_hook_takes_a_post(door: Door, method: str) -> None:
    _, hook = door.open()
    before = door.written()
    status, headers, _ = door.ask(method, hook, DONE)
    assert (status, headers["allow"]) == (405, "POST")
    assert door.written() == before


def test_a_long_body_is_refused_by_its_own_word_before_it_is_read(door: Door) -> None:
    _, hook = door.open()
    before = door.written()
    head = f"POST {hook} HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n"
    with door.raw(head.encode()) as connection, connection.makefile("rb") as answer:
        assert answer.readline().startswith(b"HTTP/1.1 413 ")
    assert door.written() == before


def test_a_long_body_without_a_length_is_refused_on_the_way(door: Door) -> None:
    _, hook = door.open()
    before = door.written()
    head = f"POST {hook} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with door.raw(head + chunk * (MAX_BODY // 0x10000)) as connection, connection.makefile("rb") as answer:
        connection.sendall(b"1\r\n \r\n")  # one byte too many, and no end in sight
        assert answer.readline().startswith(b"HTTP/1.1 413 ")
    assert door.written() == before


def test_a_body_may_be_as_long_as_that(door: Door) -> None:
    task_id, hook = door.open()
    assert door.post(hook, DONE + b" " * (MAX_BODY - len(DONE))) == 200
    assert door.store.query(read_task, task_id).status == "SUCCESS"


NO_TASKS = {
    "nothing": b"",
    "blanks": b"   \r\n",
    "a form": b"id=g1&status=SUCCESS",
    "cut short": DONE[:-1],
    "two": DONE + DONE,
    "an array": b"[" + DONE + b"]",
    "null": b"null",
    "text": b'"SUCCESS"',
    "a number": b"100",
    "NaN": b'{"id":"g1","status":"SUCCESS","progress":NaN}',
    "no task": b'{"hello":"world"}',
    "an error page": b'{"timestamp":"2025-01-01","status":404,"error":"Not Found"}',
    "empty fields": b'{"id":"","status":"","progress":""}',
    "wrong types": b'{"id":{"a":1},"status":["SUCCESS"],"progress":{"p":1}}',
    "bad UTF-8": b'{"id":"g1","status":"SUCCESS","prompt":"\xff\xfe"}',
    "UTF-16": DONE.decode().encode("utf-16"),
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "deep objects": b'{"id":"g1","status":"SUCCESS","properties":' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}",
    "very deep arrays": b'{"id":"g1","status":"SUCCESS","x":' + b"[" * 400_000 + b"]" * 400_000 + b"}",
    "deep and open": b"[" * 1_000_000,
}


@pytest.mark.parametrize("kind", NO_TASKS)
def test_what_is_no_task_is_refused_and_writes_nothing(door: Door, kind: str) -> None:
    _, hook = door.open()
    before = door.written()
    status, headers, body = door.ask("POST", hook, NO_TASKS[kind])
    assert (status, headers["content-type"]) == (422, "application/problem+json")
    assert body["title"].startswith("Unprocessable")
    assert door.written() == before


ODD_TASKS = {
    "wrong types beside": b'{"id":12345678901234567890,"status":"SUCCESS","buttons":7,"properties":[1],"startTime":0}',
    "a huge number": b'{"id":"g1","status":"SUCCESS","n":' + b"9" * 5000 + b"}",
    "an infinite number": b'{"id":"g1","status":"SUCCESS","n":1e999}',
    "half an emoji": b'{"id":"g1","status":"SUCCESS","prompt":"\\ud83d"}',
    "NUL": b'{"id":"g1","status":"SUCCESS","prompt":"a\\u0000b"}',
    "a byte order mark": b"\xef\xbb\xbf" + DONE,
    "a key twice": b'{"id":"g0","id":"g1","status":"FAILURE","status":"SUCCESS"}',
    "an unknown status": '{"id":"g1","status":"宇宙"}'.encode(),
}


@pytest.mark.parametrize("kind", ODD_TASKS)
def test_what_is_merely_odd_is_kept_and_can_be_read_again(door: Door, kind: str) -> None:
    task_id, hook = door.open()
    assert door.post(hook, ODD_TASKS[kind]) == 200
    task = door.store.query(read_task, task_id)
    assert task.status in ("SUCCESS", "宇宙")
    assert door.ledger.events(task)[-1].task == task


def test_our_own_hook_in_a_body_is_not_kept(door: Door) -> None:
    task_id, hook = door.open()
    token = hook.removeprefix(PREFIX)
    body = {
        "id": "g1",
        "status": token,
        "progress": "5%",
        "failReason": f"POST https://ringback.example{hook} failed",
        "imageUrl": hook,
        "properties": {"notifyHook": f"https://ringback.example{hook}", hook: [hook, {"deep": hook}]},
        "buttons": [{"label": "U1", "customId": token}],
    }
    assert door.post(hook, json.dumps(body)) == 200
    kept = json.dumps(door.written(), ensure_ascii=False)
    assert token not in kept
    assert token.rsplit(".", 1)[1] not in kept
    assert door.store.query(read_task, task_id).progress == 5


@pytest.mark.parametrize("spell", [str, lambda text: text.replace("/", "%2F"), lambda text: f'{{"key":"{text}"}}'])
def test_the_gateways_key_in_a_body_is_not_kept(door: Door, spell: Callable[[str], str]) -> None:
    task_id, hook = door.open()
    said = f"401: {spell(GATEWAY_KEY)} is wrong"
    body = {"id": "g1", "status": "FAILURE", "failReason": said, "properties": {said: [said]}}
    for escaped in (json.dumps(body), json.dumps(body).replace("/", r"\/"), json.dumps(body).replace("0", r"\u0030")):
        assert door.post(hook, escaped) == 200
    kept = json.dumps(door.written(), ensure_ascii=False)
    assert "401:" in kept and "is wrong" in kept
    assert "Geheim" not in kept
    assert "…" in (door.store.query(read_task, task_id).fail_reason or "")


def test_who_hangs_up_in_the_middle_writes_nothing(door: Door) -> None:
    _, hook = door.open()
    before, calls = door.written(), door.calls
    whole = len(DONE) + 10
    for head in (f"Content-Length: {whole}\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n57\r\n"):
        door.raw(f"POST {hook} HTTP/1.1\r\nHost: x\r\n{head}".encode() + DONE).close()
    door.wait_for(calls + 2)
    assert door.written() == before
    assert door.post(hook) == 200


def test_a_full_disk_is_said_with_a_time_to_come_again_and_nothing_is_lost(
    open_ledger: "Callable[..., Ledger]",
) -> None:
    ledger = open_ledger()
    door = Door(ledger)
    try:
        task_id, hook = door.open()
        before = door.written()
        ledger.do(lambda tx: tx.execute("PRAGMA max_page_count = 1").fetchone())
        big = json.dumps({"id": "g1", "status": "SUCCESS", "prompt": "x" * 500_000})
        status, headers, body = door.ask("POST", hook, big)
        assert (status, headers["retry-after"], body["status"]) == (503, "1", 503)
        assert door.written() == before
        ledger.do(lambda tx: tx.execute("PRAGMA max_page_count = 100000").fetchone())
        assert door.post(hook, big) == 200
        assert ledger.ask(read_task, task_id).status == "SUCCESS"
    finally:
        door.stop()


def test_nothing_that_is_logged_holds_a_token(door: Door, lines: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    _, hook = door.open()
    token = hook.removeprefix(PREFIX)
    signature = token.rsplit(".", 1)[1]
    said = {"id": token, "status": f"x {token}", "progress": token, "failReason": hook}
    for path in (hook, PREFIX + token[:-1], PREFIX + token + "/x", PREFIX + door.hook("8" + "1" * 15, "A" * 11)[7:]):
        for body in (json.dumps(said | {"status": "IN_PROGRESS"}), json.dumps(said), token, b"", DONE):
            door.post(path, body)
        door.ask("GET", path)
    assert {line["event"] for line in lines} >= {"callback", "callback refused"}
    # uvicorn's access log is switched off wherever it runs for us; only pytest's own handler hears it here.
    others = [record.getMessage() for record in caplog.records if record.name != "uvicorn.access"]
    everything = json.dumps([lines, others], default=str)
    assert token not in everything
    assert signature[:20] not in everything


class Call:
    """One call of a receiver by hand. `messages` is what the server hands in."""

    def __init__(
        self,
        path: str,
        *messages: dict[str, Any],
        signer: TokenSigner,
        outcome: Any = "news",
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        self.recorded: list[tuple[Any, ...]] = []
        self.sent: list[dict[str, Any]] = []
        self._outcome = outcome
        self._messages = list(messages) or [{"type": "http.request", "body": DONE}]
        receiver = Receiver(read_token=signer.read, blanker=Blanker(), record=self._record)
        scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": list(headers)}
        asyncio.run(receiver(scope, self._receive, self._send))

    async def _record(self, *arguments: Any) -> Any:
        self.recorded.append(arguments)
        for _ in range(5):
            await asyncio.sleep(0)
            assert self.sent == [], "it was acknowledged before it was recorded"
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    async def _receive(self) -> dict[str, Any]:
        return self._messages.pop(0)

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None


@pytest.fixture
def signer() -> TokenSigner:
    return TokenSigner([KEY])


@pytest.fixture
def path(signer: TokenSigner) -> str:
    return PREFIX + signer.mint("8123456789012345", "Zk3x_9AbQ-w")


def test_nothing_is_answered_before_the_record_is_through(path: str, signer: TokenSigner) -> None:
    call = Call(path, signer=signer)
    assert call.status == 200
    ((task_id, nonce, progress, source),) = call.recorded
    assert (task_id, nonce, source) == ("8123456789012345", "Zk3x_9AbQ-w", "callback")
    assert progress == Progress(gateway_id="g1", status="SUCCESS", progress=100, image_url="https://cdn.example/a.png")


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("news", 200),
        ("known", 200),
        ("foreign", 200),
        ("contradiction", 200),
        (NoSuchSubmission(), 410),
        (LedgerBusy(), 503),
        (LedgerUnavailable("disk full"), 503),
    ],
)
def test_each_outcome_has_its_answer(path: str, signer: TokenSigner, outcome: Any, status: int) -> None:
    call = Call(path, signer=signer, outcome=outcome)
    assert call.status == status
    start, body = call.sent
    headers = dict(start["headers"])
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert (headers.get(b"retry-after") == b"1") is (status == 503)
    assert b"disk" not in body["body"], "a stranger need not know why"


def test_a_call_that_breaks_off_is_not_answered(path: str, signer: TokenSigner) -> None:
    half = {"type": "http.request", "body": DONE, "more_body": True}
    call = Call(path, half, {"type": "http.disconnect"}, signer=signer)
    assert (call.sent, call.recorded) == ([], [])


def test_a_refused_body_is_not_read_to_its_end(path: str, signer: TokenSigner) -> None:
    piece = {"type": "http.request", "body": b" " * MAX_BODY, "more_body": True}
    call = Call(path, piece, piece, piece, signer=signer)
    assert (call.status, len(call._messages), call.recorded) == (413, 1, [])
    assert (b"connection", b"close") in call.sent[0]["headers"]
    told = Call(path, piece, signer=signer, headers=((b"content-length", b"9" * 12),))
    assert (told.status, len(told._messages)) == (413, 1)


def test_a_body_is_not_read_for_a_stranger(signer: TokenSigner) -> None:
    call = Call(PREFIX + "nobody", signer=signer)
    assert (call.status, len(call._messages)) == (401, 1)
