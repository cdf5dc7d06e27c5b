"""What the rules decide about an event, and why they are blocked."""

from dataclasses import replace
from typing import Any

import pytest

from service.rules.limits import Limits
from service.rules.match import Clause, Match
from service.rules.reactor import Reactor
from service.rules.rulebook import Rule, Rulebook, read_rulebook
from service.written.document import Document
from storage.records import Button, Decision, React, Task


class Notes:
    """Facts from memory."""

    def __init__(self, then: tuple[str, ...] = ()) -> None:
        self._then = then

    def then(self, task_id: str) -> tuple[str, ...]:
        return self._then


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


def make_reactor(*rules: str, max_depth: int = 4) -> Reactor:
    text = ", ".join(f"{{{rule}}}" for rule in rules)
    document = Document(f"rules: [{text}]".encode(), file="f", environ={})
    assert document.root is not None
    book = read_rulebook(document.root.mapping(("rules",))["rules"], Limits(max_depth=max_depth))
    assert document.source.mistakes == ()
    return Reactor(book)


CATS = "id: cats-u1, on: task.succeeded, match: {action: IMAGINE, prompt: {word: cat}}, do: [click: U1]"
ALL_FOUR = "id: all-four, on: task.succeeded, match: {action: IMAGINE}, do: [click: [U1, U2, U3, U4]]"


def react(reactor: React, task: Task, facts: Notes | None = None, event: str = "task.succeeded") -> list[Decision]:
    return list(reactor(event, task, facts or Notes()))


def test_a_rule_that_fits_clicks_its_button() -> None:
    (decision,) = react(make_reactor(CATS), make_task())
    assert (decision.rule, decision.origin) == ("cats-u1", "rule:cats-u1")
    assert decision.clicks == (GRID[0],)
    assert (decision.reason, decision.detail) == (None, None)
    assert len(decision.version) == 12


def test_a_rule_that_does_not_fit_decides_nothing() -> None:
    assert react(make_reactor(CATS), make_task(prompt="a dog")) == []
    assert react(make_reactor(CATS), make_task(), event="task.failed") == []


def test_every_rule_that_fits_decides_in_file_order_after_the_tasks_own_list() -> None:
    decisions = react(make_reactor(ALL_FOUR, CATS), make_task(), Notes(then=("V2", "u3")))
    assert [decision.rule for decision in decisions] == ["then", "all-four", "cats-u1"]
    assert [[each.label for each in decision.clicks] for decision in decisions] == [
        ["V2", "U3"],
        ["U1", "U2", "U3", "U4"],
        ["U1"],
    ]
    assert (decisions[0].origin, decisions[0].version) == ("then", "")


def test_a_tasks_own_list_waits_for_success() -> None:
    assert react(make_reactor(), make_task(), Notes(then=("U1",)), event="task.progressed") == []


def test_it_listens_only_where_something_could_be_decided() -> None:
    reactor = make_reactor("id: a, on: task.failed, match: {depth: 0}, do: [click: U1]")
    assert reactor.listens("task.failed")
    assert reactor.listens("task.succeeded")
    assert not reactor.listens("task.progressed")


@pytest.mark.parametrize(
    ("depth", "own", "detail"),
    [
        (3, "", None),
        (4, "", "a follow-up would be 5 hops deep; limits.max_depth is 4"),
        (1, ", max_depth: 2", None),
        (2, ", max_depth: 2", "a follow-up would be 3 hops deep; the rule's max_depth is 2"),
        (4, ", max_depth: 8", "a follow-up would be 5 hops deep; limits.max_depth is 4"),
    ],
)
def test_depth_is_bounded_by_the_limits_and_by_the_rule(depth: int, own: str, detail: str | None) -> None:
    (decision,) = react(make_reactor(CATS + own), make_task(depth=depth))
    assert decision.reason == ("depth" if detail else None)
    assert decision.detail == detail
    assert bool(decision.clicks) is (detail is None)


def test_a_tasks_own_list_is_bounded_too() -> None:
    (decision,) = react(make_reactor(max_depth=1), make_task(depth=1), Notes(then=("U1",)))
    assert decision.reason == "depth"


def test_a_button_that_is_not_there_blocks_the_whole_list() -> None:
    (decision,) = react(make_reactor(ALL_FOUR), make_task(buttons=GRID[:2]))
    assert (decision.reason, decision.clicks) == ("error", ())
    assert decision.detail == "there is no button 'U3' on this task; there is: U1, U2"


def test_a_gateway_that_shows_no_buttons_is_clicked_by_change() -> None:
    (decision,) = react(make_reactor(CATS), make_task(buttons=()))
    assert [(each.label, each.custom_id, each.kind, each.index) for each in decision.clicks] == [
        ("U1", None, "upsample", 1)
    ]


def test_a_task_that_has_not_succeeded_gets_no_button_made_up() -> None:
    reactor = make_reactor("id: a, on: task.failed, match: {depth: 0}, do: [click: U1]")
    (decision,) = react(reactor, make_task(buttons=(), status="FAILURE"), event="task.failed")
    assert (decision.reason, decision.detail) == ("error", "there is no button 'U1' on this task; there is: none")


def test_a_button_that_opens_a_window_needs_a_prompt() -> None:
    zoom = button("Custom Zoom", "CustomZoom", opens_modal=True)
    reactor = make_reactor("id: a, on: task.succeeded, match: {depth: 0}, do: [click: Custom Zoom]")
    (decision,) = react(reactor, make_task(buttons=(zoom,)))
    assert decision.reason == "error"
    assert decision.detail == "the button 'Custom Zoom' opens a window, and needs a prompt or a mask"


def test_two_names_of_one_button_are_one_click() -> None:
    (decision,) = react(make_reactor(), make_task(), Notes(then=("U1", "MJ::JOB::upsample::1::x")))
    assert decision.clicks == (GRID[0],)


def broken_rule() -> Rule:
    def test(found: object) -> bool:
        raise RuntimeError("broken")

    clause = Clause(line=1, field="action", operator="is", expected="", read=lambda task: task.action, test=test)
    return Rule(id="broken", on="task.succeeded", match=Match((clause,)), clicks=("U1",), version="v", line=1)


def test_a_rule_that_raises_is_blocked_and_the_others_go_on() -> None:
    sound = replace(broken_rule(), id="sound", match=Match())
    decisions = react(Reactor(Rulebook(rules=(broken_rule(), sound))), make_task())
    assert [(each.rule, each.reason) for each in decisions] == [("broken", "error"), ("sound", None)]
    assert decisions[0].detail == "the rule failed: RuntimeError: broken"


def test_a_row_of_the_wrong_shape_blocks_and_does_not_raise() -> None:
    (decision,) = react(make_reactor(CATS), make_task(buttons=(None,)))
    assert (decision.reason, decision.clicks) == ("error", ())


def test_trouble_of_the_ledger_is_not_taken_for_a_rules() -> None:
    class Trouble(Notes):
        def then(self, task_id: str) -> tuple[str, ...]:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        react(make_reactor(CATS), make_task(), Trouble())
