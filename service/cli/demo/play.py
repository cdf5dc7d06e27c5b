"""What happens: prompts go out, the server dies in the middle of it, comes back, and brings all to an end."""

import queue
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from service.cli.client import Api
from service.cli.demo.cast import Cast
from service.cli.demo.subscriber import Heard, Subscriber
from service.cli.demo.views import View
from service.cli.failures import Failed
from service.cli.states import is_settled
from service.cli.stream import follow_events
from storage.records import JSON

PROMPTS: Final = (
    "a red fox in fresh snow, morning light --ar 16:9",
    "一只黑猫趴在雨夜的窗台上，窗外是霓虹灯",
    "a lighthouse in a storm, oil on canvas",
    "水墨画：云雾里的山村 --ar 16:9",
    "an astronaut reading in a greenhouse",
    "北京胡同的春天，一个小女孩在放风筝",
)
TIME_LIMIT: Final = 60.0  # seconds until the play is broken off
CLOSED_DOORS: Final = 3  # callbacks that shall come while nobody is there
DEAD_AT_MOST: Final = 1.2  # seconds that they are waited for
RETRY: Final = 0.1  # seconds between two tries to reach the server's stream
QUIET: Final = 8.0  # seconds that gateway and service have to finish what they say; a delivery is repeated after 5


class Record(msgspec.Struct, kw_only=True):
    """What was seen, for the books."""

    chains: list[list[JSON]] = []  # the Tasks of each chain, its root first
    events: list[JSON] = []
    firings: list[JSON] = []  # about the root of each chain
    books: JSON = {}
    hooks_kept: int = 0  # hooks that stand in the bytes of the ledger's file
    dead_ends: int = 0  # callbacks that came while the server was dead
    streamed: list[int] = []  # the `seq` of each event, as the stream brought it
    breaks: int = 0  # times that the stream broke and was taken up again
    heard: list[Heard] = []  # every delivery to the subscriber, as it came


class Play:
    """One performance."""

    def __init__(self, cast: Cast, view: View, subscriber: Subscriber) -> None:
        self._cast = cast
        self._view = view
        self._subscriber = subscriber
        self._record = Record()
        self._roots: list[str] = []
        self._doubts: dict[str, str | None] = {}  # task → the source that settled it; None until then

    def perform(self) -> Record:
        """Play it through. Raises Failed when a process leaves, not when the ending is a bad one."""
        deadline = time.monotonic() + TIME_LIMIT
        self._submit()
        stream = Stream(Api(self._cast.url, self._cast.key))
        stream.start()
        killed = False
        for event in stream.take(deadline):
            self._record.streamed.append(event["seq"])
            self._follow(event)
            if not killed and event["type"] == "task.succeeded":
                killed = True
                self._kill_and_return()
            elif is_settled(event["task"]) and self._is_over():
                break
        else:
            self._cast.check()
            self._view.say(f"Broken off after {TIME_LIMIT:g} s.", "bold red")
        stream.stop()
        return self._close(stream)

    def _submit(self) -> None:
        """Submit every prompt, all at once; before that, a subscriber asks to be told of all that happens."""
        self._cast.subscribe(self._subscriber.url, self._subscriber.secret)
        for prompt in PROMPTS:
            task = self._cast.api.post("/v1/tasks", {"prompt": prompt, "origin": "cli"}, key=uuid.uuid4().hex)
            self._roots.append(task["id"])
            self._view.show(task)
        self._view.say(f"{len(PROMPTS)} prompts submitted over HTTP, each with a signed notifyHook.")
        self._view.say("A subscriber on this machine is told of every event, signed.")

    def _kill_and_return(self) -> None:
        """Kill the server, let callbacks come to a closed door, and start it again."""
        view, cast = self._view, self._cast
        refused = cast.read_books()["counts"]["refused_by_receiver"]
        # The worst moment: a click is paid, and its answer has not come.
        process_id, sending = cast.kill_server(amid=lambda sending: not sending <= set(self._roots))
        view.say(
            f"SIGKILL: the server (process {process_id}) is dead, amid {_count(len(sending), 'paid submission')}.",
            "bold red",
        )
        deadline = time.monotonic() + DEAD_AT_MOST
        while time.monotonic() < deadline and self._count_dead_ends(refused) < CLOSED_DOORS:
            time.sleep(RETRY)
        view.say("Callbacks meet a closed door, and no gateway tries again. Restarting …", "red")
        cast.restart_server()
        lost = self._record.dead_ends = self._count_dead_ends(refused)
        doubts = cast.api.list_events(type="task.unknown")
        self._doubts = dict.fromkeys(event["task"]["id"] for event in doubts)
        view.say(f"The server is back on its ledger. {_count(lost, 'callback')} got lost meanwhile.", "bold green")
        if self._doubts:
            doubted = _count(len(self._doubts), "paid submission")
            view.say(f"In doubt: {doubted}. None is sent again: evidence settles them.", "yellow")

    def _count_dead_ends(self, before: int) -> int:
        return int(self._cast.read_books()["counts"]["refused_by_receiver"]) - before

    def _follow(self, event: JSON) -> None:
        """Show an event, and tell when the last doubt is settled, and by what."""
        self._view.show(event["task"])
        task_id = event["task"]["id"]
        if event["type"] != "task.submitted" or self._doubts.get(task_id, "") is not None:
            return
        self._doubts[task_id] = event["data"]["source"]
        if None not in self._doubts.values():
            asked = list(self._doubts.values()).count("fetch")
            told = len(self._doubts) - asked
            self._view.say(
                f"No doubt is left: {asked} settled by asking the gateway, {told} by its callbacks.", "green"
            )

    def _is_over(self) -> bool:
        """Whether every chain has settled. What a rule opens is there as soon as the event that it fired on."""
        return all(map(is_settled, self._cast.api.list_tasks(limit=1000)))

    def _is_all_said(self) -> bool:
        return self._cast.is_quiet() and not self._cast.owes_deliveries()

    def _close(self, stream: "Stream") -> Record:
        """Wait until the gateway is quiet and the subscriber was told of all, and take down how everything stands."""
        deadline = time.monotonic() + QUIET
        while not self._is_all_said() and time.monotonic() < deadline:
            time.sleep(RETRY)
        record = self._record
        record.chains = [self._cast.api.read_chain(root) for root in self._roots]
        record.events = list(self._cast.api.list_events())
        for event in record.events[len(record.streamed) :]:
            self._follow(event)
        record.firings = [firing for root in self._roots for firing in self._cast.api.list_firings(root)]
        record.books = self._cast.read_books()
        record.hooks_kept = self._cast.count_kept_hooks()
        record.breaks = stream.breaks
        record.heard = self._subscriber.heard
        return record


class Stream:
    """The server's event stream, followed beside the play, from the first event on and across the kill."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._events: queue.Queue[JSON | Exception] = queue.Queue()
        self._stopped = threading.Event()
        self.breaks = 0

    def start(self) -> None:
        """Begin to listen."""
        threading.Thread(target=self._listen, name="stream", daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self._stopped.set()

    def take(self, deadline: float) -> Iterator[JSON]:
        """Give each Event as it comes, until the (monotonic) deadline. Raises what ended the listening."""
        while (left := deadline - time.monotonic()) > 0:
            try:
                event = self._events.get(timeout=left)
            except queue.Empty:
                return
            if isinstance(event, Exception):
                raise event
            yield event

    def _listen(self) -> None:
        try:
            for event in follow_events(self._api, after=None, on_break=self._count_break, retry=RETRY):
                self._events.put(event)
                if self._stopped.is_set():
                    return
        except Failed as error:
            self._events.put(error)

    def _count_break(self, _: Any) -> None:
        self.breaks += 1


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
