"""Rules are checked when they are read: every mistake has its place."""

import pytest

from service.rules.labels import check_then
from service.rules.limits import Limits
from service.rules.rulebook import MAX_RULES, Rule, Rulebook, read_rulebook
from service.written.document import Document


def read(text: str) -> tuple[Rulebook, list[str]]:
    document = Document(text.encode(), file="f", environ={})
    assert document.root is not None, document.source.mistakes
    values = document.root.mapping(("rules",))
    book = read_rulebook(values["rules"], Limits())
    return book, [str(mistake) for mistake in document.source.mistakes]


def rule(text: str) -> Rule:
    book, mistakes = read(f"rules:\n  - {text}\n")
    assert mistakes == []
    return book.rules[0]


def test_a_rule_is_read_whole() -> None:
    read_one = rule(
        "{id: wide-grid, on: task.succeeded, match: {action: IMAGINE}, do: [click: [U1, U2], click: V1], max_depth: 3}"
    )
    assert (read_one.id, read_one.on, read_one.line) == ("wide-grid", "task.succeeded", 2)
    assert read_one.clicks == ("U1", "U2", "V1")
    assert read_one.max_depth == 3
    assert read_one.follow_ups_per_task == 3
    assert len(read_one.match.clauses) == 1


def test_a_version_follows_the_text_and_neither_its_form_nor_its_id() -> None:
    flow = rule("{id: a, on: task.succeeded, match: {action: IMAGINE, tags: [x, y]}, do: [click: U1]}")
    block = rule(
        "do:\n    - click: U1\n    match:\n      tags: [x, y]   # why\n      action: IMAGINE\n"
        "    on: task.succeeded\n    id: b"
    )
    other = rule("{id: a, on: task.succeeded, match: {action: IMAGINE, tags: [y, x]}, do: [click: U1]}")
    assert flow.version == block.version
    assert flow.version != other.version
    assert len(flow.version) == 12


GOOD = "on: task.succeeded, match: {action: IMAGINE}, do: [click: U1]"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("{on: task.succeeded, do: [click: U1], max_depth: 1}", "f:2:5: 'id' is missing"),
        (f"{{id: then, {GOOD}}}", "f:2:10: 'then' is the name of a task's own list; choose another id"),
        (f"{{id: Cats_U1, {GOOD}}}", "f:2:10: an id is made of a-z, 0-9 and '-', at most 64 of them, found 'Cats_U1'"),
        (f"{{id: 猫, {GOOD}}}", "f:2:10: an id is made of a-z, 0-9 and '-', at most 64 of them, found '猫'"),
        (f"{{id: [x], {GOOD}}}", "f:2:10: expected text, found a list"),
        (f"{{id: true, {GOOD}}}", "f:2:10: expected text, found true"),
        (f"{{id: a, mach: 1, {GOOD}}}", "f:2:13: unknown key 'mach' (did you mean 'match'?)"),
        ("{id: a, on: task.suceeded, do: [click: U1]}", "f:2:17: there is no event 'task.suceeded' (did you mean"),
        ("{id: a, on: 猫, do: [click: U1]}", "f:2:17: there is no event '猫' (known: task.submitted, task.prog"),
        ("{id: a, on: task.succeeded, do: []}", "f:2:37: there is nothing to do; give an action such as - click"),
        ("{id: a, on: task.succeeded, do: [{}]}", "f:2:38: there is nothing to do; give an action such as click"),
        ("{id: a, on: task.succeeded, do: U1}", "f:2:37: expected a list, found 'U1'"),
        ("{id: a, on: task.succeeded, do: [clik: U1]}", "f:2:38: unknown key 'clik' (did you mean 'click'?)"),
        ("{id: a, on: task.succeeded, do: [click: U5], max_depth: 1}", "f:2:45: there is no button 'U5' (did you"),
        ("{id: a, on: task.succeeded, do: [click: U 1], max_depth: 1}", "f:2:45: there is no button 'U 1' (did you"),
        ("{id: a, on: task.succeeded, do: [click: 1], max_depth: 1}", "f:2:45: expected text, found the number 1"),
        ("{id: a, on: task.succeeded, do: [click: []], max_depth: 1}", "f:2:45: the list is empty"),
        (
            "{id: a, on: task.succeeded, do: [click: [U1, u1]], max_depth: 1}",
            "f:2:50: 'u1' is clicked twice",
        ),
        (
            "{id: a, on: task.succeeded, do: [click: U1, click: U1], max_depth: 1}",
            "f:2:56: 'U1' is clicked twice",
        ),
        (
            "{id: a, on: task.succeeded, do: [{click: ⬅️}, {click: ⬅}], max_depth: 1}",
            "f:2:59: '⬅' is clicked twice",
        ),
        (f"{{id: a, {GOOD}, max_depth: 9}}", "f:2:87: expected a whole number from 1 to 8, found the number 9"),
        (f"{{id: a, {GOOD}, max_depth: 0}}", "f:2:87: expected a whole number from 1 to 8, found the number 0"),
        ("{id: a, on: task.progressed, do: [click: U1], max_depth: 1}", "f:2:5: a rule on task.progressed needs"),
        (
            "{id: a, on: task.progressed, match: {progress: {lt: 50}}, do: [click: U1], max_depth: 1}",
            "f:2:41: a rule on task.progressed needs a threshold, for example progress: {gte: 50}",
        ),
        ("猫", "f:2:5: expected a mapping (key: value), found '猫'"),
    ],
)
def test_each_mistake_has_its_place(text: str, mistake: str) -> None:
    _, mistakes = read(f"rules:\n  - {text}\n")
    assert [each[: len(mistake)] for each in mistakes] == [mistake]


@pytest.mark.parametrize("threshold", ["{gte: 50}", "{gt: 50}", "50", "{in: [50, 75]}"])
def test_a_threshold_lets_a_rule_listen_to_progress(threshold: str) -> None:
    text = f"{{id: a, on: task.progressed, match: {{action: IMAGINE, progress: {threshold}}}, do: [click: U1]}}"
    assert rule(text).on == "task.progressed"


def test_ids_are_unique_even_among_broken_rules() -> None:
    _, mistakes = read(f"rules:\n  - {{id: a, on: x, do: [click: U1]}}\n  - {{id: a, {GOOD}}}\n")
    assert mistakes[0] == "f:3:10: there is a rule 'a' already, on line 2"


def test_a_number_may_be_an_id() -> None:
    assert rule(f"{{id: 007, {GOOD}}}").id == "007"


@pytest.mark.parametrize(
    "label", ["u1", "V4", "reroll", "🔄", "Upscale (Subtle)", "⬅", "MJ::JOB::upsample::1::x", "MJ::New"]
)
def test_labels_that_a_task_may_show_are_taken(label: str) -> None:
    assert rule(f"{{id: a, on: task.succeeded, do: [click: '{label}'], max_depth: 1}}").clicks == (label,)
    assert check_then([label]) == []


def test_a_then_list_is_checked_for_its_sender() -> None:
    assert check_then(["U1", "U5", "V1", " u1", "猫"]) == [
        "there is no button 'U5' (did you mean 'U4'?)",
        "there is no button '猫'",
        "' u1' is there twice",
    ]


def test_a_then_list_has_an_end() -> None:
    assert check_then(["?"] * 100_000) == ["at most 20 buttons can be clicked on one task"]


def test_there_may_not_be_too_many_rules() -> None:
    lines = "".join(f"  - {{id: r{number}, {GOOD}}}\n" for number in range(MAX_RULES + 1))
    book, mistakes = read(f"rules:\n{lines}")
    assert mistakes == [f"f:{MAX_RULES + 2}:5: there may be at most {MAX_RULES} rules"]
    assert len(book.rules) == MAX_RULES


def test_without_rules_the_limits_remain() -> None:
    assert read_rulebook(None, Limits(max_depth=2)) == Rulebook(limits=Limits(max_depth=2))
