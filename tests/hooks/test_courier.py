"""Subscribers are told of every event: signed, in order, at least once, and none of them waits for another."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from hooks.backoff import DELIVERY_PAUSES
from hooks.clients import target_client
from hooks.courier import Courier
from hooks.recipient import Recipient, name_host
from hooks.seal import Sealer
from hooks.sender import LONGEST_KEPT
from hooks.signature import make_secret
from hooks.targets import parse_allow_list
from storage.audience import fits
from storage.deliveries import list_attempts, list_deliveries
from storage.errors import LedgerUnavailable
from storage.events import append_news, list_events
from storage.ledger import record
from storage.openings import open_task
from storage.outbox import LEASE
from storage.queue import claim_due
from storage.records import Chain, NewTask, Progress, Task
from storage.records_of_deliveries import Attempt, Delivery, Subscription
from storage.recoveries import hurry_some, redeliver
from storage.store import Store
from storage.submissions import list_submissions
from storage.subscriptions import (
    add_subscription,
    change_subscription,
    delete_subscription,
    open_for_task,
    read_subscription,
)
from storage.suspensions import disable_subscription, sweep_deliveries
from storage.transaction import to_json
from storage.webhook_secrets import add_secret
from tests.sink import VICES, Sink, replies

pytestmark = pytest.mark.fault

PATIENCE = 10.0  # seconds until a test gives up waiting
SECRETS = {name: make_secret() for name in ("own", "service")}
GEHEIM = "Geheim-0123456789"
PICTURES = ("SUBMITTED", "IN_PROGRESS", "SUCCESS")


class Clock:
    """Seconds; moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Everybody:
    """Subscriptions that look at nothing but types."""

    def __init__(self, subscriptions: Sequence[Subscription]) -> None:
        self._subscriptions = subscriptions

    def listens(self, event_type: str) -> bool:
        return bool(self._subscriptions)

    def choose(self, event_type: str, task: Task | None, chain: Chain | None) -> Sequence[Subscription]:
        return [each for each in self._subscriptions if fits(each.events, event_type)]


class House:
    """A ledger with subscriptions, a client that may call this machine, and the steps that each test takes."""

    def __init__(self, path: Path, client: httpx.AsyncClient) -> None:
        self.clock = Clock()
        self.sealer = Sealer(["secret-key-0123456789"])
        self.store = Store(path / "ringback.db", assemble=Everybody, clock=self.clock)
        self.client = client
        self.couriers: list[Courier] = []

    async def subscribe(self, url: str, secret: str | None = None, **fields: Any) -> Subscription:
        """A standing subscription."""
        recipient = Recipient(url=url, headers=fields.pop("headers", {}))
        number = len(await self.store.read(lambda db: db.execute("SELECT 1 FROM subscriptions").fetchall()))
        base: dict[str, Any] = {"id": f"sub_{number}", "origin": "api", "events": ("task.*",), "host": name_host(url)}
        sealed = self.sealer.seal(to_json(recipient))
        made = Subscription(**base | fields, sealed=sealed, created_at=0, updated_at=0)
        if secret is not None:
            await self.store.write(add_secret_after, made, self.sealer.seal(secret))
            return made
        return await self.store.write(add_subscription, made)

    async def open(self, prompt: str = "一只猫") -> Task:
        """A task that its gateway is about to tell of."""
        task = await self.store.write(open_task, NewTask(gateway="g", action="UPSCALE", prompt=prompt, origin="api"))
        await self.store.write(claim_due, gateway="g", limit=1)
        return task

    async def happen(self, task: Task, status: str, percent: int) -> None:
        """One event of a task, two the first time: it was submitted."""
        (submission,) = await self.store.read(list_submissions, task.id)
        progress = Progress(gateway_id=task.id, status=status, progress=percent)
        await self.store.write(record, task.id, submission.nonce, progress, "callback")

    async def succeed(self, prompt: str = "一只猫") -> Task:
        """A task with two events: submitted, succeeded."""
        task = await self.open(prompt)
        await self.happen(task, "SUCCESS", 100)
        return task

    def make_courier(self, **options: Any) -> Courier:
        """One whose pauses are as they are written; `open_sealed` and `source` are the house's."""
        base: dict[str, Any] = {"open_sealed": self.sealer.open, "source": "https://ringback.example"}
        courier = Courier(self.store, self.client, **base | {"chance": lambda: 0.5} | options)
        self.couriers.append(courier)
        return courier

    async def finish(self, courier: Courier) -> list[Delivery]:
        """Let it do what is due until nothing is under way any more; gives all deliveries, by their event."""
        with self.store.bell.listen("deliveries") as listener:
            while True:
                await courier.step()
                if not courier.busy and not listener.rung.is_set():
                    return await self.deliveries()
                await listener.wait(PATIENCE)

    async def settle(self, courier: Courier) -> list[Delivery]:
        """The same, with the clock going on until nothing is to be done any more."""
        while True:
            await self.finish(courier)
            if (pause := await courier.step()) is None and not courier.busy:
                return await self.deliveries()
            self.clock.now += pause or 0

    async def deliveries(self) -> list[Delivery]:
        found = await self.store.read(list_deliveries, limit=10_000)
        return sorted(found, key=lambda each: (each.seq, each.subscription_id))

    async def attempts(self, delivery: Delivery) -> list[Attempt]:
        return await self.store.read(list_attempts, delivery.id)


def add_secret_after(tx: Any, subscription: Subscription, sealed: str) -> None:
    add_subscription(tx, subscription)
    add_secret(tx, subscription.id, sealed)


@pytest.fixture
def open_house(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[tuple[House, Sink]]]:
    """Opens a ledger and a subscriber: `async with open_house() as (house, sink)`."""

    @asynccontextmanager
    async def open_one(folder: Path = tmp_path, **options: Any) -> AsyncIterator[tuple[House, Sink]]:
        async with AsyncExitStack() as exits:
            sink = await exits.enter_async_context(Sink(secrets=list(SECRETS.values()), **options))
            client = await exits.enter_async_context(target_client(parse_allow_list("127.0.0.0/8")))
            house = House(folder, client)
            house.store.start(asyncio.get_running_loop())
            exits.callback(house.store.close)
            await house.store.write(add_secret, None, house.sealer.seal(SECRETS["service"]))
            try:
                yield house, sink
            finally:
                for courier in house.couriers:
                    await courier.close()

    return open_one


def times(sink: Sink) -> list[int]:
    """How often each letter came."""
    return [len(entry.attempts) for entry in sink.books.entries.values()]


def test_every_event_arrives_signed_and_in_order(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            await house.subscribe(sink.url, SECRETS["own"])
            task = await house.open()
            for status, percent in (("SUBMITTED", 0), ("IN_PROGRESS", 50), ("SUCCESS", 100)):
                await house.happen(task, status, percent)
            deliveries = await house.finish(house.make_courier())
            events, _ = await house.store.read(list_events, task=task.id, types=("task.*",))
            assert sink.books.orders == {task.id: [event.id for event in events]}
            assert times(sink) == [1] * len(events)
            assert {(each.state, each.attempts, each.next_at) for each in deliveries} == {("delivered", 1, None)}
            (attempt,) = await house.attempts(deliveries[0])
            assert (attempt.number, attempt.status, attempt.error, attempt.detail) == (1, 204, None, None)
            first = sink.books.entries[events[0].id]
            assert first.attempts[0].headers["user-agent"] == "Ringback"
            assert json.loads(first.body)["data"]["seq"] == events[0].seq

    run(scenario())


def test_what_the_format_has_no_words_for_by_now_is_cancelled_and_holds_up_nobody(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            subscribed = await house.subscribe(sink.url, events=("task.unknown", "task.succeeded"))
            task = await house.open()
            await house.store.write(append_news, task.id, "task.unknown", "service", {})
            await house.happen(task, "SUCCESS", 100)
            await house.store.write(change_subscription, subscribed.id, format="gateway")
            unknown, succeeded = await house.finish(house.make_courier())
            assert (unknown.state, succeeded.state) == ("cancelled", "delivered")
            (attempt,) = await house.attempts(unknown)
            assert (attempt.error, attempt.status) == ("unsuited", None)
            assert attempt.detail == "The format gateway has no words for task.unknown."
            assert (await house.store.read(read_subscription, subscribed.id)).failing_since is None
            assert times(sink) == [1]

    run(scenario())


def test_one_without_a_secret_of_its_own_is_signed_with_the_services(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            await house.subscribe(sink.url)
            await house.succeed()
            await house.finish(house.make_courier())
            assert {entry.attempts[0].answer for entry in sink.books.entries.values()} == {"taken"}

    run(scenario())


def test_headers_of_its_own_are_sent_and_replace_none_of_ours(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            own = {"Authorization": f"Bearer {GEHEIM}", "Webhook-Id": "evil", "Content-Type": "text/plain"}
            await house.subscribe(sink.url, headers=own)
            await house.succeed()
            await house.finish(house.make_courier())
            for msg_id, entry in sink.books.entries.items():
                headers = entry.attempts[0].headers
                assert msg_id.startswith("evt_")
                assert headers["authorization"] == f"Bearer {GEHEIM}"
                assert headers["content-type"].startswith("application/json")

    run(scenario())


def test_attempts_follow_the_schedule_and_have_an_end(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house(vices={"fail": 1}) as (house, sink):
            await house.subscribe(sink.url, events=("task.succeeded",))
            courier = house.make_courier()
            await house.succeed()
            for tries, pause in enumerate(DELIVERY_PAUSES, 1):
                (delivery,) = await house.finish(courier)
                assert (delivery.state, delivery.tries) == ("planned", tries)
                assert await courier.step() == pause
                house.clock.now += pause
            (delivery,) = await house.finish(courier)
            assert (delivery.state, delivery.attempts) == ("exhausted", 10)
            assert await courier.step() is None
            (entry,) = sink.books.entries.values()
            assert len(entry.attempts) == 10
            assert all(attempt.same for attempt in entry.attempts)
            attempts = await house.attempts(delivery)
            assert {(each.status, each.error, each.answer) for each in attempts} == {(500, "status", "something broke")}
            assert [each.number for each in attempts] == list(range(1, 11))

    run(scenario())


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 4.0), (1.0, 6.0)])
def test_pauses_are_spread_in_the_row(chance: float, pause: float, run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house(vices={"fail": 1}) as (house, sink):
            await house.subscribe(sink.url, events=("task.succeeded",))
            await house.succeed()
            (delivery,) = await house.finish(house.make_courier(chance=lambda: chance))
            assert delivery.next_at == (house.clock.now + pause) * 1000

    run(scenario())


def test_who_asks_for_a_later_time_is_asked_then_and_whoever_is_beside_it_at_once(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            await house.subscribe(f"{sink.url}/vice/pause", events=("task.succeeded",))  # after 120 s
            await house.subscribe(
                f"{sink.url}/vice/throttle", events=("task.succeeded",)
            )  # after 1 s: its own is later
            await house.subscribe(sink.url, events=("task.succeeded",))
            await house.succeed()
            paused, throttled, other = await house.finish(house.make_courier())
            assert (paused.state, throttled.state, other.state) == ("planned", "planned", "delivered")
            assert 118 <= paused.next_at / 1000 - house.clock.now <= 120
            assert throttled.next_at == (house.clock.now + 5) * 1000

    run(scenario())


def test_what_waits_for_one_that_is_too_busy_loses_no_attempt(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            await house.subscribe(f"{sink.url}/vice/throttle", events=("task.succeeded",), concurrency=1)
            for _ in range(5):
                await house.succeed()
            courier = house.make_courier()
            deliveries = await house.finish(courier)
            assert [each.attempts for each in deliveries] == [1, 0, 0, 0, 0]
            assert await courier.step() == 1
            house.clock.now += 1
            assert [each.attempts for each in await house.finish(courier)] == [1, 1, 0, 0, 0]

    run(scenario())


def test_one_that_is_gone_is_disabled_and_what_it_is_owed_is_held(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            gone = await house.subscribe(f"{sink.url}/vice/gone", events=("*",), concurrency=1)
            other = await house.subscribe(sink.url, events=("subscription.*", "task.succeeded"))
            for _ in range(3):
                await house.succeed()
            deliveries = await house.finish(house.make_courier())
            assert {each.state for each in deliveries if each.subscription_id == gone.id} == {"held"}
            assert {each.state for each in deliveries if each.subscription_id == other.id} == {"delivered"}
            disabled = await house.store.read(read_subscription, gone.id)
            assert (disabled.state, disabled.reason) == ("disabled", "its endpoint answered 410 Gone")
            told = [json.loads(entry.body)["type"] for entry in sink.books.entries.values()]
            assert told.count("subscription.disabled") == 1
            assert sum(entry.attempts[0].answer == "gone" for entry in sink.books.entries.values()) == 1

    run(scenario())


def test_who_has_moved_is_not_turned_away_by_the_old_address(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            moving = await house.subscribe(f"{sink.url}/vice/slowly_gone", events=("task.succeeded",))
            moved = asyncio.Event()

            async def move(writer: Any) -> bool:
                await moved.wait()
                return await replies(410)(writer)

            VICES["slowly_gone"] = move
            try:
                await house.succeed()
                courier = house.make_courier()
                await courier.step()
                sealed = house.sealer.seal(to_json(Recipient(url=sink.url)))
                house.clock.now += 1
                await house.store.write(change_subscription, moving.id, sealed=sealed)
                moved.set()
                (delivery,) = await house.finish(courier)
            finally:
                del VICES["slowly_gone"]
            assert (await house.store.read(read_subscription, moving.id)).state == "active"
            assert (delivery.state, delivery.attempts) == ("delivered", 2)

    run(scenario())


def test_one_that_is_gone_after_it_was_deleted_is_cancelled(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            gone = await house.subscribe(f"{sink.url}/vice/gone_later", events=("task.succeeded",))
            deleted = asyncio.Event()

            async def wait(writer: Any) -> bool:
                await deleted.wait()
                return await replies(410)(writer)

            VICES["gone_later"] = wait
            try:
                await house.succeed()
                courier = house.make_courier()
                await courier.step()
                await house.store.write(delete_subscription, gone.id)
                deleted.set()
                (delivery,) = await house.finish(courier)
            finally:
                del VICES["gone_later"]
            assert delivery.state == "cancelled"

    run(scenario())


@pytest.mark.parametrize("mend", ["change", "redeliver", "recover"])
def test_a_long_rest_ends_when_a_person_mends_it(mend: str, run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            resting = await house.subscribe(f"{sink.url}/vice/leave_me", events=("task.succeeded",))
            VICES["leave_me"] = replies(503, b"", "Retry-After: 86400")
            try:
                await house.succeed()
                courier = house.make_courier()
                (delivery,) = await house.finish(courier)
                await house.succeed()
                assert [each.attempts for each in await house.finish(courier)] == [1, 0]
            finally:
                VICES["leave_me"] = replies(204)
            house.clock.now += 1
            if mend == "change":
                sealed = house.sealer.seal(to_json(Recipient(url=sink.url)))
                await house.store.write(change_subscription, resting.id, sealed=sealed)
            elif mend == "redeliver":
                await house.store.write(redeliver, delivery.id)
            else:
                await house.store.write(hurry_some, resting.id)
            assert (await house.finish(courier))[-1].state == "delivered"
            del VICES["leave_me"]

    run(scenario())


def test_one_address_of_a_host_speaks_for_itself_alone(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            VICES["leave_me"] = replies(429, b"", "Retry-After: 86400")
            for path in ("vice/leave_me", "good"):
                url = f"{sink.url}/{path}"
                sealed = house.sealer.seal(to_json(Recipient(url=url)))
                task = await house.open()
                how = {"host": name_host(url), "sealed": sealed, "events": ("task.succeeded",)}
                await house.store.write(open_for_task, root_id=task.id, format="standard", origin="task", **how)
                await house.happen(task, "SUCCESS", 100)
            courier = house.make_courier(slow_down_rests=(1,))
            await house.finish(courier)
            house.clock.now += 1
            busy, good = await house.finish(courier)
            del VICES["leave_me"]
            assert (busy.state, good.state) == ("planned", "delivered")
            assert busy.next_at is not None
            assert busy.next_at - house.clock.now * 1000 > 23 * 3600 * 1000

    run(scenario())


def test_what_never_left_says_nothing_about_the_subscriber(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            await house.subscribe(sink.url, events=("task.succeeded",), concurrency=2)
            for _ in range(3):
                await house.succeed()
            other = Sealer(["another-key-0123456789"])
            courier = house.make_courier(open_sealed=other.open)
            await house.finish(courier)
            house.clock.now += DELIVERY_PAUSES[0]
            with house.store.bell.listen("deliveries"):
                await courier.step()
                sending = [each.state for each in await house.deliveries()].count("sending")
            assert sending <= 1, "nobody knows whether it answers"

    run(scenario())


def test_whatever_waits_to_be_laid_aside_is_so_slice_by_slice(
    run: Any, open_house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            off = await house.subscribe(sink.url, events=("task.succeeded",))
            for _ in range(5):
                await house.succeed()
            await house.store.write(disable_subscription, off.id, "it moves")
            monkeypatch.setattr("hooks.courier.sweep_deliveries", partial(sweep_deliveries, limit=2))
            courier = house.make_courier()
            while await courier.step() == 0:
                pass
            assert {each.state for each in await house.deliveries()} == {"held"}

    run(scenario())


def test_what_is_owed_to_one_that_was_deleted_is_cancelled(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            subscription = await house.subscribe(sink.url)
            await house.succeed()
            await house.store.write(delete_subscription, subscription.id)
            deliveries = await house.finish(house.make_courier())
            assert {each.state for each in deliveries} == {"cancelled"}
            assert not sink.books.entries

    run(scenario())


def test_one_that_hangs_keeps_no_other_waiting_and_holds_a_single_place(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            hanging = await house.subscribe(f"{sink.url}/vice/hang", events=("task.succeeded",))
            quick = await house.subscribe(sink.url, events=("task.succeeded",))
            for _ in range(20):
                await house.succeed()
            courier = house.make_courier()
            with house.store.bell.listen("deliveries") as listener:
                while not all(
                    each.state == "delivered" for each in await house.deliveries() if each.subscription_id == quick.id
                ):
                    await courier.step()
                    await listener.wait(PATIENCE)
            hung = [each.state for each in await house.deliveries() if each.subscription_id == hanging.id]
            assert (hung.count("sending"), hung.count("planned")) == (1, 19)

    run(scenario())


def test_one_that_answered_is_given_all_its_places_until_it_does_not(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            await house.subscribe(sink.url, events=("task.succeeded",), concurrency=3)
            courier = house.make_courier(deadline=0.05)
            await house.succeed()
            await house.finish(courier)
            sink.vices = {"hang": 1}
            for _ in range(9):
                await house.succeed()
            await courier.step()
            assert [each.state for each in await house.deliveries()].count("sending") == 3
            await house.finish(courier)
            house.clock.now += 1
            await courier.step()
            assert [each.state for each in await house.deliveries()].count("sending") == 1

    run(scenario())


def test_retries_leave_places_for_first_attempts(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house(vices={"fail": 1}) as (house, sink):
            for _ in range(8):
                await house.subscribe(sink.url, events=("task.succeeded",))
            courier = house.make_courier(in_flight=4, deadline=0.2)
            await house.succeed()
            await house.finish(courier)
            sink.vices = {"hang": 1}
            house.clock.now += DELIVERY_PAUSES[0]
            await courier.step()
            assert [each.state for each in await house.deliveries()].count("sending") == 3
            await house.succeed()
            await courier.step()
            sending = [each for each in await house.deliveries() if each.state == "sending"]
            assert sorted(each.tries for each in sending) == [1, 2, 2, 2]

    run(scenario())


def test_a_rate_is_kept(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            await house.subscribe(sink.url, events=("task.succeeded",), rate=2)
            for _ in range(5):
                await house.succeed()
            courier, begin, gone = house.make_courier(), house.clock.now, []
            while len(gone) < 5:
                await house.finish(courier)
                gone += [house.clock.now - begin] * (len(sink.books.entries) - len(gone))
                house.clock.now += await courier.step() or 0
            assert gone == pytest.approx([0, 0.45, 0.95, 1.45, 1.95], abs=0.06)

    run(scenario())


def test_dead_hosts_of_single_tasks_share_one_lane(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            url = f"{sink.url}/vice/hang"
            sealed = house.sealer.seal(to_json(Recipient(url=url)))
            for _ in range(30):
                task = await house.open()
                how = {"host": name_host(url), "sealed": sealed, "events": ("task.*",)}
                await house.store.write(open_for_task, root_id=task.id, format="standard", origin="task", **how)
                await house.happen(task, "SUCCESS", 100)
            courier = house.make_courier()
            await courier.step()
            assert [each.state for each in await house.deliveries()].count("sending") == 1

    run(scenario())


def test_a_seal_that_is_broken_is_a_failure_that_is_tried_again(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            await house.subscribe(sink.url, events=("task.succeeded",))
            await house.succeed()
            other = Sealer(["another-key-0123456789"])
            (delivery,) = await house.finish(house.make_courier(open_sealed=other.open))
            (attempt,) = await house.attempts(delivery)
            assert (delivery.state, attempt.error, attempt.status) == ("planned", "secret", None)
            assert "RINGBACK_SECRET_KEYS" in (attempt.detail or "")
            house.clock.now += DELIVERY_PAUSES[0]
            (delivery,) = await house.finish(house.make_courier())
            assert (delivery.state, delivery.attempts) == ("delivered", 2)

    run(scenario())


def test_a_mistake_of_ours_is_a_failure_that_says_so_and_shows_nothing(run: Any, open_house: Any) -> None:
    def blunder(sealed: str) -> str:
        raise KeyError(GEHEIM)

    async def scenario() -> None:
        async with open_house() as (house, sink):
            await house.subscribe(sink.url, events=("task.succeeded",))
            await house.succeed()
            with capture_logs() as lines:
                (delivery,) = await house.finish(house.make_courier(open_sealed=blunder))
            (attempt,) = await house.attempts(delivery)
            assert (delivery.state, attempt.error, attempt.detail) == (
                "planned",
                "mistake",
                "it failed with KeyError",
            )
            assert GEHEIM not in str(lines)

    run(scenario())


def test_answers_are_kept_without_what_is_secret(run: Any, open_house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            token = "tok-0123456789abcdef"
            secret = SECRETS["own"]
            said = f"一只猫 {secret} {secret.removeprefix('whsec_')} {token} Bearer {GEHEIM} 500 \udce9"
            monkeypatch.setitem(VICES, "quote", replies(500, said.encode(errors="surrogateescape")))
            await house.subscribe(
                f"{sink.url}/vice/quote?key={token}", secret, headers={"Authorization": f"Bearer {GEHEIM}"}
            )
            await house.succeed()
            with capture_logs() as lines:
                deliveries = await house.finish(house.make_courier())
            (attempt,) = await house.attempts(deliveries[0])
            assert attempt.answer == "一只猫 … … … Bearer … 500 \ufffd"
            for hidden in (secret, token, GEHEIM, sink.url):
                assert hidden not in str(lines) + str(attempt)
            assert lines[0]["host"] in sink.url

    run(scenario())


def test_a_secret_at_the_very_end_of_what_is_kept_is_not_kept_in_part(
    run: Any, open_house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            beginning = b"x" * (LONGEST_KEPT - 20)
            monkeypatch.setitem(VICES, "quote", replies(500, beginning + SECRETS["own"].encode()))
            await house.subscribe(f"{sink.url}/vice/quote", SECRETS["own"])
            await house.succeed()
            deliveries = await house.finish(house.make_courier())
            (attempt,) = await house.attempts(deliveries[0])
            assert attempt.answer
            assert set(attempt.answer) == {"x"}

    run(scenario())


def test_an_outcome_that_cannot_be_written_is_not_lost(
    run: Any, open_house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            await house.subscribe(sink.url, events=("task.succeeded",))
            await house.succeed()
            courier = house.make_courier()

            def refuse(*_: Any, **__: Any) -> None:
                raise LedgerUnavailable("the disk is full")

            monkeypatch.setattr("hooks.receipts.finish_deliveries", refuse)
            (delivery,) = await house.finish(courier)
            assert delivery.state == "sending"
            monkeypatch.undo()
            pause = await courier.step()
            assert pause == LEASE / 1000, "nobody rings for it"
            house.clock.now += pause
            (delivery,) = await house.finish(courier)
            assert (delivery.state, delivery.attempts, times(sink)) == ("delivered", 2, [2])

    run(scenario())


def test_one_that_takes_longer_than_its_lease_is_sent_once(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as (house, sink):
            await house.subscribe(sink.url, events=("task.succeeded",))
            courier = house.make_courier()
            await house.succeed()
            await house.finish(courier)
            sink.vices = {"hang": 1}
            await house.succeed()
            await courier.step()
            house.clock.now += 2 * LEASE / 1000
            await courier.step()
            assert [(each.state, each.attempts) for each in await house.deliveries()] == [
                ("delivered", 1),
                ("sending", 1),
            ]

    run(scenario())


def test_what_a_stop_cut_off_is_due_at_the_next_start(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house(vices={"hang": 1}) as (house, sink):
            await house.subscribe(sink.url, events=("task.succeeded",))
            await house.succeed()
            first = house.make_courier()
            await first.step()
            await first.close()
            assert not first.busy
        async with open_house() as (house, sink):
            (delivery,) = await house.deliveries()
            assert delivery.state == "planned"
            (attempt,) = await house.attempts(delivery)
            assert attempt.error == "interrupted"
            assert (delivery.attempts, delivery.tries) == (1, 0), "a stop takes no attempt away"

    run(scenario())


VICIOUS = ("fail", "hang", "reset", "close", "garbage", "drip", "redirect", "throttle")


@pytest.mark.parametrize("seed", range(5))
def test_whatever_its_vices_a_subscriber_is_told_all_in_order_and_the_same_at_every_attempt(
    seed: int, run: Any, open_house: Any
) -> None:
    async def scenario() -> None:
        dice = random.Random(seed)
        shares = {name: dice.uniform(0, 0.08) for name in VICIOUS}
        async with open_house(vices=shares, seed=seed) as (house, sink):
            await house.subscribe(sink.url, SECRETS["own"], concurrency=dice.randint(1, 8))
            courier = house.make_courier(
                pauses=[dice.uniform(0, 3) for _ in range(30)], chance=dice.random, deadline=0.1
            )
            tasks = [await house.open() for _ in range(8)]
            news = [task for task in tasks for _ in range(5)]
            dice.shuffle(news)
            for place, task in enumerate(news):
                count = news[: place + 1].count(task)
                await house.happen(task, "SUCCESS" if count == 5 else "IN_PROGRESS", 20 * count)
                if dice.random() < 0.2:
                    house.clock.now += await courier.step() or 0
            deliveries = await house.settle(courier)
            assert {each.state for each in deliveries} == {"delivered"}
            events, _ = await house.store.read(list_events, types=("task.*",), limit=1000)
            assert sink.books.entries.keys() == {event.id for event in events}
            assert all(attempt.same for entry in sink.books.entries.values() for attempt in entry.attempts)
            for task in tasks:
                told = [sink.books.entries[event.id] for event in events if event.task and event.task.id == task.id]
                assert all(entry.taken == 1 for entry in told), "at most once, too, where nothing crashes"
                for before, after in pairwise(told):
                    assert before.attempts[-1].time <= after.attempts[0].time
            assert len(sink.books.entries) < sum(times(sink)), "there were vices"

    run(scenario())


def test_an_event_is_exhausted_before_the_next_one_of_its_task_is_seen(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house(vices={"fail": 1}) as (house, sink):
            await house.subscribe(sink.url)
            await house.succeed()
            deliveries = await house.settle(house.make_courier(pauses=(1, 2)))
            assert [each.state for each in deliveries] == ["exhausted", "exhausted"]
            first, second = sink.books.entries.values()
            assert (len(first.attempts), len(second.attempts)) == (3, 3)
            assert first.attempts[-1].time <= second.attempts[0].time

    run(scenario())
