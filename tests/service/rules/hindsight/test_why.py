"""An explanation says what the reactor decides, clause by clause, and never anything else."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.rules.hindsight.past import Past
from service.rules.hindsight.replay import Replay
from service.rules.hindsight.why import Explanation, explain, inquire
from service.rules.match import ClauseResult
from service.rules.reactor import Reactor
from storage.errors import NoSuchTask
from storage.openings import open_click
from storage.pauses import pause
from storage.records import Task

if TYPE_CHECKING:
    from tests.conftest import Ledger

MakeReactor = Callable[..., Reactor]

RULES = """
limits: {max_depth: 4}
rules:
  - id: far
    on: task.succeeded
    match: {action: IMAGINE, params.ar: "16:9", tags: auto}
    do: [click: U1]
  - id: near
    on: task.succeeded
    match:
      action: IMAGINE
      prompt: {word: dog}
    do: [click: U1]
  - id: hit
    on: task.succeeded
    match: {action: IMAGINE}
    do: [click: U1]
  - id: elsewhere
    on: task.failed
    do: [tag: failed]
"""


def told(clauses: tuple[ClauseResult, ...]) -> list[tuple[Any, ...]]:
    return [(each.line, each.field, each.operator, each.expected, each.found, each.ok) for each in clauses]


def test_every_rule_is_explained_with_the_nearest_miss_first(
    open_ledger: "Callable[..., Ledger]", make_reactor: MakeReactor
) -> None:
    reactor = make_reactor(RULES)
    ledger = open_ledger(react=reactor)
    grid = ledger.open_grid(prompt="a cat")
    explained = ledger.ask(inquire, reactor, grid.id, now=ledger.store.now())
    assert [(each.rule, each.missed) for each in explained] == [("hit", 0), ("near", 1), ("elsewhere", 1), ("far", 2)]
    hit, near, elsewhere, far = explained
    assert told(near.clauses) == [
        (11, "action", "is", "IMAGINE", "IMAGINE", True),
        (12, "prompt", "word", "dog", "a cat", False),
    ]
    assert told(far.clauses)[1:] == [(6, "params.ar", "is", "16:9", None, False), (6, "tags", "is", "auto", (), False)]
    assert (near.checks, near.decision, near.firing) == ((), None, None)
    assert hit.firing is not None
    assert hit.firing.outcome == "fired"
    assert all(check.ok for check in hit.checks)
    assert (elsewhere.occasion.expected, elsewhere.occasion.ok) == ("task.failed", False)
    assert elsewhere.occasion.found == ("task.submitted", "task.succeeded")


def test_the_guards_follow_the_clauses(open_ledger: "Callable[..., Ledger]", make_reactor: MakeReactor) -> None:
    reactor = make_reactor(RULES.replace("max_depth: 4", "max_depth: 4, per_hour: 5"))
    ledger = open_ledger()
    grid = ledger.open_grid(prompt="a cat")
    ledger.do(pause, "hit", origin="cli")
    explained, *_ = ledger.ask(inquire, reactor, grid.id, now=ledger.store.now())
    assert explained.rule == "hit"
    assert [(check.guard, check.ok, check.detail) for check in explained.checks] == [
        ("paused", False, "the rule is paused"),
        ("depth", True, "a follow-up would be 1 hop deep; limits.max_depth is 4"),
        ("fuse", True, f"the rule fired 0 times under root {grid.id}; more than 20 pause it"),
        ("dry_run", True, "no dry run"),
        ("budget", True, "limits.per_hour is 5: 0 follow-ups in the last hour, 1 more wanted"),
    ]
    assert explained.decision is not None
    assert (explained.decision.outcome, explained.decision.reason) == ("blocked", "paused")


def test_a_rule_is_explained_by_the_task_as_it_was_at_its_event(
    open_ledger: "Callable[..., Ledger]", make_reactor: MakeReactor
) -> None:
    reactor = make_reactor("rules: [{id: half, on: task.progressed, match: {progress: {gte: 50}}, do: [tag: half]}]")
    ledger = open_ledger(react=reactor)
    task = ledger.open_accepted()
    ledger.record(task, status="IN_PROGRESS", progress=40)
    ledger.record(task, status="SUCCESS", progress=100, buttons=ledger.grid)
    (explained,) = ledger.ask(inquire, reactor, task.id, now=ledger.store.now())
    assert told(explained.clauses) == [(1, "progress", "gte", 50, 40, False)]


def test_what_fired_is_explained_by_what_the_rule_saw_then(
    open_ledger: "Callable[..., Ledger]", make_reactor: MakeReactor
) -> None:
    reactor = make_reactor("""
    rules:
      - {id: half, on: task.progressed, match: {progress: {gte: 1, lte: 60}}, do: [tag: half]}
      - {id: alone, on: chain.settled, match: {chain.tasks: 1}, do: [tag: alone]}
    """)
    ledger = open_ledger(react=reactor)
    task = ledger.open_accepted()
    for progress in (50, 80):
        ledger.record(task, status="IN_PROGRESS", progress=progress)
    ledger.record(task, status="SUCCESS", progress=100, buttons=ledger.grid)
    settled = ledger.store.now()
    grid = ledger.task(task)
    ledger.do(open_click, grid, grid.buttons[0], origin="api")
    half, alone = ledger.ask(inquire, reactor, task.id, now=ledger.store.now())
    assert told(half.clauses) == [(3, "progress", "gte", 1, 50, True), (3, "progress", "lte", 60, 50, True)]
    assert told(alone.clauses) == [(4, "chain.tasks", "is", 1, 1, True)]
    assert half.firing is not None
    assert (half.occasion.seq, half.missed) == (half.firing.seq, 0)
    assert (alone.occasion.time, alone.missed) == (settled, 0)


def test_a_tasks_own_list_is_explained_too(open_ledger: "Callable[..., Ledger]", make_reactor: MakeReactor) -> None:
    reactor = make_reactor("rules: []")
    ledger = open_ledger(react=reactor)
    grid = ledger.open_grid(then=("U5",))
    (explained,) = ledger.ask(inquire, reactor, grid.id, now=ledger.store.now())
    assert (explained.rule, explained.missed) == ("then", 0)
    assert [(check.guard, check.ok) for check in explained.checks][-1] == ("actions", False)
    assert explained.firing is not None
    assert explained.firing.reason == "error"


def test_a_task_that_is_not_there_is_said_so(open_ledger: "Callable[..., Ledger]", make_reactor: MakeReactor) -> None:
    with pytest.raises(NoSuchTask):
        open_ledger().ask(inquire, make_reactor(RULES), "8000000000000009", now=0)


_CLAUSES = st.lists(
    st.sampled_from(
        [
            "action: IMAGINE",
            "action: [UPSCALE, IMAGINE]",
            "prompt: {word: cat}",
            "prompt: {not: {contains: dog}, icontains: A}",
            "params.ar: 16:9",
            "params.s: {gte: 100, lt: 500}",
            "tags: auto",
            "tags: {not: draft}",
            "depth: {lte: 1}",
            "index: {exists: false}",
            "fail_kind: timeout",
            "attempt: {lt: 3}",
            "any: [{tags: auto}, {prompt: {prefix: a}}]",
            "not: {state: test}",
        ]
    ),
    max_size=4,
    unique_by=lambda clause: clause.partition(":")[0],
)
_DEEDS = st.sampled_from(
    ["click: U1", "click: [V1, Upscale (Subtle)]", "tag: done", 'submit: {prompt: "{state}"}', "click: reroll"]
)
_GUARDS = st.sampled_from(
    [
        "",
        ", max_depth: 1",
        ", budget: {per_root: 2}",
        ", dry_run: true",
        ", quiet_hours: {from: 07:00, to: 09:00, tz: UTC}",
    ]
)
_EVENTS = st.sampled_from(["task.succeeded", "task.modal"])  # on which anything may be done
_TASKS = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["IMAGINE", "UPSCALE", "ZOOM"]),
        "prompt": st.sampled_from([None, "a cat", "a dog", "猫"]),
        "params": st.sampled_from([{}, {"ar": "16:9"}, {"ar": "16:90", "s": "250"}]),
        "tags": st.sampled_from([(), ("auto",), ("draft", "auto")]),
        "depth": st.integers(0, 5),
        "index": st.sampled_from([None, 1]),
        "fail_kind": st.sampled_from([None, "timeout", "moderation"]),
        "attempt": st.integers(1, 4),
        "state": st.sampled_from([None, "test", "x"]),
        "status": st.sampled_from(["SUCCESS", "FAILURE"]),
    }
)


PAIRS = 1000  # of a rule and a task
TASKS = 5  # to each rule: reading one takes longer than asking it


@given(
    event=_EVENTS,
    on=_EVENTS,
    clauses=_CLAUSES,
    do=_DEEDS,
    guard=_GUARDS,
    tasks=st.lists(_TASKS, min_size=TASKS, max_size=TASKS),
)
@settings(max_examples=PAIRS // TASKS, deadline=None)
def test_an_explanation_agrees_with_the_reactor(
    make_reactor: MakeReactor,
    make_task: Callable[..., Task],
    nobody_else: Past,
    event: str,
    on: str,
    clauses: list[str],
    do: str,
    guard: str,
    tasks: list[dict[str, Any]],
) -> None:
    match = ", ".join(clauses)
    if do.startswith("tag"):  # it opens nothing that would have to be bounded
        bound = guard if "dry_run" in guard or "quiet" in guard else ""
    else:
        bound = guard if "max_depth" in guard or "budget" in guard else f", max_depth: 3{guard}"
    reactor = make_reactor(f"rules: [{{id: it, on: {on}, match: {{{match}}}, do: [{do}]{bound}}}]")
    (rule,) = reactor.rulebook.rules
    for fields in tasks:
        task = make_task(**fields)
        facts = Replay(reactor, nobody_else)
        facts.now = 1_800_000_000_000
        decisions = list(reactor(event, task, facts))
        explanation: Explanation = explain(reactor, rule, task, facts, events=(event,))
        assert ([] if explanation.decision is None else [explanation.decision]) == decisions
        assert (explanation.missed == 0) is bool(decisions)
        if decisions:
            objections = [check for check in explanation.checks if not check.ok]
            assert [check.reason for check in objections[:1]] == [each.reason for each in decisions if each.reason]


def test_a_rule_that_raises_is_explained_as_it_decides(
    open_ledger: "Callable[..., Ledger]", make_reactor: MakeReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    ledger = open_ledger()
    grid = ledger.open_grid()
    monkeypatch.setattr("service.rules.guards.measure", fail)
    reactor = make_reactor(
        "limits: {per_hour: 1}\nrules: [{id: it, on: task.succeeded, do: [click: U1], max_depth: 2}]"
    )
    (explained,) = ledger.ask(inquire, reactor, grid.id, now=ledger.store.now())
    assert explained.decision is not None
    assert (explained.decision.reason, explained.decision.detail) == ("error", "the rule failed: RuntimeError: broken")
