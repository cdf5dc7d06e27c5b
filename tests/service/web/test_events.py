"""`/v1/events` over real HTTP: pages, long-poll, and the stream."""

import asyncio
import contextlib
import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx
import pytest
import uvicorn

from service.web.connection import Connection
from service.web.desk import Goodbye
from service.web.frames import Filters, Frames
from service.web.stream import EventStream
from storage.events import append_event
from storage.openings import open_task
from storage.records import DELIVERY_EXHAUSTED, SUBSCRIPTION_DISABLED, NewTask
from storage.store import Store
from storage.submissions import reject

pytestmark = pytest.mark.journey

SSE = {"Accept": "text/event-stream"}


class Frame(NamedTuple):
    """One event of a stream, or one comment."""

    comment: str | None = None
    id: str | None = None
    event: str | None = None
    data: Any = None


def frames(response: httpx.Response) -> Iterator[Frame]:
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line.startswith(":"):
            yield Frame(comment=line[1:].strip())
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield Frame(id=fields.get("id"), event=fields["event"], data=json.loads(fields["data"]))
            fields = {}


@contextlib.contextmanager
def stream(ringback: Any, headers: dict[str, str] | None = None, **query: Any) -> Iterator[Iterator[Frame]]:
    with ringback.http.stream("GET", "/v1/events", params=query, headers=SSE | (headers or {})) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        yield frames(response)


def latest(ringback: Any) -> int:
    return int(ringback.get("/v1/events", limit=1000).json()["next"])


# --- pages


def test_a_page_goes_on_where_the_last_one_ended(ringback: Any) -> None:
    after = latest(ringback)
    ids = [ringback.grid(tags=["pages"])["id"] for _ in range(2)]
    seen = []
    while True:
        page = ringback.get("/v1/events", after=after, limit=1, tag="pages").json()
        if not page["events"]:
            break
        (event,) = page["events"]
        assert event["seq"] == page["next"] > after
        after = page["next"]
        seen.append((event["type"], event["task"]["id"]))
    assert seen == [(kind, each) for each in ids for kind in ("task.submitted", "task.succeeded", "chain.settled")]


def test_events_have_ids_and_the_task_as_it_was(ringback: Any) -> None:
    grid = ringback.grid()
    events = ringback.get("/v1/events", task=grid["id"]).json()["events"]
    assert [event["type"] for event in events] == ["task.submitted", "task.succeeded", "chain.settled"]
    assert [event["task"]["status"] for event in events] == ["NOT_START", "SUCCESS", "SUCCESS"]
    assert events[-1]["data"]["chain"]["succeeded"] == {"IMAGINE": 1}
    assert len({event["id"] for event in events}) == 3
    assert all(event["id"].startswith("evt_") and event["time"].endswith("Z") for event in events)


def test_events_are_found_by_each_filter(ringback: Any) -> None:
    grid = ringback.grid(tags=["evt"], then=["U1"])
    child = ringback.get(f"/v1/tasks/{grid['id']}/chain").json()["tasks"][1]
    ringback.call_back(child["id"], "FAILURE", failReason="执行超时")

    def found(**query: Any) -> list[str]:
        return [event["type"] for event in ringback.get("/v1/events", **query).json()["events"]]

    assert found(task=grid["id"], type="task.*") == ["task.submitted", "task.succeeded"]
    assert found(task=grid["id"], type="chain.*") == ["chain.settled"]
    tasks = sorted(found(root=grid["id"], type="task.*"))
    assert tasks == ["task.failed", "task.submitted", "task.submitted", "task.succeeded"]
    assert found(root=grid["id"])[-1] == "chain.settled", "when its last task has ended"
    assert found(root=grid["id"], type="task.succeeded,task.failed") == ["task.succeeded", "task.failed"]
    assert found(tag="evt", type="task.fail*") == ["task.failed"]
    assert found(task="8999999999999999") == []


def test_a_page_is_awaited(ringback: Any) -> None:
    after = latest(ringback)
    timer = threading.Timer(0.1, ringback.open, kwargs={"tags": ["awaited"]})
    timer.start()
    page = ringback.get("/v1/events", after=after, wait=10, tag="awaited")
    timer.join()
    assert [event["type"] for event in page.json()["events"]] == ["task.submitted"]
    assert 0.05 < page.elapsed.total_seconds() < 5
    empty = ringback.get("/v1/events", after=page.json()["next"], wait=0.1, tag="awaited")
    assert empty.json()["events"] == []
    assert 0.1 <= empty.elapsed.total_seconds() < 5


@pytest.mark.parametrize(
    "query", [{"after": "-1"}, {"after": str(10**30)}, {"after": "x"}, {"wait": "61"}, {"limit": "0"}, {"types": "x"}]
)
def test_a_wrong_question_is_422(ringback: Any, query: dict[str, str]) -> None:
    answer = ringback.get("/v1/events", **query)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert next(iter(query)) in answer.json()["detail"]


NO_NUMBERS = ["1_0", "٣", "+1", " 5", "5 ", "", "0x1", "1e3", "nan", "inf", "infinity", "1.", ".5", "9" * 5000]


@pytest.mark.parametrize("text", [*NO_NUMBERS, "1.5"])
def test_a_whole_number_is_written_in_plain_digits(ringback: Any, text: str) -> None:
    answer = ringback.get("/v1/events", after=text)
    assert (answer.status_code, answer.json()["detail"].partition(":")[0]) == (422, "after")


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_seconds_are_written_in_plain_digits(ringback: Any, text: str) -> None:
    answer = ringback.get("/v1/events", wait=text)
    assert (answer.status_code, answer.json()["detail"].partition(":")[0]) == (422, "wait")


@pytest.mark.parametrize("text", ["0", "007", "0.0", "0.25", "00.10"])
def test_plain_digits_are_understood(ringback: Any, text: str) -> None:
    query = {"wait": text} if "." in text else {"after": text}
    assert ringback.get("/v1/events", **query, limit=1, task="none").status_code == 200


def test_a_question_has_fifty_words_at_most(ringback: Any) -> None:
    assert ringback.get("/v1/events", type=",".join(["task.succeeded"] * 50)).status_code == 200
    for words in (",".join(["task.succeeded"] * 51), ["task.*"] * 1200):
        answer = ringback.get("/v1/events", type=words)
        assert answer.status_code == 422
        assert "type: expected at most 50 entries, not " in answer.json()["detail"]


# --- the stream


def test_a_stream_begins_at_once_with_a_comment_and_then_the_next_event(ringback: Any) -> None:
    ringback.grid(tags=["next"])
    with stream(ringback, tag="next") as told:
        assert next(told).comment == "ringback"
        task = ringback.open(tags=["next"])
        first = next(told)
        assert (first.event, first.data["task"]["id"]) == ("task.submitted", task["id"])
        assert first.id == str(first.data["seq"])
        ringback.succeed(task["id"])
        assert next(told).event == "task.succeeded"
    # The same bytes as on a page.
    assert ringback.get("/v1/events", task=task["id"]).json()["events"][0] == first.data


@pytest.mark.parametrize("way", ["header", "query", "after"])
def test_a_stream_is_resumed_without_a_gap_and_without_a_repetition(ringback: Any, way: str) -> None:
    tag = f"resumed {way}"
    task = ringback.grid(tags=[tag])
    all_seqs = [event["seq"] for event in ringback.get("/v1/events", tag=tag).json()["events"]]
    seq = str(all_seqs[0])
    headers = {"Last-Event-ID": seq} if way == "header" else {}
    query = {"query": {"last_event_id": seq}, "after": {"after": seq}}.get(way, {})
    with stream(ringback, headers, tag=tag, **query) as told:
        next(told)
        assert [next(told).id for _ in all_seqs[1:]] == [str(each) for each in all_seqs[1:]]
        ringback.post(f"/v1/tasks/{task['id']}/click", {"button": "U1"})
        assert next(told).event == "task.submitted"


def test_a_browser_that_comes_back_goes_on_where_it_was_not_where_it_began(ringback: Any) -> None:
    ringback.grid(tags=["back"])
    last = ringback.get("/v1/events", tag="back").json()["events"][-1]["seq"]
    with stream(ringback, {"Last-Event-ID": str(last)}, tag="back", last_event_id="earliest") as told:
        next(told)
        task = ringback.open(tags=["back"])
        assert next(told).data["task"]["id"] == task["id"]


def test_a_stream_may_begin_at_the_very_first_event(ringback: Any) -> None:
    ringback.open()
    with stream(ringback, last_event_id="earliest", type="task.submitted") as told:
        next(told)
        assert next(told).data == ringback.get("/v1/events", limit=1, type="task.submitted").json()["events"][0]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 19, "١٢"])
def test_a_stream_cannot_begin_nowhere(ringback: Any, last: str) -> None:
    answer = ringback.http.get("/v1/events", params={"last_event_id": last}, headers=SSE)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_a_stream_of_more_than_a_page_is_whole_and_in_order(ringback: Any) -> None:
    after = latest(ringback)
    task = ringback.open(tags=["long"])
    ringback.gateway.wait_for(task["id"])
    for percent in range(100):
        ringback.call_back(task["id"], "IN_PROGRESS", progress=f"{percent}%")
    ringback.succeed(task["id"])
    seqs = []
    with stream(ringback, after=after, task=task["id"]) as told:
        next(told)
        while True:
            frame = next(told)
            seqs.append(int(frame.id or 0))
            if frame.event == "task.succeeded":
                break
    assert len(seqs) >= 102
    assert seqs == sorted(set(seqs))


def test_a_waiting_page_and_a_stream_end_with_a_goodbye(start_ringback: Callable[..., Any]) -> None:
    answers: list[Any] = []
    with start_ringback() as ringback:
        task = ringback.open()
        assert ringback.get("/v1/events", task=task["id"], wait=10).json()["events"]
        waiting = [
            threading.Thread(target=lambda: answers.append(ringback.get("/v1/events", wait=60, tag="none"))),
            threading.Thread(target=lambda: answers.append(ringback.get(f"/v1/tasks/{task['id']}", wait=60))),
        ]
        for thread in waiting:
            thread.start()
        with stream(ringback) as told:
            next(told)
            began = time.monotonic()
            threading.Thread(target=ringback.listening.stop).start()
            assert [frame.event for frame in told if frame.event] == ["goodbye"]
        for thread in waiting:
            thread.join(5)
        assert time.monotonic() - began < 2
    assert sorted(answer.status_code for answer in answers) == [200, 200]


# --- what is not there any more


@pytest.fixture
def own(start_ringback: Callable[..., Any]) -> Iterator[Any]:
    """A service of its own, with seven events and a way to lose some."""
    with start_ringback() as ringback:
        ringback.grid()
        ringback.grid()
        ringback.get("/v1/events", task=ringback.open()["id"], wait=10)
        yield ringback


def lose(ringback: Any, seq: int) -> None:
    """Clear away the events up to this one, as if they had become too old; all of a task or nothing."""
    ringback.service.store.submit(lambda tx: tx.execute("DELETE FROM events WHERE seq <= ?", (seq,))).result()


def seqs(told: Iterator[Frame], count: int) -> list[str | None]:
    return [next(told).id for _ in range(count)]


@pytest.mark.parametrize("way", ["header", "query", "after"])
def test_a_stream_tells_of_removed_events_and_goes_on_with_the_oldest(own: Any, way: str) -> None:
    lose(own, 3)
    headers = {"Last-Event-ID": "2"} if way == "header" else {}
    query = {"query": {"last_event_id": "2"}, "after": {"after": "2"}}.get(way, {})
    with stream(own, headers, **query) as told:
        next(told)
        assert next(told) == Frame(id="3", event="gap", data={"after": 2, "next": 3, "reason": "removed"})
        assert seqs(told, 4) == ["4", "5", "6", "7"]


def test_a_stream_tells_that_an_older_ledger_was_put_back(own: Any) -> None:
    with stream(own, {"Last-Event-ID": "1000"}) as told:
        next(told)
        assert next(told) == Frame(id="7", event="gap", data={"after": 1000, "next": 7, "reason": "restored"})
        own.open()
        assert next(told).id == "8"


@pytest.mark.parametrize("query", [{}, {"last_event_id": "earliest"}])
def test_who_asks_for_no_event_by_number_misses_none(own: Any, query: dict[str, str]) -> None:
    lose(own, 3)
    with stream(own, **query) as told:
        next(told)
        own.open()
        assert next(told).id == ("4" if query else "8")
    page = own.get("/v1/events").json()
    assert ("gap" in page, page["events"][0]["seq"]) == (False, 4)


def test_the_last_removed_event_is_a_good_place_to_go_on_from(own: Any) -> None:
    lose(own, 3)
    assert "gap" not in own.get("/v1/events", after=3).json()


def test_a_page_tells_of_removed_events(own: Any) -> None:
    lose(own, 3)
    page = own.get("/v1/events", after=1, limit=2).json()
    assert page["gap"] == {"after": 1, "next": 3, "reason": "removed"}
    assert ([event["seq"] for event in page["events"]], page["next"]) == ([4, 5], 5)


def test_a_page_beyond_the_newest_event_is_not_waited_for(own: Any) -> None:
    page = own.get("/v1/events", after=1000, wait=60)
    assert page.json() == {"events": [], "next": 7, "gap": {"after": 1000, "next": 7, "reason": "restored"}}
    assert page.elapsed.total_seconds() < 5


def test_a_ledger_whose_events_are_all_gone_has_no_gap_after_the_last_one(own: Any) -> None:
    lose(own, 7)
    assert own.get("/v1/events", after=7).json() == {"events": [], "next": 7}
    assert own.get("/v1/events").json() == {"events": [], "next": 7}
    assert own.get("/v1/events", after=6).json()["gap"]["next"] == 7


# --- a connection that does not last


class Torn:
    """A client whose connection is cut at any byte, and which goes on after the last whole event that it saw."""

    def __init__(self, ringback: Any, chance: random.Random, **query: str) -> None:
        self._address = ringback.url.removeprefix("http://")
        self._headers = SSE | {"Authorization": ringback.http.headers["authorization"]}
        self._path = f"/v1/events?{urlencode(query)}"
        self._chance = chance
        self.seen: list[tuple[int, str]] = []

    def read_some(self) -> None:
        last = self.seen[-1][0] if self.seen else "earliest"
        with contextlib.closing(http.client.HTTPConnection(self._address, timeout=0.5)) as connection:
            connection.request("GET", self._path, headers=self._headers | {"Last-Event-ID": str(last)})
            told, read = connection.getresponse(), b""
            length = self._chance.choice((60, 600, 6_000, 60_000))
            with contextlib.suppress(TimeoutError):  # that was all
                while len(read) < length and (more := told.read1(self._chance.randint(1, length))):
                    read += more
        for frame in read.split(b"\n\n")[:-1]:
            fields = dict(line.split(b": ", 1) for line in frame.split(b"\n"))
            if b"id" in fields:
                self.seen.append((int(fields[b"id"]), fields[b"event"].decode()))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("wanted", ["*", SUBSCRIPTION_DISABLED])
def test_who_is_cut_off_again_and_again_misses_nothing_and_hears_nothing_twice(
    own: Any, seed: int, wanted: str
) -> None:
    chance = random.Random(seed)
    before = [(event["seq"], event["type"]) for event in own.get("/v1/events").json()["events"]]
    client = Torn(own, chance, type=wanted)
    types = chance.choices([SUBSCRIPTION_DISABLED, DELIVERY_EXHAUSTED], k=1500)

    def be_busy() -> None:
        for place in range(0, len(types), 50):
            owed = [
                own.service.store.submit(append_event, None, event_type, "service", {})
                for event_type in types[place : place + 50]
            ]
            owed[-1].result()

    thread = threading.Thread(target=be_busy)
    thread.start()
    happened = before + list(enumerate(types, len(before) + 1))
    expected = [(seq, event_type) for seq, event_type in happened if wanted in ("*", event_type)]
    while len(client.seen) < len(expected):
        client.read_some()
    thread.join()
    assert client.seen == expected


# --- a stream on its own, with times of its own


class Bench:
    """One EventStream behind real HTTP."""

    def __init__(
        self, path: Any, *, filters: Filters | None = None, heartbeat: float = 15.0, reads_within: float = 30.0
    ) -> None:
        self.store = Store(path)
        self.ended = threading.Event()
        self.lost = lost = threading.Event()
        self.filters = filters or Filters()
        self.heartbeat = heartbeat

        class Watched(Connection):
            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                lost.set()

        Watched.reads_within = reads_within
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.server = uvicorn.Server(
            uvicorn.Config(self, http=Watched, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        )
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.loop is None:
            self.loop = asyncio.get_running_loop()
            self.store.start(self.loop)
        desk: Any = type("Desk", (), {"store": self.store, "goodbye": Goodbye(self.store.bell.wake_all)})
        stream = EventStream(desk, Frames(self.store), self.filters, after=0)
        stream.heartbeat = self.heartbeat
        try:
            await stream(scope, receive, send)
        finally:
            self.ended.set()

    def open_task(self, prompt: str) -> Any:
        """An event of its own, so that there is something to tell."""

        def fail(tx: Any) -> None:

            task = open_task(tx, NewTask(gateway="g", action="IMAGINE", prompt=prompt, origin="api"))
            (row,) = tx.execute("SELECT id FROM submissions WHERE task_id = ?", (task.id,)).fetchall()
            reject(tx, row[0], reason=prompt, kind="gateway", answer=None)

        return self.store.submit(fail)

    def __enter__(self) -> "Bench":
        self.thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.store.close()


def test_a_quiet_stream_is_kept_alive_by_comments(tmp_path: Any) -> None:
    with Bench(tmp_path / "l.db", heartbeat=0.05) as bench, httpx.stream("GET", f"http://127.0.0.1:{bench.port}") as it:
        told = frames(it)
        assert [next(told).comment for _ in range(3)] == ["ringback", "still here", "still here"]


def test_a_stream_whose_filters_hide_much_is_kept_alive_too(tmp_path: Any) -> None:
    with (
        Bench(tmp_path / "l.db", heartbeat=0.1, filters=Filters(tag="mine")) as bench,
        httpx.stream("GET", f"http://127.0.0.1:{bench.port}", timeout=5) as it,
    ):
        told = frames(it)
        assert next(told).comment == "ringback"
        busy = threading.Event()

        def be_busy() -> None:
            while not busy.wait(0.02):
                bench.open_task("not yours")

        thread = threading.Thread(target=be_busy)
        thread.start()
        assert next(told).comment == "still here"
        busy.set()
        thread.join()


def test_a_client_that_stops_reading_is_dropped(tmp_path: Any) -> None:
    with Bench(tmp_path / "l.db", reads_within=0.2) as bench, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", bench.port))
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        with client.makefile("rb") as told:
            assert any(line == b": ringback\n" for line in told)
        for _ in range(200):  # megabytes, of which the client reads nothing
            bench.open_task("x" * 20_000).result()
        assert bench.ended.wait(10), "the stream still waits for its client"
        assert bench.lost.wait(5), "what was not read still waits in memory"


def test_a_client_that_leaves_ends_its_stream(tmp_path: Any) -> None:
    with Bench(tmp_path / "l.db") as bench:
        with httpx.stream("GET", f"http://127.0.0.1:{bench.port}") as it:
            assert next(frames(it)).comment == "ringback"
        assert bench.ended.wait(5)


def test_asking_for_the_headers_of_a_stream_gives_them_and_ends(ringback: Any) -> None:
    answer = ringback.http.head("/v1/events", headers=SSE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert answer.content == b""
    assert ringback.get("/healthz").status_code == 200  # over the same connection


def test_a_stream_whose_ledger_closes_says_goodbye(tmp_path: Any) -> None:
    with Bench(tmp_path / "l.db", heartbeat=0.05) as bench, httpx.stream("GET", f"http://127.0.0.1:{bench.port}") as it:
        told = frames(it)
        assert next(told).comment == "ringback"
        bench.store.close()
        assert [frame.event for frame in told if frame.event] == ["goodbye"]


@pytest.mark.parametrize("headers", [{}, SSE], ids=["page", "stream"])
def test_a_type_that_can_never_come_is_a_mistake(ringback: Any, headers: dict[str, str]) -> None:
    answer = ringback.http.get("/v1/events", params={"type": "task.succeded"}, headers=headers)
    assert answer.status_code == 422
    assert "there is no event 'task.succeded' (did you mean 'task.succeeded'?)" in answer.json()["detail"]
    several = ringback.http.get("/v1/events", params={"type": "task.succeded,task.*,task.faild"}, headers=headers)
    assert len(several.json()["errors"]) == 2
