"""What rules would have done is what they did: a live run against its own ledger, and a changed file against it."""

import random
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from service.rules.hindsight.backtest import Difference, backtest
from service.rules.limits import FUSE
from service.rules.reactor import Reactor
from storage.deferrals import resume_due
from storage.firings import list_firings
from storage.openings import open_click
from storage.queue import claim_due
from storage.records import Task
from storage.submissions import lose_task, reject
from storage.tasks import read_task
from storage.withdrawals import withdraw

if TYPE_CHECKING:
    from tests.conftest import Ledger

RULES = """
limits:
  max_depth: 3
  per_hour: 9
  spend_per_day: 8.5
rules:
  - {id: all-four, on: task.succeeded, match: {action: IMAGINE, tags: auto}, do: [click: [U1, U2, U3, U4]]}
  - {id: first, on: task.succeeded, match: {action: IMAGINE}, do: [{click: U1}, {tag: done}]}
  - {id: vary, on: task.succeeded, match: {action: [IMAGINE, VARIATION]}, max_depth: 3, do: [click: V1]}
  - {id: dear, on: task.succeeded, match: {action: VARIATION}, budget: {per_root: 2, per_hour: 2, policy: drop}, do: [submit: {prompt: "{prompt} again"}]}
  - {id: again, on: task.failed, match: {fail_kind: timeout}, attempts: {max: 2, backoff: [10s, 5m]}, do: [resubmit: {}]}
  - {id: done, on: chain.settled, match: {chain.succeeded.UPSCALE: {gte: 2}}, do: [{tag: {root: settled}}, {click: U2}]}
  - {id: half, on: task.progressed, match: {progress: {gte: 50}}, do: [tag: half]}
  - {id: night, on: task.succeeded, match: {action: UPSCALE}, quiet_hours: {from: 09:00, to: 12:00, tz: UTC}, do: [tag: seen]}
"""  # noqa: E501


def price(gateway: str, action: str, mode: str | None) -> float | None:
    return {"IMAGINE": 0.7, "UPSCALE": 0.1}.get(action, 0.3)


class Play:
    """A live run: people ask, gateways answer, time goes by, and all of it is random."""

    def __init__(self, ledger: "Ledger", seed: int) -> None:
        self.ledger = ledger
        self.random = random.Random(seed)
        self.open: list[str] = []

    def step(self) -> None:
        what = self.random.choices(("ask", "end", "wait", "click"), (3, 8, 4, 1))[0]
        if what == "ask":
            tags = self.random.choice([(), ("auto",)])
            self.ledger.open(prompt="a cat", tags=tags, then=self.random.choice([(), ("V2", "U1")]))
        elif what == "click" and (task := self.pick("status = 'SUCCESS' AND action = 'IMAGINE'")) is not None:
            self.ledger.do(open_click, task, self.random.choice(task.buttons), origin="api")
        elif what == "wait":
            self.wait(self.random.choice([1, 20, 400, 1800, 7000]))
        elif (task := self.pick("status NOT IN ('SUCCESS', 'FAILURE', 'CANCEL')")) is not None:
            self.end(task)
        self.wait(0.001)

    def pick(self, where: str) -> Task | None:
        rows = self.ledger.sql(f"SELECT id FROM tasks WHERE {where} ORDER BY id")
        return self.ledger.ask(read_task, self.random.choice(rows)[0]) if rows else None

    def end(self, task: Task) -> None:
        self.ledger.do(claim_due, gateway="g", limit=100, price=lambda task, _request: price("g", task.action, None))
        how = self.random.choices(("good", "half", "timeout", "banned", "refused"), (6, 2, 2, 1, 1))[0]
        submission = self.ledger.submission(task)
        if how == "refused" and submission.state == "sending":
            self.ledger.do(reject, submission.id, reason="no", kind="gateway", answer=None)
        elif how == "half":
            self.ledger.record(task, status="IN_PROGRESS", progress=self.random.choice([30, 60, 80]))
        elif how in ("timeout", "banned"):
            kind = {"timeout": "timeout", "banned": "moderation"}[how]
            self.ledger.record(task, status="FAILURE", fail_reason=how, fail_kind=kind)
        else:
            buttons = self.ledger.grid if task.action in ("IMAGINE", "VARIATION") else ()
            self.ledger.record(task, status="SUCCESS", progress=100, buttons=buttons)

    def wait(self, seconds: float) -> None:
        """What falls due meanwhile is taken up when it does."""
        end = self.ledger.clock.now + seconds
        while (due := self.ledger.do(resume_due)) is not None and due / 1000 <= end:
            self.ledger.clock.now = min(end, max(self.ledger.clock.now, due / 1000 + 1e-4))
        self.ledger.clock.now = end
        self.ledger.do(resume_due)


@pytest.mark.parametrize("seed", range(8))
def test_a_backtest_counts_what_a_live_run_did(
    open_ledger: "Callable[..., Ledger]", make_reactor: Callable[..., Reactor], seed: int
) -> None:
    reactor = make_reactor(RULES, price=price)
    ledger = open_ledger(react=reactor)
    play = Play(ledger, seed)
    for _ in range(150):
        play.step()
    told = ledger.ask(backtest, reactor, since=0, until=ledger.store.now())
    lived = ledger.ask(list_firings, limit=10_000)
    assert len(lived) > 50
    fired = Counter(firing.rule for firing in lived if firing.outcome == "fired")
    blocked = Counter((firing.rule, firing.reason) for firing in lived if firing.outcome == "blocked")
    deferred = Counter((firing.rule, firing.reason) for firing in lived if firing.outcome == "deferred")
    assert {each.rule: each.fired for each in told.tallies if each.fired} == fired
    assert {(each.rule, reason): n for each in told.tallies for reason, n in each.blocked.items()} == blocked
    assert {(each.rule, reason): n for each in told.tallies for reason, n in each.deferred.items()} == deferred
    assert (told.appear, told.disappear, told.wait) == ((), (), ())
    ((spent,),) = ledger.sql(
        "SELECT sum(submissions.cost) FROM submissions JOIN tasks ON tasks.id = task_id"
        " WHERE origin = 'then' OR origin GLOB 'rule:*'"
    )
    assert sum(each.cost for each in told.tallies) == pytest.approx(spent), "what was refused was opened, too"
    assert sum(each.follow_ups for each in told.tallies) == sum(
        action["result"] in ("opened", "withdrawn") for firing in lived for action in firing.actions
    )


CATS = "rules: [{id: cats, on: task.succeeded, match: {action: IMAGINE, prompt: {word: cat}}, do: [click: U1]}]"
DOGS = CATS.replace("word: cat", "word: [cat, dog]").replace("click: U1", "click: [U1, U2]")


def test_a_changed_file_says_what_would_appear_and_disappear(
    open_ledger: "Callable[..., Ledger]", make_reactor: Callable[..., Reactor]
) -> None:
    ledger = open_ledger(react=make_reactor(CATS))
    cat, dog = (ledger.open_grid(name, prompt=f"a {name}") for name in ("cat", "dog"))
    now = ledger.store.now()
    wider = ledger.ask(backtest, make_reactor(DOGS), since=0, until=now)
    assert (wider.appear, wider.disappear) == ((Difference(rule="cats", task_id=dog.id),), ())
    assert [(each.rule, each.fired, each.follow_ups) for each in wider.tallies] == [("cats", 2, 4)]
    none = ledger.ask(backtest, make_reactor("rules: []"), since=0, until=now)
    assert (none.appear, none.disappear) == ((), (Difference(rule="cats", task_id=cat.id),))
    assert none.tallies == ()
    later = "quiet_hours: {from: '00:00', to: '23:59', tz: UTC}, do"
    waiting = ledger.ask(backtest, make_reactor(DOGS.replace(" do:", f" {later}:")), since=0, until=now)
    assert (waiting.appear, waiting.disappear) == ((), ()), "what waits neither appears nor disappears"
    assert waiting.wait == tuple(Difference(rule="cats", task_id=each.id) for each in (cat, dog))


def test_what_rules_would_have_spent_is_told_with_what_has_no_price(
    open_ledger: "Callable[..., Ledger]", make_reactor: Callable[..., Reactor]
) -> None:
    ledger = open_ledger()
    ledger.open_grid(prompt="a cat")
    both = make_reactor(
        DOGS.replace("[U1, U2]", "[U1, U2, V1]"), price=lambda _gateway, action, _mode: {"UPSCALE": 0.5}.get(action)
    )
    (tally,) = ledger.ask(backtest, both, since=0, until=ledger.store.now()).tallies
    assert (tally.follow_ups, tally.cost, tally.unpriced) == (3, 1.0, 1)


def test_what_was_taken_back_or_refused_is_priced_like_every_follow_up_that_is_counted(
    open_ledger: "Callable[..., Ledger]", make_reactor: Callable[..., Reactor]
) -> None:
    priced = make_reactor(CATS.replace("click: U1", "click: [V1, V2, V3, V4]"), price=price)
    unpriced = make_reactor(CATS.replace("click: U1", "click: [V1, V2, V3, V4]"))
    ledger = open_ledger(react=priced)
    grid = ledger.open_grid(prompt="a cat")
    first, second, third, _ = ledger.children(grid)
    assert all(ledger.do(withdraw, task.id) for task in (first, second))
    ledger.claim()
    ledger.do(reject, ledger.submission(third).id, reason="no", kind="gateway", answer=None)
    now = ledger.store.now()
    (tally,) = ledger.ask(backtest, priced, since=0, until=now).tallies
    assert (tally.follow_ups, tally.cost, tally.unpriced) == (4, pytest.approx(1.2), 0)
    (tally,) = ledger.ask(backtest, unpriced, since=0, until=now).tallies
    assert (tally.follow_ups, tally.cost, tally.unpriced) == (4, 0.0, 4)


def test_only_the_time_that_is_asked_for_is_looked_at_and_what_was_spent_before_counts(
    open_ledger: "Callable[..., Ledger]", make_reactor: Callable[..., Reactor]
) -> None:
    reactor = make_reactor("limits: {per_hour: 1, policy: drop}\n" + CATS)
    ledger = open_ledger(react=reactor)
    begun = ledger.store.now()
    for hour in range(3):
        ledger.open_grid(f"g{hour}", prompt="a cat")
        ledger.clock.now += 1800
    told = ledger.ask(backtest, reactor, since=begun + 1, until=begun + 1_800_000)
    (tally,) = told.tallies
    assert (told.events, tally.fired, dict(tally.blocked)) == (1, 0, {"budget": 1})
    (tally,) = ledger.ask(backtest, reactor, since=begun, until=ledger.store.now()).tallies
    assert (tally.fired, dict(tally.blocked)) == (2, {"budget": 1})


def test_what_is_given_back_is_not_there_before_it_is(
    open_ledger: "Callable[..., Ledger]", make_reactor: Callable[..., Reactor]
) -> None:
    quiet = "budget: {per_day: 1}, quiet_hours: {from: 08:30, to: 09:00, tz: UTC}, do:"
    reactor = make_reactor(CATS.replace("do:", quiet))  # the clock of a ledger begins at 08:00
    ledger = open_ledger(react=reactor)
    first = ledger.open_grid("g1", prompt="a cat")
    ledger.clock.now += 1800
    waiting = ledger.open_grid("g2", prompt="a cat")
    ledger.clock.now += 1800
    ledger.do(resume_due)  # by now its budget is used up
    ledger.clock.now += 1800
    ledger.claim()
    (child,) = ledger.children(first)
    ledger.do(reject, ledger.submission(child).id, reason="no", kind="gateway", answer=None)
    (firing,) = ledger.firings(waiting)
    assert (firing.outcome, firing.reason, firing.next_at) == ("deferred", "budget", ledger.store.now())
    (tally,) = ledger.ask(backtest, reactor, since=0, until=ledger.store.now() - 1).tallies
    assert (tally.fired, dict(tally.deferred)) == (1, {"budget": 1})
    ledger.do(resume_due)
    (tally,) = ledger.ask(backtest, reactor, since=0, until=ledger.store.now()).tallies
    assert (tally.fired, ledger.firings(waiting)[0].outcome) == (2, "fired")


def test_a_persons_click_stands_in_a_backtest_as_it_did(
    open_ledger: "Callable[..., Ledger]", make_reactor: Callable[..., Reactor]
) -> None:
    rule = "rules: [{id: done, on: chain.settled, match: {chain.succeeded.UPSCALE: {gte: 1}}, do: [click: U1]}]"
    ledger = open_ledger()
    grid = ledger.open_grid()
    child, _ = ledger.do(open_click, grid, grid.buttons[0], origin="api")
    ledger.record(child, status="SUCCESS", progress=100)
    (tally,) = ledger.ask(backtest, make_reactor(rule), since=0, until=ledger.store.now()).tallies
    assert (tally.fired, dict(tally.blocked)) == (0, {"exists": 1})


PER_ROOT = (
    "rules: [{id: it, on: task.succeeded, match: {action: [IMAGINE, VARIATION]}, max_depth: 4, BUDGETdo: [click: V1]}]"
)


@pytest.mark.parametrize("budget", ["budget: {per_root: 1}, ", "budget: {spend_per_root: 0.3}, "])
def test_what_was_opened_under_a_root_before_counts_for_what_is_bounded_by_root(
    open_ledger: "Callable[..., Ledger]", make_reactor: Callable[..., Reactor], budget: str
) -> None:
    reactor = make_reactor(PER_ROOT.replace("BUDGET", budget), price=price)
    ledger = open_ledger(react=reactor)
    grid = ledger.open_grid()
    (child,) = ledger.children(grid)
    ledger.clock.now += 26 * 3600
    since = ledger.store.now()
    ledger.record(child, status="SUCCESS", progress=100, buttons=ledger.grid)
    (tally,) = ledger.ask(backtest, reactor, since=since, until=since).tallies
    assert (tally.fired, dict(tally.blocked)) == (0, {"budget": 1})
    assert [(each.outcome, each.reason) for each in ledger.firings(child)] == [("blocked", "budget")]


def test_the_fuse_counts_what_fired_under_the_root_before(
    open_ledger: "Callable[..., Ledger]", make_reactor: Callable[..., Reactor]
) -> None:
    reactor = make_reactor(PER_ROOT.replace("BUDGET", ""))
    ledger = open_ledger(react=reactor)
    grid = ledger.open_grid()
    for place in range(FUSE):
        child, _ = ledger.do(open_click, grid, ledger.grid[5], origin="api")
        if place == FUSE - 1:
            ledger.clock.now += 60
        ledger.record(child, status="SUCCESS", progress=100, buttons=ledger.grid)
    now = ledger.store.now()
    (tally,) = ledger.ask(backtest, reactor, since=now, until=now).tallies
    assert (tally.fired, dict(tally.blocked)) == (0, {"paused": 1})


def test_what_was_lost_and_came_back_is_not_asked_for_once_more(
    open_ledger: "Callable[..., Ledger]", make_reactor: Callable[..., Reactor]
) -> None:
    reactor = make_reactor("rules: [{id: it, on: task.lost, attempts: {max: 1, backoff: [5m]}, do: [resubmit: {}]}]")
    ledger = open_ledger(react=reactor)
    task = ledger.open_accepted()
    ledger.do(lose_task, task.id, reason="silence", silent_since=10**15)
    ledger.clock.now += 60
    ledger.record(task, status="IN_PROGRESS", progress=5)
    ledger.clock.now += 300
    ledger.do(resume_due)
    assert [(each.outcome, each.reason) for each in ledger.firings(task)] == [("blocked", "exists")]
    (tally,) = ledger.ask(backtest, reactor, since=0, until=ledger.store.now()).tallies
    assert (tally.fired, dict(tally.blocked)) == (0, {"exists": 1})


def test_of_a_persons_refused_click_a_backtest_knows_that_it_was(
    open_ledger: "Callable[..., Ledger]", make_reactor: Callable[..., Reactor]
) -> None:
    reactor = make_reactor("rules: [{id: done, on: chain.settled, match: {chain.tasks: 2}, do: [click: U1]}]")
    ledger = open_ledger(react=reactor)
    grid = ledger.open_grid()
    child, _ = ledger.do(open_click, grid, grid.buttons[0], origin="api")
    ledger.record(child, status="FAILURE", fail_kind="moderation")
    (tally,) = ledger.ask(backtest, reactor, since=0, until=ledger.store.now()).tallies
    assert (tally.fired, dict(tally.blocked)) == (0, {"moderation": 1})
    assert [each.reason for each in ledger.firings(grid)] == ["moderation"]
