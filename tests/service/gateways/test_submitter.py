"""The submitter over a real ledger: what every outcome becomes, and that nothing is ever sent twice on doubt."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hooks.buttons import synthesise_button
from service.gateways import outcomes
from service.gateways.client import Answer
from service.gateways.outcomes import (
    Accepted,
    Capacity,
    Existed,
    Finished,
    Held,
    Modal,
    NotYet,
    Outcome,
    Refused,
    Unknown,
    Unsent,
)
from service.gateways.presets import Gateway
from service.gateways.quota import FULL_PAUSE
from service.gateways.submitter import Submitter
from storage.attachments import Attachment, hash_attachment, keep_attachments
from storage.errors import LedgerUnavailable
from storage.ledger import record
from storage.openings import EXPIRES_AFTER, open_click
from storage.pauses import EVERYTHING, pause, resume
from storage.queue import Claim, claim_due
from storage.records import Progress
from storage.submissions import doubt_interrupted
from storage.windows import answer_window

pytestmark = pytest.mark.journey


class StubClient:
    """Gives the outcomes of its script, one for each POST, and then the last of them for ever."""

    def __init__(self, *script: Outcome | Exception, **gateway: Any) -> None:
        self.gateway = Gateway(**{"name": "g", "url": "http://g", "key": "k", "auth": "raw"} | gateway)
        self.script = list(script) or [Accepted(gateway_id="17")]
        self.posts: list[Claim] = []
        self.hooks: list[str | None] = []
        self.gate: asyncio.Event | None = None  # held back until it is set

    async def submit(self, claim: Claim, hook: str | None, attachments: Mapping[str, str]) -> Answer:
        self.posts.append(claim)
        self.attachments = attachments
        self.hooks.append(hook)
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(said, Exception):
            raise said
        return Answer(outcome=said, evidence={"said": type(said).__name__})


def make_submitter(house: Any, client: Any, **options: Any) -> Submitter:
    options.setdefault("make_hook", lambda task_id, nonce: f"hook {task_id} {nonce}")
    return Submitter(house.store, client, **options)


OUTCOMES: list[tuple[Outcome, str, str, list[str]]] = [
    (Accepted(gateway_id="17"), "accepted", "NOT_START", ["task.submitted"]),
    (Finished(urls=("https://cdn/a.png",)), "accepted", "SUCCESS", ["task.submitted", "task.succeeded"]),
    (Existed(gateway_id="17"), "accepted", "NOT_START", ["task.submitted"]),
    (Modal(gateway_id="17"), "accepted", "MODAL", ["task.submitted", "task.modal"]),
    (Refused(reason="no", kind="moderation", code=24), "rejected", "FAILURE", ["task.failed"]),
    (Unknown(reason="who knows"), "unknown", "NOT_START", ["task.unknown"]),
    (Capacity(reason="full"), "planned", "NOT_START", []),
    (NotYet(reason="not yet"), "planned", "NOT_START", []),
    (Unsent(reason="refused"), "planned", "NOT_START", []),
]


@pytest.mark.parametrize(
    ("outcome", "state", "status", "told"), [pytest.param(*each, id=type(each[0]).__name__) for each in OUTCOMES]
)
def test_each_outcome_becomes_its_state(
    run: Any, open_house: Any, until: Any, outcome: Outcome, state: str, status: str, told: list[str]
) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(outcome)
            submitter = make_submitter(house, client)
            opened = await house.open(state="theirs")
            await submitter.submit_due()
            await until(house, lambda: settled(house, opened))
            task, submission = await house.task(opened), await house.submission(opened)
            assert (submission.state, task.submission, task.status) == (state, state, status)
            assert await house.told(opened) == told
            assert submission.answer["said"] == type(outcome).__name__
            assert task.gateway_id == getattr(outcome, "gateway_id", None)
            assert (submission.next_at is not None) == (state == "planned")
            if isinstance(outcome, Refused):
                assert (task.fail_reason, task.fail_kind) == ("no", "moderation")
            assert client.hooks == [f"hook {opened.id} {submission.nonce}"]
            # `sending` was committed, and counted, before the POST.
            assert (client.posts[0].submission.state, client.posts[0].submission.attempts) == ("sending", 1)

    run(scenario())


async def settled(house: Any, task: Any) -> bool:
    return bool((await house.submission(task)).state != "sending")


@pytest.mark.parametrize("outcome", [Unknown(reason="?"), Accepted(gateway_id="1"), Refused(reason="n", kind="quota")])
def test_nothing_settled_is_posted_again_however_long_one_waits(
    run: Any, open_house: Any, until: Any, outcome: Outcome
) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(outcome)
            submitter = make_submitter(house, client)
            task = await house.open()
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            for _ in range(3):
                house.clock.now += 86_400
                assert await submitter.submit_due() is None
            assert len(client.posts) == 1

    run(scenario())


def test_a_surprise_of_the_client_is_doubt_and_never_sticks_in_sending(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(RuntimeError("a fault with sk-secret in it"))
            submitter = make_submitter(house, client)
            task = await house.open()
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            submission = await house.submission(task)
            assert submission.state == "unknown"
            assert "sk-secret" not in str(submission.answer) + str(await house.events(task))

    run(scenario())


def test_a_hook_that_cannot_be_made_is_doubt_too(run: Any, open_house: Any, until: Any) -> None:
    def break_down(task_id: str, nonce: str) -> str:
        raise ValueError(task_id)

    async def scenario() -> None:
        async with open_house() as house:
            submitter = make_submitter(house, StubClient(), make_hook=break_down)
            task = await house.open()
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            assert (await house.submission(task)).state == "unknown"

    run(scenario())


def test_a_task_of_a_gateway_that_is_not_configured_any_more_waits(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            task = await house.open("gone")
            assert await make_submitter(house, client).submit_due() is None
            assert (await house.task(task)).submission == "planned"
            assert client.posts == []

    run(scenario())


PICTURE = Attachment("image/png", b"\x89PNG")
NAME = hash_attachment(PICTURE)


def test_pictures_go_along_as_data_urls_and_addresses_as_they_are(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            await house.store.write(keep_attachments, [PICTURE])
            task = await house.open(request={"pictures": [NAME, "https://cdn.example/2.png", NAME]})
            await make_submitter(house, client).submit_due()
            await until(house, lambda: settled(house, task))
            assert client.attachments == {NAME: "data:image/png;base64,iVBORw=="}

    run(scenario())


def test_a_picture_that_is_missing_is_told_and_nothing_is_sent(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            submitter = make_submitter(house, client)
            task = await house.open(request={"pictures": [NAME]})
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            after = await house.task(task)
            assert (after.submission, after.status) == ("rejected", "FAILURE")
            assert after.fail_reason == f"Nothing was sent: The ledger has no picture {NAME}."
            assert client.posts == []

    run(scenario())


def test_pictures_that_cannot_be_read_now_are_read_later(run: Any, open_house: Any, until: Any) -> None:
    class Unreadable(BrokenDisk):
        def search(self, query: Callable[..., Any], *args: Any) -> Any:
            if self.failures:
                raise self.failures.pop(0)
            return self._store.search(query, *args)

    async def scenario() -> None:
        async with open_house() as house:
            disk, client = Unreadable(house.store), StubClient()
            disk.failures = [LedgerUnavailable("closed")]
            submitter = Submitter(disk, client, make_hook=lambda *_: None)  # type: ignore[arg-type]
            await house.store.write(keep_attachments, [PICTURE])
            task = await house.open(request={"pictures": [NAME]})
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            assert ((await house.submission(task)).state, client.posts) == ("planned", [])
            house.clock.now += 1
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            assert (await house.submission(task)).state == "accepted"

    run(scenario())


class SlowWithPictures(StubClient):
    """Takes its time for what brings pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.most = 0
        self.go = asyncio.Event()
        self.two = asyncio.Event()  # set when so many are out

    async def submit(self, claim: Claim, hook: str | None, attachments: Mapping[str, str]) -> Answer:
        if attachments:
            self.begun += 1
            self.most = max(self.most, self.begun)
            if self.begun == 2:
                self.two.set()
            await self.go.wait()
            self.begun -= 1
        return await super().submit(claim, hook, attachments)


def test_only_so_many_with_pictures_are_out_at_once(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = SlowWithPictures()
            submitter = make_submitter(house, client, pictured=2)
            await house.store.write(keep_attachments, [PICTURE])
            pictured = [await house.open(request={"pictures": [NAME]}) for _ in range(4)]
            plain = await house.open(request={"pictures": ["https://cdn.example/1.png"]})
            await submitter.submit_due()
            await until(house, lambda: settled(house, plain))
            await client.two.wait()
            for _ in range(5):  # behind whoever else reads pictures, if there were a third
                await house.store.search(lambda _: None)
            client.go.set()
            for task in pictured:
                await until(house, lambda task=task: settled(house, task))
                assert (await house.submission(task)).state == "accepted"
            assert (client.most, len(client.posts)) == (2, 5)

    run(scenario())


def test_what_waited_for_its_turn_at_a_stop_is_in_no_doubt(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            client.gate = asyncio.Event()
            submitter = make_submitter(house, client, pictured=1)
            await house.store.write(keep_attachments, [PICTURE])
            first, second = [await house.open(request={"pictures": [NAME]}) for _ in range(2)]
            await submitter.submit_due()
            await submitter.close()
            assert [post.task.id for post in client.posts] == [first.id]
            assert (await house.submission(first)).state == "sending", "who knows"
            assert (await house.submission(second)).state == "planned"

    run(scenario())


def test_a_pause_holds_what_waited_for_its_turn(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = SlowWithPictures()
            submitter = make_submitter(house, client, pictured=2)
            await house.store.write(keep_attachments, [PICTURE])
            tasks = [await house.open(request={"pictures": [NAME]}) for _ in range(20)]
            await submitter.submit_due()
            await client.two.wait()
            await house.store.write(pause, EVERYTHING, origin="cli")
            client.go.set()
            for task in tasks:
                await until(house, lambda task=task: settled(house, task))
            assert len(client.posts) == 2
            held = [await house.submission(task) for task in tasks[2:]]
            assert {(each.state, each.attempts, each.sent_at) for each in held} == {("planned", 0, None)}
            assert submitter.resting_until is None
            await house.store.write(resume, EVERYTHING)
            await submitter.submit_due()
            await until(house, lambda: settled(house, tasks[-1]))

    run(scenario())


class StopAtClaim:
    """A store at the edge of a stop: the claim is committed, and the step is cancelled before it hears of it."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.step: asyncio.Task[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        written = self._store.write(verb, *args, **kwargs)
        return self._stop_after(written) if verb is claim_due else written

    async def _stop_after(self, written: Any) -> Any:
        claims = await written
        assert self.step is not None
        self.step.cancel()
        await asyncio.sleep(0)
        return claims


def test_a_stop_in_the_moment_of_the_claim_still_sends_what_was_claimed(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            store, client = StopAtClaim(house.store), StubClient()
            submitter = Submitter(store, client, make_hook=lambda *_: None)  # type: ignore[arg-type]
            task = await house.open()
            store.step = asyncio.create_task(submitter.submit_due())
            await asyncio.gather(store.step, return_exceptions=True)
            assert store.step.cancelled()
            await submitter.close()
            assert len(client.posts) == 1
            assert (await house.submission(task)).state == "accepted"

    run(scenario())


# --- again, later


def test_not_yet_is_tried_at_its_own_pace_and_then_given_up(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(NotYet(reason="task_status_not_success"))
            submitter = make_submitter(house, client, not_yet=(2, 4))
            task = await house.open()
            waits = []
            for _ in range(3):
                await submitter.submit_due()
                await until(house, lambda: settled(house, task))
                pause = await submitter.submit_due()
                waits.append(pause)
                house.clock.now += pause or 0
            assert waits == [2.0, 4.0, None]
            after = await house.task(task)
            assert (after.submission, after.fail_reason) == ("rejected", "task_status_not_success")
            assert len(client.posts) == 3

    run(scenario())


def test_waiting_for_room_uses_up_no_not_yet(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            full = [Capacity(reason="full")] * 4
            client = StubClient(*full, NotYet(reason="soon"), Accepted(gateway_id="17"))
            submitter = make_submitter(house, client, not_yet=(2, 4))
            task = await house.open()
            for _ in range(6):
                await submitter.submit_due()
                await until(house, lambda: settled(house, task))
                house.clock.now += 60
            assert (await house.task(task)).submission == "accepted"

    run(scenario())


def test_a_follow_up_waits_until_its_parents_id_is_known(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(Unknown(reason="no answer"), Accepted(gateway_id="18"))
            submitter = make_submitter(house, client)
            parent = await house.open()
            await submitter.submit_due()
            await until(house, lambda: settled(house, parent))
            nonce = (await house.submission(parent)).nonce
            done = Progress(status="SUCCESS", progress=100)  # a body without an id
            await house.store.write(record, parent.id, nonce, done, "callback")
            button = synthesise_button("U1")
            child, _ = await house.store.write(open_click, await house.task(parent), button, origin="api")
            await submitter.submit_due()
            await until(house, lambda: settled(house, child))
            assert (await house.submission(child)).state == "planned"
            assert len(client.posts) == 1  # nobody was asked to click on nothing
            named = Progress(gateway_id="17", status="SUCCESS", progress=100)
            await house.store.write(record, parent.id, nonce, named, "callback")
            house.clock.now += 2
            await submitter.submit_due()
            await until(house, lambda: settled(house, child))
            assert [post.parent_gateway_id for post in client.posts] == [None, "17"]
            assert (await house.task(child)).submission == "accepted"

    run(scenario())


def test_an_answer_to_a_window_waits_until_its_tasks_name_is_known(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(Unknown(reason="no answer"), Accepted(gateway_id="18"))
            submitter = make_submitter(house, client)
            task = await house.open()
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            nonce = (await house.submission(task)).nonce
            window = Progress(status="MODAL")  # a body without an id
            await house.store.write(record, task.id, nonce, window, "callback")
            await house.store.write(answer_window, task.id, prompt="猫", mask=None)
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            assert ((await house.submission(task)).state, len(client.posts)) == ("planned", 1)
            named = Progress(gateway_id="17", status="MODAL")
            await house.store.write(record, task.id, nonce, named, "callback")
            house.clock.now += 2
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            assert (client.posts[1].submission.kind, client.posts[1].task.gateway_id) == ("modal", "17")

    run(scenario())


def test_a_refused_connection_is_tried_again_with_doubling_pauses(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(*[Unsent(reason="refused")] * 4, Accepted(gateway_id="17"))
            submitter = make_submitter(house, client)
            task = await house.open()
            waits = []
            for _ in range(4):
                await submitter.submit_due()
                await until(house, lambda: settled(house, task))
                waits.append(await submitter.submit_due())
                house.clock.now += waits[-1] or 0
            assert waits == [1.0, 2.0, 4.0, 8.0]
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            assert (await house.task(task)).submission == "accepted"

    run(scenario())


def test_after_a_day_without_room_it_fails(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            submitter = make_submitter(house, StubClient(Capacity(reason="full")))
            task = await house.open()
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            house.clock.now += EXPIRES_AFTER / 1000 + 1
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            assert (await house.task(task)).submission == "rejected"

    run(scenario())


# --- a gateway without room


def test_a_full_gateway_rests_twice_as_long_each_time(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(*[Capacity(reason="full")] * 7, Accepted(gateway_id="17"), Capacity(reason="full"))
            submitter = make_submitter(house, client)
            task = await house.open()
            waits = []
            for _ in range(7):
                await submitter.submit_due()
                await until(house, lambda: settled(house, task))
                pause = await submitter.submit_due()
                assert pause is not None
                waits.append(pause)
                house.clock.now += pause - 0.01
                assert (await submitter.submit_due()) == pytest.approx(0.01, abs=0.002)  # not a moment before
                house.clock.now += 0.01
            assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
            await submitter.submit_due()
            await until(house, lambda: settled(house, task))
            other = await house.open()
            await submitter.submit_due()
            await until(house, lambda: settled(house, other))
            assert await submitter.submit_due() == 1.0  # what was accepted begins the count anew

    run(scenario())


def test_what_was_refused_is_not_overtaken_by_what_came_after_it(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(Accepted(gateway_id="17"), *[Capacity(reason="full")] * 3, Accepted(gateway_id="18"))
            submitter = make_submitter(house, client)
            client.gate = gate = asyncio.Event()
            slow = await house.open()
            await submitter.submit_due()
            client.gate, refused = None, await house.open()
            for _ in range(3):  # it is to rest for 1, 2 and 4 seconds
                await submitter.submit_due()
                await until(house, lambda: settled(house, refused))
                pause = await submitter.submit_due()
                house.clock.now += (pause or 0) if pause != 4 else 0
            gate.set()  # an acceptance shortens that
            await until(house, lambda: settled(house, slow))
            later = await house.open()
            house.clock.now += 1
            already = len(client.posts)
            await submitter.submit_due()
            await until(house, lambda: settled(house, refused))
            await until(house, lambda: settled(house, later))
            assert [post.task.id for post in client.posts[already:]] == [refused.id, later.id]

    run(scenario())


def test_refusals_that_were_out_together_count_as_one(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(Capacity(reason="full"))
            client.gate = asyncio.Event()
            submitter = make_submitter(house, client)
            tasks = [await house.open() for _ in range(5)]
            await submitter.submit_due()
            client.gate.set()
            for task in tasks:
                await until(house, lambda task=task: settled(house, task))
            assert await submitter.submit_due() == 1.0

    run(scenario())


async def rest(house: Any, until: Any, client: StubClient, submitter: Submitter) -> Any:
    """Bring a gateway to rest; gives the task that waits for it."""
    waiting = await house.open()
    await submitter.submit_due()
    await until(house, lambda: settled(house, waiting))
    assert (await house.task(waiting)).submission == "planned"
    return waiting


def test_a_task_that_ends_there_lifts_the_pause(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(Accepted(gateway_id="17"), Capacity(reason="full"), Accepted(gateway_id="18"))
            submitter = make_submitter(house, client)
            first = await house.open()
            await submitter.submit_due()
            await until(house, lambda: settled(house, first))
            waiting = await rest(house, until, client, submitter)
            nonce = (await house.submission(first)).nonce
            done = Progress(gateway_id="17", status="SUCCESS", progress=100)
            await house.store.write(record, first.id, nonce, done, "callback")
            await submitter.submit_due()
            await until(house, lambda: settled(house, waiting))
            assert (await house.task(waiting)).submission == "accepted"

    run(scenario())


async def begin(house: Any, until: Any, submitter: Submitter, gateway_id: str) -> Callable[[], Any]:
    """Have a task accepted; gives what ends it."""
    task = await house.open()
    await submitter.submit_due()
    await until(house, lambda: settled(house, task))
    nonce = (await house.submission(task)).nonce
    done = Progress(gateway_id=gateway_id, status="SUCCESS", progress=100)
    return lambda: house.store.write(record, task.id, nonce, done, "callback")


def test_a_task_that_ended_while_the_refused_post_was_out_lifts_the_pause_too(
    run: Any, open_house: Any, until: Any
) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(Accepted(gateway_id="17"), Capacity(reason="full"), Accepted(gateway_id="18"))
            submitter = make_submitter(house, client)
            end = await begin(house, until, submitter, "17")
            client.gate = asyncio.Event()
            waiting = await house.open()
            await submitter.submit_due()
            await end()  # the only one at work: after the refusal nothing is left to end there
            client.gate.set()
            await until(house, lambda: settled(house, waiting))
            await submitter.submit_due()
            await until(house, lambda: settled(house, waiting))
            assert (await house.task(waiting)).submission == "accepted"

    run(scenario())


def test_late_refusals_of_posts_that_were_out_together_still_count_as_one(
    run: Any, open_house: Any, until: Any
) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(*[Accepted(gateway_id=str(each)) for each in range(3)], Capacity(reason="full"))
            submitter = make_submitter(house, client)
            ends = [await begin(house, until, submitter, str(each)) for each in range(3)]
            out = []
            for _ in range(4):  # each is held back on its own
                client.gate = gate = asyncio.Event()
                out.append((await house.open(), gate))
                await submitter.submit_due()
            assert len(client.posts) == 3 + len(out)
            client.gate = asyncio.Event()  # what is sent again is never answered
            for (task, gate), end in zip(out, [*ends, None], strict=True):
                house.clock.now += 0.01
                gate.set()
                await until(house, lambda task=task: settled(house, task))
                if end is not None:  # the pause is lifted while the others are still out
                    await end()
                    await submitter.submit_due()
            assert await submitter.submit_due() == 1.0
            await submitter.close()

    run(scenario())


def test_after_a_refusal_a_gateway_is_asked_for_more_only_as_it_accepts(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(Capacity(reason="full"), *[Accepted(gateway_id=str(each)) for each in range(6)])
            submitter = make_submitter(house, client)
            await rest(house, until, client, submitter)
            for _ in range(5):
                await house.open()
            house.clock.now += 1
            for out in (1, 2, 3):
                already = len(client.posts)
                client.gate = asyncio.Event()
                await submitter.submit_due()
                assert await submitter.submit_due() == (FULL_PAUSE if out < 3 else None)  # nothing is left to send
                assert len(client.posts) - already == out
                client.gate.set()
                await until(house, lambda number=already - 1 + out: accepted(house, number))

    run(scenario())


async def accepted(house: Any, number: int) -> bool:
    rows = await house.sql("SELECT 1 FROM submissions WHERE state = 'accepted'")
    return len(rows) == number


@pytest.mark.parametrize("where", ["g", "h"])
def test_a_refusal_and_an_ending_elsewhere_lift_no_pause(run: Any, open_house: Any, until: Any, where: str) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            refused = Refused(reason="banned", kind="moderation")
            client = StubClient(Capacity(reason="full"))
            submitter = make_submitter(house, client)
            if where == "g":  # one that was out when the pause began is refused after it
                client.script = [refused, Capacity(reason="full")]
                client.gate = asyncio.Event()
                await house.open()
                await submitter.submit_due()
                gate, client.gate = client.gate, None
                waiting = await rest(house, until, client, submitter)
                gate.set()
            else:
                waiting = await rest(house, until, client, submitter)
                await house.open("h")
                await make_submitter(house, StubClient(refused, name="h")).submit_due()
            await until(house, lambda: has_event(house, "task.failed"))
            assert await submitter.submit_due() == 1.0
            assert (await house.task(waiting)).submission == "planned"

    run(scenario())


async def has_event(house: Any, event_type: str) -> bool:
    return bool(await house.sql("SELECT 1 FROM events WHERE type = ?", event_type))


async def work(house: Any, submitter: Submitter) -> None:
    """What the supervisor does with a submitter, for as long as it is not cancelled."""
    with house.store.bell.listen("submissions") as listener:
        while True:
            await listener.wait(await submitter.submit_due())


@asynccontextmanager
async def at_work(house: Any, submitter: Submitter) -> AsyncIterator[None]:
    worker = asyncio.create_task(work(house, submitter))
    try:
        yield
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        await submitter.close()


def test_a_post_that_hangs_beside_a_refusal_keeps_the_rest_from_nothing(
    run: Any, open_house: Any, until: Any, talk: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.gateways.submitter.GOODBYE", 0.01)
    asked: list[str] = []
    hanging = asyncio.Event()

    async def hang_refuse_accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])  # type: ignore[index]
        asked.append(json.loads(await reader.readexactly(length))["state"])
        if len(asked) == 1:
            hanging.set()
            await reader.read()  # until the client gives up
        body = json.dumps({"code": 23} if len(asked) == 2 else {"code": 1, "result": str(len(asked))}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()

    async def scenario() -> None:
        async with open_house() as house, talk(hang_refuse_accept) as url, connect(url) as client:
            submitter = make_submitter(house, client)
            first = await house.open()
            await submitter.submit_due()
            await hanging.wait()
            second = await house.open()
            await submitter.submit_due()
            await until(house, lambda: settled(house, second))
            others = [await house.open() for _ in range(5)]
            house.clock.now += 1  # the first pause is over
            async with at_work(house, submitter):
                await until(house, lambda: accepted(house, 6))
            assert sorted(asked) == sorted(each.id for each in (first, second, second, *others))

    run(scenario())


def test_a_callback_frees_the_place_of_a_post_that_hangs(
    run: Any, open_house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.gateways.submitter.GOODBYE", 0.01)

    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            client.gate = asyncio.Event()
            submitter = make_submitter(house, client, in_flight=1)
            hanging, waiting = await house.open(), await house.open()
            assert await submitter.submit_due() == FULL_PAUSE
            house.clock.now += FULL_PAUSE
            assert await submitter.submit_due() == FULL_PAUSE, "it hangs, and nobody knows whether it arrived"
            nonce = (await house.submission(hanging)).nonce
            begun = Progress(gateway_id="17", status="IN_PROGRESS", progress=3)
            await house.store.write(record, hanging.id, nonce, begun, "callback")
            assert await submitter.submit_due() == FULL_PAUSE
            assert [post.task.id for post in client.posts] == [hanging.id, waiting.id]
            await submitter.close()

    run(scenario())


# --- many at once


def test_no_more_than_the_limit_are_out_at_one_gateway(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            client.gate = asyncio.Event()
            submitter = make_submitter(house, client, in_flight=3)
            tasks = [await house.open() for _ in range(8)]
            for _ in range(3):
                await submitter.submit_due()
                await asyncio.sleep(0)
            assert [post.task.id for post in client.posts] == [task.id for task in tasks[:3]]  # the oldest first
            assert await submitter.submit_due() == FULL_PAUSE
            client.gate.set()
            with house.store.bell.listen("submissions") as listener:
                while len(client.posts) < 8:
                    await submitter.submit_due()
                    await listener.wait(0.01)
            for task in tasks:
                await until(house, lambda task=task: settled(house, task))

    run(scenario())


async def advance(house: Any, submitter: Submitter, seconds: float) -> None:
    """Let time pass as the worker does: it looks again after every answer, and whenever the submitter says."""
    end = house.clock.now + seconds
    while True:
        await submitter.submit_due()
        await submitter.close()  # what was sent is answered, and written down
        pause = await submitter.submit_due()
        if pause is None or house.clock.now + pause > end:
            break
        house.clock.now += pause
    house.clock.now = end


@pytest.mark.parametrize(
    ("outcome", "tasks", "posts"),
    [
        (Accepted(gateway_id="17"), 7, 7),
        (Unsent(reason="refused"), 7, 15),
        (NotYet(reason="not yet"), 1, 15),  # one alone, again and again
        (NotYet(reason="not yet"), 2, 15),
    ],
)
def test_no_minute_sees_more_posts_than_the_limit_however_they_end(
    run: Any, open_house: Any, outcome: Outcome, tasks: int, posts: int
) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(outcome, per_minute=3)
            submitter = make_submitter(house, client, not_yet=(0.5,) * 20)
            for _ in range(tasks):
                await house.open()
            await advance(house, submitter, 59)
            assert len(client.posts) == 3
            await advance(house, submitter, 240)
            sent = [post.submission.sent_at for post in client.posts]
            assert len(sent) == posts
            assert all(later - first >= 60_000 for first, later in zip(sent, sent[3:], strict=False))

    run(scenario())


def test_what_was_sent_before_a_restart_counts_for_its_minute(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(per_minute=2)
            for _ in range(4):
                await house.open()
            await advance(house, make_submitter(house, client), 10)
            assert len(client.posts) == 2
            again = make_submitter(house, client)
            assert await again.submit_due() == pytest.approx(50)
            await advance(house, again, 51)
            assert len(client.posts) == 4

    run(scenario())


def test_a_task_that_is_at_work_for_ever_gives_its_place_to_the_next(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(in_flight=1)
            submitter = make_submitter(house, client, lost_after=100.0)
            stuck, following = await house.open(), await house.open()
            await submitter.submit_due()
            await until(house, lambda: settled(house, stuck))
            house.clock.now += 99
            assert await submitter.submit_due() == FULL_PAUSE
            assert len(client.posts) == 1
            house.clock.now += 1
            await submitter.submit_due()
            await until(house, lambda: settled(house, following))
            assert len(client.posts) == 2
            assert (await house.task(stuck)).submission == "accepted"

    run(scenario())


@pytest.mark.parametrize("free", [0, 1])
def test_the_last_of_three_takes_of_a_group_while_neither_of_the_others_has_a_place(
    run: Any, open_house: Any, free: int
) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            seniors = [make_submitter(house, StubClient(name=name)) for name in ("a", "b")]
            for each in seniors:
                each.has_place = False
            last = StubClient(name="c")
            junior = make_submitter(house, last, seniors={"all": seniors})
            await house.open("a", request={"group": "all"})
            seniors[free].has_place = True
            assert await junior.submit_due() is None
            assert last.posts == []
            seniors[free].has_place = False
            await junior.submit_due()
            await junior.close()
            assert len(last.posts) == 1

    run(scenario())


@pytest.mark.parametrize("refusal", [Capacity(reason="full"), Unsent(reason="connection refused")])
def test_in_a_group_the_next_takes_what_a_full_or_unreachable_one_could_not(
    run: Any, open_house: Any, until: Any, refusal: Outcome
) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            first, second = StubClient(refusal, name="a"), StubClient(Accepted(gateway_id="17"), name="b")
            senior = make_submitter(house, first)
            junior = make_submitter(house, second, seniors={"all": [senior]})
            task = await house.open("a", request={"group": "all"})
            await senior.submit_due()
            await until(house, lambda: has_answer(house, task))
            await senior.submit_due()
            await junior.submit_due()
            await until(house, lambda: settled(house, task))
            assert (len(first.posts), len(second.posts)) == (1, 1)
            assert (await house.task(task)).gateway == "b"

    run(scenario())


@pytest.mark.parametrize("overtaken", [False, True])
def test_what_existed_is_not_paid_for(run: Any, open_house: Any, until: Any, overtaken: bool) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(Existed(gateway_id="17"), prices={"IMAGINE": 0.25})
            client.gate = asyncio.Event()
            submitter = make_submitter(house, client)
            task = await house.open()
            await submitter.submit_due()
            if overtaken:
                nonce = (await house.submission(task)).nonce
                working = Progress(gateway_id="17", status="IN_PROGRESS", progress=3)
                await house.store.write(record, task.id, nonce, working, "callback")
                assert (await house.task(task)).cost == 0.25
            client.gate.set()
            await until(house, lambda: has_answer(house, task))
            assert ((await house.task(task)).cost, (await house.submission(task)).cost) == (None, 0.25)

    run(scenario())


def test_a_gateway_that_hangs_or_is_full_keeps_no_other_waiting(run: Any, open_house: Any, until: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            hanging, free = StubClient(), StubClient(name="h")
            hanging.gate = asyncio.Event()
            stuck, quick = make_submitter(house, hanging, in_flight=2), make_submitter(house, free, in_flight=2)
            for _ in range(6):
                await house.open("g")
            await stuck.submit_due()
            for _ in range(3):
                task = await house.open("h")
                await quick.submit_due()
                await until(house, lambda task=task: settled(house, task))
            assert (len(hanging.posts), len(free.posts)) == (2, 3)
            hanging.gate.set()
            await stuck.close()

    run(scenario())


# --- what happens meanwhile


@pytest.mark.parametrize(
    "late",
    [Accepted(gateway_id="17"), Refused(reason="no", kind="quota"), Unknown(reason="?"), Capacity(reason="full")],
    ids=lambda outcome: type(outcome).__name__,
)
def test_a_callback_that_overtakes_the_answer_settles_it(run: Any, open_house: Any, until: Any, late: Outcome) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient(late)
            client.gate = asyncio.Event()
            submitter = make_submitter(house, client)
            task = await house.open()
            await submitter.submit_due()
            nonce = (await house.submission(task)).nonce
            done = Progress(gateway_id="17", status="SUCCESS", progress=100)
            await house.store.write(record, task.id, nonce, done, "callback")
            client.gate.set()
            await until(house, lambda: has_answer(house, task))
            after = await house.task(task)
            assert (after.submission, after.status) == ("accepted", "SUCCESS")
            assert await house.told(task) == ["task.submitted", "task.succeeded"]
            house.clock.now += 3600
            await submitter.submit_due()
            assert len(client.posts) == 1

    run(scenario())


async def has_answer(house: Any, task: Any) -> bool:
    return (await house.submission(task)).answer is not None


class BrokenDisk:
    """A store whose next writes fail, once it is broken."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.failures: list[Exception] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.failures and verb not in (claim_due,):
            raise self.failures.pop(0)
        return self._store.write(verb, *args, **kwargs)


@pytest.mark.parametrize(
    ("failures", "state"),
    [
        ([LedgerUnavailable("full")] * 3, "accepted"),  # written as soon as it can be
        ([RuntimeError("no such column")], "unknown"),  # what the ledger will not take is at least not stuck
        ([RuntimeError("no such column"), LedgerUnavailable("full")], "unknown"),
    ],
)
def test_an_outcome_that_cannot_be_written_is_written_later(
    run: Any, open_house: Any, until: Any, failures: list[Exception], state: str
) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            disk, client = BrokenDisk(house.store), StubClient()
            client.gate = asyncio.Event()
            submitter = Submitter(
                disk,  # type: ignore[arg-type]
                client,  # type: ignore[arg-type]
                make_hook=lambda *_: None,
                unwritten_pause=0.001,
            )
            task = await house.open()
            await submitter.submit_due()
            disk.failures = list(failures)
            client.gate.set()
            await until(house, lambda: settled(house, task))
            assert (await house.submission(task)).state == state
            assert disk.failures == []
            assert len(client.posts) == 1

    run(scenario())


def test_a_stop_with_a_post_under_way_leaves_it_to_evidence(
    run: Any, open_house: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.gateways.submitter.GOODBYE", 0.01)

    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            client.gate = asyncio.Event()
            submitter = make_submitter(house, client)
            task = await house.open()
            await submitter.submit_due()
            await submitter.close()
            assert (await house.submission(task)).state == "sending"
            # The next start:
            assert await house.store.write(doubt_interrupted) == 1
            assert (await house.task(task)).submission == "unknown"
            assert await make_submitter(house, client).submit_due() is None
            assert len(client.posts) == 1

    run(scenario())


def test_a_stop_waits_a_moment_for_answers(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            client.gate = asyncio.Event()
            submitter = make_submitter(house, client)
            task = await house.open()
            await submitter.submit_due()
            asyncio.get_running_loop().call_soon(client.gate.set)
            await submitter.close()
            assert (await house.submission(task)).state == "accepted"

    run(scenario())


def test_every_outcome_there_is_has_a_row_above() -> None:
    kinds = {type(each[0]) for each in OUTCOMES} | {Held}  # which is no gateway's
    assert kinds == {each for each in vars(outcomes).values() if isinstance(each, type) and each in Outcome.__args__}
