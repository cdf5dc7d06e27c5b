"""A ledger in memory, as far as the guards look at one: events go in, and firings come out as the real one would store
them. Pure.

Only what rules decide about the events is replayed. What they open does not exist, so nothing follows from it; where
the past holds the same follow-up, what became of that is told by `Replay.see`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from math import fsum
from typing import assert_never

from service.rules.hindsight.books import Books
from service.rules.hindsight.past import Past
from service.rules.hindsight.places import Key, key_of, make_place, place_of, place_on
from service.rules.hindsight.waiting import Waiting
from service.rules.reactor import Reactor
from storage.reactions import (
    Action,
    Click,
    Decision,
    Download,
    Firing,
    Notify,
    Refused,
    Resubmit,
    Spending,
    Submit,
    Tag,
)
from storage.records import JSON, Button, Chain, SubmissionState, Task
from storage.results import FAILED, OPENED, STOOD, describe, judge


class Replay:
    """Facts (`storage.reactions.Facts`) that grow with what the reactor decides."""

    def __init__(self, reactor: Reactor, past: Past) -> None:
        self.now = 0  # ms; never goes back
        self.firings: dict[tuple[str, str], Firing] = {}  # by rule and task, in the order in which they were decided
        self.opened: dict[str, list[Spending]] = defaultdict(list)  # by rule, whatever became of it in the past
        self._reactor = reactor
        self._past = past
        self._paused: set[str] = set()
        self._done: set[Key] = set()  # what is done once: tags, pictures, retries
        self._waiting = Waiting()
        self._has_room = False  # a share of a budget came back just now
        self._fired: Counter[tuple[str, str]] = Counter()  # firings that opened tasks, by rule and root
        self._standing: Counter[Key] = Counter()  # clicks that hold their places
        self._books = Books(past)
        self._refused: set[Key] = set()  # clicks that moderation refused
        self._shares: dict[Key, list[tuple[str, str, Spending]]] = defaultdict(list)

    def follow(self, event_type: str, task: Task, now: int, seq: int = 0) -> None:
        """Let the rules decide about an event; what was to wait until then is looked at again before."""
        if now > self.now:
            self.wait(now)
        for _ in self.decide(event_type, task, seq):
            pass

    def decide(self, event_type: str, task: Task, seq: int = 0) -> Iterator[tuple[str, Decision]]:
        """What each rule decides about an event, by its id, one by one; each is carried out before the next."""
        for decision in self._reactor(event_type, task, self):
            if (decision.rule, task.id) not in self.firings:
                self._store(decision, task, seq)
                yield decision.rule, decision

    def wait(self, until: int) -> None:
        """Let time go by, and take up what falls due."""
        if self._has_room:
            self._has_room = False
            self._waiting.hasten(self.now)
        while (taken := self._waiting.take(until)) is not None:
            due, firing, task = taken
            self.now = max(self.now, due)
            decision = self._reactor.resume(firing, task, self)
            self._store(decision, task, firing.seq, firing)
            if decision.outcome == "deferred" and decision.reason == firing.reason == "budget":
                for each in self._waiting.put_off(self.firings[firing.rule, task.id], self.now):
                    self.firings[each.rule, each.task_id] = each
        self.now = max(self.now, until)

    def see(self, task: Task) -> None:
        """Learn of a follow-up of the past that ended badly: its button is free, and what was refused was not spent."""
        key = key_of(task)
        shares = self._shares.get(key)
        if shares and task.fail_kind == "moderation":
            self._refused.add(key)
        if shares and task.submission == SubmissionState.REJECTED:
            rule, root_id, spending = shares.pop()
            self._books.strike(rule, root_id, spending)
            self._has_room = True
        if (place := place_of(task)) is not None:
            self._standing[place] = max(0, self._standing[place] - 1)

    def recall(self, rule: str, spending: Spending) -> None:
        """Let a follow-up of before the replay count in every window; the oldest first."""
        self._books.recall(rule, spending)

    def _store(self, decision: Decision, task: Task, seq: int, before: Firing | None = None) -> None:
        outcome, reason, detail = decision.outcome, decision.reason, decision.detail
        results: list[JSON] = []
        if outcome == "fired":
            results = [self._carry_out(action, task, decision.rule) for action in decision.actions]
            outcome, reason, detail = judge(results)
            if any(result["result"] == OPENED for result in results):
                self._fired[decision.rule, task.root_id] += 1
        if decision.pauses_rule:
            self._paused.add(decision.rule)
        firing = Firing(
            id=len(self.firings) + 1 if before is None else before.id,
            rule=decision.rule,
            version=decision.version,
            task_id=task.id,
            root_id=task.root_id,
            seq=seq,
            outcome=outcome,
            reason=reason,
            detail=detail,
            actions=tuple(results),
            next_at=None if decision.next_at is None else max(decision.next_at, self.now + 1),
            created_at=self.now if before is None else before.created_at,
            updated_at=self.now,
        )
        self.firings[decision.rule, task.id] = firing
        if firing.next_at is not None:
            self._waiting.put(firing, task)

    def _carry_out(self, action: Action, task: Task, rule: str) -> JSON:
        told = describe(action)
        match action:
            case Click(button=button):
                if self.has_click(task, button):
                    return told | {"result": STOOD}
                place = make_place(task.id, told["button"], button.index)
                self._open(place, task, rule, action.cost)
                self._standing[place] += 1
                return told | {"result": OPENED}
            case Submit():
                self._open(("submit", task.id), task, rule, action.cost)
                return told | {"result": OPENED}
            case Resubmit():
                if self.is_answered(task):
                    return told | {"result": STOOD}
                self._open(("retry", task.id), task, rule, action.cost)
                self._done.add(("retry", task.id))
                if (held := place_of(task)) is not None:
                    self._standing[held] += 1
                return told | {"result": OPENED}
            case Tag(tags=tags, root=root):
                done: set[Key] = {("tag", task.root_id if root else task.id, tag) for tag in tags}
                stood = not root and set(tags) <= set(task.tags)
                return told | {"result": STOOD if stood or done <= self._done else self._do(done)}
            case Download(task_id=task_id, path=path):
                kept: set[Key] = {("download", task_id, path)}
                return told | {"result": STOOD if kept <= self._done else self._do(kept)}
            case Notify():
                return told | {"result": "done"}
            case Refused(detail=why):
                return told | {"result": FAILED, "detail": why}
            case _ as never:
                assert_never(never)

    def _do(self, done: set[Key]) -> str:
        self._done |= done
        return "done"

    def _open(self, key: Key, task: Task, rule: str, cost: float | None) -> None:
        spending = Spending(time=self.now, cost=cost)
        self.opened[rule].append(spending)
        self._books.enter(rule, task.root_id, spending)
        self._shares[key].append((rule, task.root_id, spending))

    # What the guards ask.

    def then(self, task_id: str) -> tuple[str, ...]:
        """The task's own list."""
        return self._past.then(task_id)

    def task(self, task_id: str) -> Task:
        """A task, as the past has it."""
        return self._past.task(task_id)

    def chain(self, root_id: str) -> Chain:
        """What had become of a chain."""
        return self._past.chain(root_id)

    def mode(self, task_id: str) -> str | None:
        """The mode that a task was submitted in."""
        return self._past.mode(task_id)

    def is_paused(self, rule: str) -> bool:
        """Whether the fuse has paused the rule."""
        return rule in self._paused

    def has_click(self, task: Task, button: Button) -> bool:
        """Whether a click of the button holds its place."""
        if button.kind != "upsample":
            return False
        return self._standing[place_on(task, button)] > 0 or self._past.has_click(task, button, self.now)

    def was_refused(self, task: Task, button: Button) -> bool:
        """Whether moderation refused a click of the button."""
        return place_on(task, button) in self._refused or self._past.was_refused(task, button, self.now)

    def is_answered(self, task: Task) -> bool:
        """Whether the task was asked for once more already, or has not ended badly after all."""
        place = place_of(task)
        stands = ("retry", task.id) in self._done or (place is not None and self._standing[place] > 0)
        return stands or self._past.is_answered(task, self.now)

    def count_firings(self, rule: str, root_id: str) -> int:
        """How many firings of the rule opened tasks under a root."""
        return self._fired[rule, root_id] + self._past.count_firings(rule, root_id)

    def count_follow_ups(self, window: int | None, rule: str | None = None, root_id: str | None = None) -> int:
        """How many follow-ups were reserved in the last so many ms (None: ever)."""
        return self._books.count(rule, root_id, None if window is None else self.now - window)

    def sum_costs(self, window: int | None, rule: str | None = None, root_id: str | None = None) -> float:
        """What these cost."""
        return fsum(each.cost or 0.0 for each in self.iter_spending(window, rule, root_id))

    def iter_spending(
        self, window: int | None, rule: str | None = None, root_id: str | None = None
    ) -> Iterator[Spending]:
        """These one by one, oldest first."""
        return self._books.iterate(rule, root_id, None if window is None else self.now - window)
