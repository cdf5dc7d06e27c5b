"""Whatever happens, and however often: nothing is lost, nothing overtakes within a task, and nothing is stuck."""

from collections import Counter
from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.deliveries import list_deliveries
from storage.events import append_news
from storage.outbox import LEASE, LONGEST_PAUSE, claim_deliveries, list_turns
from storage.outcomes import DISABLE_AFTER, exhaust_delivery, finish_deliveries, retry_delivery
from storage.records_of_deliveries import Delivery
from storage.recoveries import recover_some, redeliver
from storage.subscriptions import delete_subscription
from storage.suspensions import disable_subscription, enable_subscription, has_unswept, sweep_deliveries
from tests.conftest import Ledger
from tests.storage.subscribers import Listeners, attempt, follow_task, subscribe

LIVELY = ("append", "append", "append", "claim", "claim", "succeed", "succeed", "fail")
RARE = ("exhaust", "forget", "disable", "enable", "sweep", "recover", "redeliver", "delete", "restart", "later", "back")
STEPS = st.tuples(st.sampled_from(LIVELY + RARE), st.integers(0, 11), st.integers(1, 3))


class World:
    """A ledger, and what a subscriber and a courier know about it."""

    def __init__(self, open_ledger: Callable[..., Ledger], name: str) -> None:
        self.reopen = lambda **options: open_ledger(name, assemble=Listeners, **options)
        self.ledger = self.reopen()
        self.tasks = [self.ledger.open() for _ in range(2)]
        self.names = ["ordered", "unordered"]
        self.state = {"ordered": "active", "unordered": "active"}
        subscribe(self.ledger, "ordered")
        subscribe(self.ledger, "unordered", ordered=False)
        one = follow_task(self.ledger, self.tasks[0])
        self.followed = one.id
        self.names.append(one.id)
        self.state[one.id] = "active"
        self.flying = dict[int, Delivery]()
        self.begun = Counter[int]()
        self.expected = set[tuple[str, int]]()
        self.seq = 0

    def rows(self) -> list[Delivery]:
        found: list[Delivery] = self.ledger.ask(list_deliveries, limit=100_000)
        return found[::-1]

    def do(self, step: str, number: int, size: int) -> None:
        getattr(self, step)(number, size)
        self.note_events()
        self.check()

    def note_events(self) -> None:
        """What was appended since is owed to everybody who was there, but to nobody whom it is about."""
        events = self.ledger.sql(
            "SELECT seq, task_id, data ->> '$.subscription_id' FROM events WHERE seq > ? ORDER BY seq", self.seq
        )
        for seq, task_id, about in events:
            self.seq = seq
            for name in self.names:
                follows = name != self.followed or task_id == self.tasks[0].id
                if self.state[name] != "deleted" and name != about and follows:
                    self.expected.add((name, seq))

    def check(self) -> None:
        rows = self.rows()
        assert {(row.subscription_id, row.seq) for row in rows} == self.expected
        assert len(rows) == len(self.expected)
        assert {row.id: row.attempts for row in rows if row.attempts} == dict(self.begun)
        orders = sorted(
            (row for row in rows if not row.apart and row.state in ("planned", "sending", "waiting")),
            key=lambda row: (row.subscription_id, row.task_id, row.id),
        )
        for _, group in groupby(orders, key=lambda row: (row.subscription_id, row.task_id)):
            order = list(group)
            (head,) = [row for row in order if row.state != "waiting"]
            assert head == order[0] or head.state == "sending", order

    # What happens.

    def append(self, number: int, size: int) -> None:
        task = self.tasks[number % 2]
        for _ in range(size):
            self.ledger.do(append_news, task.id, "task.progressed", "callback")

    def claim(self, number: int, size: int) -> None:
        turns = self.ledger.ask(list_turns, now=self.ledger.store.now(), held=tuple(self.flying), each=size)
        ids = [key for turn in turns for key in (*turn.first, *turn.again)][number % 3 :]
        before = self.rows()
        taken = self.ledger.do(claim_deliveries, ids)
        assert [each.id for each in taken] == ids, "what is due can be had"
        for each in taken:
            assert self.state[each.subscription_id] == "active"
            others = [row for row in before if row.subscription_id == each.subscription_id and not row.apart]
            if not each.apart:
                rivals = [row for row in others if row.task_id == each.task_id and row.id != each.id]
                assert not [row for row in rivals if row.state == "sending"]
                assert not [row for row in rivals if row.state in ("planned", "waiting") and row.id < each.id]
            self.begun[each.id] += 1
            self.flying[each.id] = each

    def _land(self, number: int, verb: Any, error: str | None, **given: Any) -> None:
        if self.flying:
            each = self.flying.pop(sorted(self.flying)[number % len(self.flying)])
            self.ledger.do(verb, attempt(each, error, time=self.ledger.store.now()), **given)
            self._look()

    def _look(self) -> None:
        for name, state in self.ledger.sql("SELECT id, state FROM subscriptions"):
            self.state[name] = state

    def succeed(self, number: int, size: int) -> None:
        """Some are told of together."""
        keys = sorted(self.flying)[number % (len(self.flying) + 1) :][:size]
        if keys:
            now = self.ledger.store.now()
            self.ledger.do(finish_deliveries, [attempt(self.flying.pop(key), time=now) for key in keys])
            self._look()

    def fail(self, number: int, size: int) -> None:
        self._land(number, retry_delivery, "status", next_at=self.ledger.store.now() + size * 1000)

    def exhaust(self, number: int, _size: int) -> None:
        self._land(number, exhaust_delivery, "timeout")

    def forget(self, number: int, _size: int) -> None:
        """Nobody tells what came of it."""
        if self.flying:
            del self.flying[sorted(self.flying)[number % len(self.flying)]]

    def _live(self, number: int) -> str | None:
        name = self.names[number % len(self.names)]
        return None if self.state[name] == "deleted" else name

    def disable(self, number: int, _size: int) -> None:
        if name := self._live(number):
            self.ledger.do(disable_subscription, name, "a person")
            self._look()

    def enable(self, number: int, _size: int) -> None:
        if name := self._live(number):
            self.ledger.do(enable_subscription, name)
            self._look()

    def delete(self, number: int, size: int) -> None:
        if size == 3 and (name := self._live(number)):
            self.ledger.do(delete_subscription, name)
            self._look()

    def sweep(self, _number: int, size: int) -> None:
        self.ledger.do(sweep_deliveries, limit=size)

    def recover(self, number: int, size: int) -> None:
        name = self._live(number)
        if name and self.state[name] == "active":
            assert self.ledger.do(recover_some, name, 0, limit=size) <= size

    def redeliver(self, number: int, _size: int) -> None:
        rows = [row for row in self.rows() if self.state[row.subscription_id] == "active"]
        if rows:
            self.ledger.do(redeliver, rows[number % len(rows)].id)

    def restart(self, _number: int, _size: int) -> None:
        self.ledger.store.close()
        self.ledger = self.reopen(clock=self.ledger.clock)
        self.flying.clear()

    def later(self, number: int, _size: int) -> None:
        self.ledger.clock.now += (1, LEASE / 1000, LONGEST_PAUSE / 1000, DISABLE_AFTER / 1000)[number % 4]

    def back(self, number: int, _size: int) -> None:
        self.ledger.clock.now -= (1, 7200, 10_000_000)[number % 3]

    def drain(self) -> None:
        """Everybody is well again, and everything is sent."""
        self.flying.clear()
        for name in self.names:
            if self._live(self.names.index(name)):
                self.ledger.do(enable_subscription, name)
        self._look()
        self.ledger.clock.now += LONGEST_PAUSE / 1000 + 10_000_000
        while self.ledger.ask(has_unswept):
            assert self.ledger.do(sweep_deliveries, limit=3)
        for number, name in enumerate(self.names):
            while self._live(number) and self.ledger.do(recover_some, name, 0, limit=3):
                self.check()
        while turns := self.ledger.ask(list_turns, now=self.ledger.store.now(), each=2):
            assert any((*turn.first, *turn.again) for turn in turns)
            self.claim(0, 2)
            while self.flying:
                self.succeed(0, 2)
                self.note_events()
                self.check()
        for row in self.rows():
            if self.state[row.subscription_id] == "active":
                assert row.state == "delivered", row
            else:
                assert row.state in ("delivered", "exhausted", "cancelled", "sending", "held"), row


@pytest.fixture(scope="module")
def names() -> Any:
    return iter(f"{number}.db" for number in range(100_000))


@pytest.fixture(scope="module")
def open_named(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("orders")
    return lambda name, **options: Ledger(folder / name, **options)


@given(steps=st.lists(STEPS, max_size=40))
def test_nothing_is_lost_stuck_or_overtaken(steps: list[tuple[str, int, int]], open_named: Any, names: Any) -> None:
    world = World(open_named, next(names))
    for step in steps:
        world.do(*step)
    world.drain()
    world.ledger.store.close()
