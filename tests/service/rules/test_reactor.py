"""What the rules decide about an event: which of them, in which order, and what they do."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.actions import ClickAction
from service.rules.match import Clause, Match
from service.rules.plan import LONGEST_PROMPT, Price
from service.rules.reactor import Reactor
from service.rules.reading.limits import read_limits
from service.rules.reading.rulebook import read_rulebook
from service.rules.rulebook import Rule, Rulebook
from service.rules.shelf import Shelf
from service.rules.subject import Subject
from service.written.document import Document
from storage.errors import LedgerUnavailable
from storage.reactions import (
    LONGEST_WAIT,
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
from storage.records import Button, Chain, Picture, Task

NOW = 1_800_000_000_000  # 2027-01-15 08:00:00 UTC


class Notes:
    """Facts from memory."""

    def __init__(self, then: tuple[str, ...] = (), **facts: Any) -> None:
        self.now = NOW
        self._then = then
        self._facts = facts

    def then(self, task_id: str) -> tuple[str, ...]:
        return self._then

    def task(self, task_id: str) -> Task:
        found: Task = self._facts["tasks"][task_id]
        return found

    def chain(self, root_id: str) -> Chain:
        found: Chain = self._facts["chain"]
        return found

    def mode(self, task_id: str) -> str | None:
        return self._facts.get("mode")

    def is_paused(self, rule: str) -> bool:
        return rule in self._facts.get("paused", ())

    def has_click(self, task: Task, button: Button) -> bool:
        return button.label in self._facts.get("clicked", ())

    def is_answered(self, task: Task) -> bool:
        return bool(self._facts.get("answered"))

    def count_firings(self, rule: str, root_id: str) -> int:
        return int(self._facts.get("fired", 0))

    def was_refused(self, task: Task, button: Button) -> bool:
        return button.label in self._facts.get("refused", ())

    def count_follow_ups(self, window: int | None, rule: str | None = None, root_id: str | None = None) -> int:
        return 0

    def sum_costs(self, window: int | None, rule: str | None = None, root_id: str | None = None) -> float:
        return 0.0

    def iter_spending(
        self, window: int | None, rule: str | None = None, root_id: str | None = None
    ) -> Iterator[Spending]:
        yield from ()


def button(label: str, kind: str, index: int | None = None, **more: Any) -> Button:
    return Button(label=label, custom_id=f"MJ::JOB::{kind}::{index}::x", kind=kind, index=index, **more)


GRID = (
    *(button(f"U{index}", "upsample", index) for index in range(1, 5)),
    *(button(f"V{index}", "variation", index) for index in range(1, 5)),
)


def make_task(**fields: Any) -> Task:
    base: dict[str, Any] = {
        "id": "8000000000000001",
        "gateway": "fuhuapi",
        "action": "IMAGINE",
        "status": "SUCCESS",
        "prompt": "一只猫 cat",
        "buttons": GRID,
        "root_id": "8000000000000001",
        "origin": "api",
        "created_at": 0,
        "updated_at": 0,
    }
    return Task(**base | fields)


def make_reactor(*rules: str, limits: str = "{}", price: Price | None = None) -> Reactor:
    text = f"limits: {limits}\nrules: [{', '.join(f'{{{rule}}}' for rule in rules)}]"
    document = Document(text.encode(), file="f", environ={})
    assert document.root is not None
    sections = document.root.mapping(("limits", "rules"))
    book = read_rulebook(sections["rules"], read_limits(sections["limits"]))
    assert document.source.mistakes == ()
    return Reactor(book, price=price)


CATS = "id: cats-u1, on: task.succeeded, match: {action: IMAGINE, prompt: {word: cat}}, do: [click: U1]"
ALL_FOUR = "id: all-four, on: task.succeeded, match: {action: IMAGINE}, do: [click: [U1, U2, U3, U4]]"


def react(reactor: Reactor, task: Task, facts: Notes | None = None, event: str = "task.succeeded") -> list[Decision]:
    return list(reactor(event, task, facts or Notes()))


def act(
    do: str, task: Task, facts: Notes | None = None, on: str = "task.succeeded", more: str = ""
) -> tuple[Action, ...]:
    """What a rule with these actions does about a task."""
    (decision,) = react(make_reactor(f"id: it, on: {on}, do: [{do}]{more}"), task, facts, on)
    return decision.actions


def labels_of(decision: Decision) -> list[str]:
    return [action.button.label for action in decision.actions if isinstance(action, Click)]


def test_a_rule_that_fits_clicks_its_button() -> None:
    (decision,) = react(make_reactor(CATS), make_task())
    assert (decision.rule, decision.origin) == ("cats-u1", "rule:cats-u1")
    assert decision.actions == (Click(button=GRID[0]),)
    assert (decision.outcome, decision.reason, decision.detail) == ("fired", None, None)
    assert len(decision.version) == 12


def test_a_rule_that_does_not_fit_decides_nothing() -> None:
    assert react(make_reactor(CATS), make_task(prompt="a dog")) == []
    assert react(make_reactor(CATS), make_task(), event="task.failed") == []


def test_every_rule_that_fits_decides_in_file_order_after_the_tasks_own_list() -> None:
    decisions = react(make_reactor(ALL_FOUR, CATS), make_task(), Notes(then=("V2", "u3")))
    assert [decision.rule for decision in decisions] == ["then", "all-four", "cats-u1"]
    assert [labels_of(decision) for decision in decisions] == [
        ["V2", "U3"],
        ["U1", "U2", "U3", "U4"],
        ["U1"],
    ]
    assert (decisions[0].origin, decisions[0].version) == ("then", "")


def test_a_tasks_own_list_waits_for_success() -> None:
    assert react(make_reactor(), make_task(), Notes(then=("U1",)), event="task.progressed") == []


def test_it_listens_only_where_something_could_be_decided() -> None:
    reactor = make_reactor("id: a, on: task.failed, match: {depth: 0}, do: [tag: a]")
    assert reactor.listens("task.failed")
    assert reactor.listens("task.succeeded")
    assert not reactor.listens("task.progressed")


def test_a_rule_is_asked_only_when_what_came_before_it_has_been_carried_out() -> None:
    facts = Notes()
    decisions = make_reactor(ALL_FOUR, CATS + ", max_depth: 1")("task.succeeded", make_task(), facts)
    next(iter(decisions))
    facts._facts["paused"] = ("cats-u1",)
    (last,) = decisions
    assert (last.rule, last.reason) == ("cats-u1", "paused")


def test_a_button_that_is_not_there_undoes_none_of_its_siblings() -> None:
    (decision,) = react(make_reactor(ALL_FOUR), make_task(buttons=GRID[:2]))
    assert (decision.outcome, labels_of(decision)) == ("fired", ["U1", "U2"])
    assert decision.actions[2] == Refused(
        wanted={"action": "click", "button": "U3"},
        detail="there is no button 'U3' on this task; there is: U1, U2",
    )


def test_a_list_of_which_nothing_can_be_done_is_blocked() -> None:
    (decision,) = react(make_reactor(ALL_FOUR), make_task(buttons=GRID[4:5]))
    assert (decision.outcome, decision.reason) == ("blocked", "error")
    assert decision.detail is not None
    assert decision.detail.startswith("there is no button 'U1' on this task; there is: V1; there is no button 'U2'")


def test_a_gateway_that_shows_no_buttons_is_clicked_by_change() -> None:
    (decision,) = react(make_reactor(CATS), make_task(buttons=()))
    assert decision.actions == (Click(button=Button(label="U1", kind="upsample", index=1)),)


def test_a_task_that_has_not_succeeded_gets_no_button_made_up() -> None:
    reactor = make_reactor("id: a, on: task.modal, match: {depth: 0}, do: [click: U1]")
    (decision,) = react(reactor, make_task(buttons=(), status="MODAL"), event="task.modal")
    assert (decision.reason, decision.detail) == ("error", "there is no button 'U1' on this task; there is: none")


ZOOM = button("Custom Zoom", "CustomZoom", opens_modal=True)


def test_a_window_is_opened_together_with_its_answer() -> None:
    do = 'click: {button: Custom Zoom, prompt: "{prompt} --zoom 1.8"}'
    assert act(do, make_task(action="UPSCALE", buttons=(ZOOM,)), more=", max_depth: 2") == (
        Click(button=ZOOM, prompt="一只猫 cat --zoom 1.8"),
    )


def test_a_list_of_a_task_opens_no_window_that_nobody_would_answer() -> None:
    (decision,) = react(make_reactor(), make_task(buttons=(ZOOM,)), Notes(then=("Custom Zoom",)))
    assert decision.detail == "the button 'Custom Zoom' opens a window, and needs a prompt or a mask"


@pytest.mark.parametrize(
    ("prompt", "detail"),
    [
        (None, "the prompt is empty"),
        (" ", "the prompt is empty"),
        ("猫" * (LONGEST_PROMPT + 1), "the prompt would have 20001 characters; 20000 are the most"),
    ],
)
@pytest.mark.parametrize("do", ['click: {button: U1, prompt: "{prompt}"}', 'submit: {prompt: "{prompt}"}'])
def test_a_prompt_that_nobody_could_send_is_refused(do: str, prompt: str | None, detail: str) -> None:
    (refused,) = act(do, make_task(prompt=prompt), more=", max_depth: 2")
    assert isinstance(refused, Refused)
    assert refused.detail == detail


def test_two_names_of_one_button_are_one_click() -> None:
    (decision,) = react(make_reactor(), make_task(), Notes(then=("U1", "MJ::JOB::upsample::1::x")))
    assert decision.actions == (Click(button=GRID[0]),)


def test_one_prompt_twice_is_two_tasks() -> None:
    actions = act("submit: {prompt: x}, submit: {prompt: x}", make_task(), more=", max_depth: 1")
    assert [type(action) for action in actions] == [Submit, Submit]


def test_what_is_submitted_has_the_parameters_of_its_prompt() -> None:
    (action,) = act(
        'submit: {prompt: "{prompt} at night --ar 16:9", tags: [night], mode: fast}', make_task(), more=", max_depth: 1"
    )
    assert isinstance(action, Submit)
    new = action.new
    assert (new.action, new.prompt, new.params) == ("IMAGINE", "一只猫 cat at night --ar 16:9", {"ar": "16:9"})
    assert (new.tags, new.request, new.origin) == (("night",), {"options": {"mode": "fast"}}, "rule:it")
    assert (new.gateway, new.parent_id, new.state) == ("fuhuapi", "8000000000000001", None)


def test_a_task_is_asked_for_once_more_and_told_of_and_tagged() -> None:
    do = "resubmit: {}, tag: {task: again, root: bad}, notify: {url: 'https://a.example/x', text: '{fail_kind}!'}"
    failed = make_task(status="FAILURE", fail_kind="timeout")
    (resubmit, own, root, told) = act(do, failed, on="task.failed", more=", attempts: {max: 2}")
    assert resubmit == Resubmit()
    assert (own, root) == (Tag(tags=("again",)), Tag(tags=("bad",), root=True))
    assert isinstance(told, Notify)
    assert (told.text, told.title) == ("timeout!", None)


def test_a_picture_is_kept_and_each_of_several_videos() -> None:
    to = 'download: {to: "shop/{root_id}/{index}-{id}.png"}'
    upscale = make_task(action="UPSCALE", index=2, image_url="https://cdn.example/a.png")
    assert act(to, upscale) == (
        Download(
            task_id=upscale.id,
            url="https://cdn.example/a.png",
            path="shop/8000000000000001/2-8000000000000001.png",
        ),
    )
    video = make_task(action="VIDEO", image_url="https://cdn.example/a.png", video_urls=("https://v/1", "https://v/2"))
    paths = [action.path for action in act('download: {to: "a.b/{id}.mp4"}', video) if isinstance(action, Download)]
    assert paths == ["a.b/8000000000000001.mp4", "a.b/8000000000000001-2.mp4"]
    assert act('download: {to: "{id}"}', make_task()) == (
        Refused(wanted={"action": "download"}, detail="there is no picture to keep"),
    )


def make_chain(*pictures: Task, **counts: dict[str, int]) -> Chain:
    nothing: dict[str, dict[str, int]] = {"succeeded": {}, "failed": {}, "cancelled": {}, "retried": {}}
    return Chain(
        root_id="8000000000000001",
        tasks=1 + len(pictures),
        lost=0,
        cost=None,
        pictures=tuple(
            Picture(task_id=each.id, action=each.action, index=each.index, image_url=each.image_url)
            for each in pictures
        ),
        **nothing | counts,
    )


def test_a_settled_chain_keeps_every_picture_by_its_own_task() -> None:
    pictures = [
        make_task(id=f"800000000000001{index}", action="UPSCALE", index=index, image_url=f"https://cdn.example/{index}")
        for index in (1, 2)
    ]
    facts = Notes(chain=make_chain(*pictures), tasks={each.id: each for each in pictures})
    done = act('download: {to: "{root_id}/{index}.png"}', make_task(), facts, on="chain.settled")
    assert [(each.task_id, each.path) for each in done if isinstance(each, Download)] == [
        ("8000000000000011", "8000000000000001/1.png"),
        ("8000000000000012", "8000000000000001/2.png"),
    ]


def test_a_settled_chain_is_matched_by_what_became_of_it() -> None:
    rule = "id: done, on: chain.settled, match: {chain.succeeded.UPSCALE: {gte: 4}}, do: [tag: {root: grid-done}]"
    reactor = make_reactor(rule)
    assert react(reactor, make_task(), Notes(chain=make_chain(succeeded={"UPSCALE": 3})), "chain.settled") == []
    (decision,) = react(reactor, make_task(), Notes(chain=make_chain(succeeded={"UPSCALE": 4})), "chain.settled")
    assert decision.actions == (Tag(tags=("grid-done",), root=True),)


def test_what_is_bought_carries_its_price() -> None:
    def price(gateway: str, action: str, mode: str | None) -> float | None:
        return {"UPSCALE": 0.5, "IMAGINE": 2.0}.get(action) if (gateway, mode) == ("fuhuapi", "relax") else 9.0

    reactor = make_reactor(
        "id: a, on: task.succeeded, max_depth: 2, do: ["
        "{click: U1}, {submit: {prompt: x}}, {submit: {prompt: y, mode: fast}}, {tag: t}]",
        price=price,
    )
    (decision,) = react(reactor, make_task(), Notes(mode="relax"))
    assert [getattr(each, "cost", None) for each in decision.actions] == [0.5, 2.0, 9.0, None]


def broken_rule() -> Rule:
    def test(found: object) -> bool:
        raise RuntimeError("broken")

    clause = Clause(line=1, field="depth", operator="is", expected="", read=lambda subject: 0, test=test)
    return Rule(
        id="broken", on="task.succeeded", match=Match((clause,)), do=(ClickAction(labels=("U1",)),), version="v", line=1
    )


def test_a_rule_that_raises_is_blocked_and_the_others_go_on() -> None:
    sound = replace(broken_rule(), id="sound", match=Match())
    decisions = react(Reactor(Rulebook(rules=(broken_rule(), sound))), make_task())
    assert [(each.rule, each.outcome, each.reason) for each in decisions] == [
        ("broken", "blocked", "error"),
        ("sound", "fired", None),
    ]
    assert decisions[0].detail == "the rule failed: RuntimeError: broken"


@pytest.mark.parametrize("error", [KeyError("strange"), RuntimeError("strange"), OSError("strange")])
def test_a_guard_that_raises_blocks_its_own_rule_alone(error: Exception) -> None:
    class Strange(Notes):
        def is_paused(self, rule: str) -> bool:
            if rule == "strange":
                raise error
            return False

    sound, strange = (replace(broken_rule(), id=name, match=Match()) for name in ("sound", "strange"))
    decisions = react(Reactor(Rulebook(rules=(strange, sound))), make_task(), Strange())
    assert [(each.rule, each.outcome, each.reason) for each in decisions] == [
        ("strange", "blocked", "error"),
        ("sound", "fired", None),
    ]


def test_a_row_of_the_wrong_shape_blocks_and_does_not_raise() -> None:
    (decision,) = react(make_reactor(CATS), make_task(buttons=(None,)))
    assert (decision.outcome, decision.reason, decision.actions) == ("blocked", "error", ())


def test_trouble_of_the_ledger_is_not_taken_for_a_rules() -> None:
    class Trouble(Notes):
        def then(self, task_id: str) -> tuple[str, ...]:
            raise LedgerUnavailable("disk full")

        def is_paused(self, rule: str) -> bool:
            raise LedgerUnavailable("disk full")

    with pytest.raises(LedgerUnavailable, match="disk full"):
        react(make_reactor(CATS), make_task(), Trouble())
    with pytest.raises(LedgerUnavailable, match="disk full"):
        make_reactor(CATS).resume(deferred("cats-u1"), make_task(), Trouble())


def deferred(rule: str, created_at: int = NOW - 1000) -> Firing:
    return Firing(
        id=1,
        rule=rule,
        version="old",
        task_id="8000000000000001",
        root_id="8000000000000001",
        seq=1,
        outcome="deferred",
        reason="budget",
        detail=None,
        actions=(),
        next_at=NOW,
        created_at=created_at,
        updated_at=created_at,
    )


def test_what_waited_is_decided_by_its_guards_and_not_by_its_match() -> None:
    decision = make_reactor(CATS).resume(deferred("cats-u1"), make_task(prompt="a dog"), Notes())
    assert (decision.outcome, labels_of(decision)) == ("fired", ["U1"])
    paused = make_reactor(CATS).resume(deferred("cats-u1"), make_task(), Notes(paused=("cats-u1",)))
    assert (paused.outcome, paused.reason) == ("blocked", "paused")


def test_a_tasks_own_list_can_wait_too() -> None:
    decision = make_reactor().resume(deferred("then"), make_task(), Notes(then=("V2",)))
    assert (decision.rule, decision.origin, labels_of(decision)) == ("then", "then", ["V2"])


def test_what_waited_for_a_rule_that_is_gone_is_blocked() -> None:
    decision = make_reactor().resume(deferred("cats-u1"), make_task(), Notes())
    assert (decision.outcome, decision.reason, decision.version) == ("blocked", "paused", "old")
    assert decision.detail == "the rule is not in the file any more"


def test_nothing_waits_for_more_than_a_week() -> None:
    reactor = make_reactor(CATS + ", quiet_hours: {from: 00:00, to: 23:59, tz: UTC}")
    waits = reactor.resume(deferred("cats-u1", created_at=NOW), make_task(), Notes())
    assert (waits.outcome, waits.reason) == ("deferred", "quiet_hours")
    given_up = reactor.resume(deferred("cats-u1", created_at=NOW - LONGEST_WAIT), make_task(), Notes())
    assert (given_up.outcome, given_up.reason, given_up.next_at) == ("blocked", "quiet_hours", None)
    assert given_up.detail is not None
    assert given_up.detail.endswith("it has waited as long as a firing may, 7 days")


@pytest.mark.parametrize(("more", "outcome"), [(0, "deferred"), (-1, "blocked")])
def test_a_firing_waits_for_seven_days_and_not_a_millisecond_longer(more: int, outcome: str) -> None:
    reactor = make_reactor(CATS + ", quiet_hours: {from: 00:00, to: 23:59, tz: UTC}")
    ends = 1_800_057_540_000  # 23:59 of that day
    decision = reactor.resume(deferred("cats-u1", created_at=ends - LONGEST_WAIT + more), make_task(), Notes())
    assert (decision.outcome, decision.next_at) == (outcome, None if more else ends)


def test_a_rule_is_applied_to_an_event_of_the_past_alone() -> None:
    reactor = make_reactor(CATS, ALL_FOUR)
    decision = reactor.apply("cats-u1", "task.succeeded", make_task(), Notes(then=("V1",)))
    assert decision is not None
    assert (decision.rule, labels_of(decision)) == ("cats-u1", ["U1"])
    assert reactor.apply("cats-u1", "task.succeeded", make_task(prompt="a dog"), Notes()) is None
    assert reactor.apply("cats-u1", "task.failed", make_task(), Notes()) is None
    assert reactor.apply("dogs", "task.succeeded", make_task(), Notes()) is None


_MATCHES = st.sampled_from(
    (
        *("", "action: IMAGINE", "action: [UPSCALE, ZOOM]", "action: {in: [IMAGINE, ZOOM]}", "action: {not: IMAGINE}"),
        *("depth: 0", "any: [{action: IMAGINE}, {action: ZOOM}]", "not: {action: UPSCALE}", "action: {prefix: U}"),
    )
)


@given(st.lists(_MATCHES, max_size=8), st.sampled_from(["IMAGINE", "UPSCALE", "ZOOM", "PAN", "unheard of"]))
def test_the_shelf_leaves_out_no_rule_that_fits(matches: list[str], action: str) -> None:
    rules = make_reactor(
        *(
            f"id: r{place}, on: task.succeeded, match: {{{match}}}, max_depth: 2, do: [click: V1]"
            for place, match in enumerate(matches)
        )
    ).rulebook.rules
    subject = Subject(make_task(action=action))
    fitting = [rule.id for rule in rules if rule.match.matches(subject)]
    found = Shelf(rules).find("task.succeeded", action)
    assert [rule.id for rule in found if rule.match.matches(subject)] == fitting
    assert Shelf(rules).find("task.failed", action) == ()
