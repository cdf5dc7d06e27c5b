"""A loop that nothing bounds is refused when it is read, with the loop spelled out; what cannot loop is not."""

import pytest

from service.rules.limits import Limits
from service.rules.rulebook import read_rulebook
from service.written.document import Document


def loops(*rules: str) -> list[str]:
    lines = "".join(f"  - {{on: task.succeeded, {rule}}}\n" for rule in rules)
    document = Document(f"rules:\n{lines}".encode(), file="f", environ={})
    assert document.root is not None, document.source.mistakes
    read_rulebook(document.root.mapping(("rules",))["rules"], Limits())
    return [str(mistake) for mistake in document.source.mistakes]


def test_a_rule_that_triggers_itself_is_refused_with_the_loop_spelled_out() -> None:
    assert loops("id: explore, match: {action: [IMAGINE, VARIATION], tags: explore}, do: [click: V1]") == [
        "f:2:5: a loop without a bound: explore → explore (what explore opens can be a task that explore is for);"
        " add max_depth: N to it, or narrow its match"
    ]


def test_a_bound_on_any_rule_of_the_loop_is_enough() -> None:
    vary = "id: vary, match: {action: UPSCALE}, do: [click: Vary (Strong)]"
    upscale = "id: upscale, match: {action: VARIATION}, do: [click: U1]"
    (mistake,) = loops(vary, upscale)
    assert "vary → upscale → vary" in mistake
    assert mistake.startswith("f:2:5: ")
    assert loops(vary + ", max_depth: 3", upscale) == []
    assert loops(vary, upscale + ", max_depth: 3") == []


def test_each_loop_is_told_once() -> None:
    found = loops(
        "id: a, match: {tags: a}, do: [click: V1]",
        "id: b, match: {tags: b}, do: [click: V1]",
        "id: c, match: {tags: c, action: IMAGINE}, do: [click: V1]",
    )
    # a and b may both be on one task: each of them loops alone, and c starts nothing that it is for.
    assert [each.partition(":")[2].partition(" (")[0] for each in found] == [
        "2:5: a loop without a bound: a → a",
        "3:5: a loop without a bound: b → b",
    ]


@pytest.mark.parametrize(
    "match",
    [
        "action: IMAGINE",
        "action: {not: [UPSCALE]}",
        "not: {action: UPSCALE}",
        "any: [{action: IMAGINE}, {action: VARIATION}]",
        "depth: 0",
        "depth: {lt: 1}",
        "origin: api",
        "origin: {not: {prefix: 'rule:'}}",
        "not: {origin: 'rule:a'}",
        "parent_id: {exists: false}",
        "button: {exists: false}",
        "index: {gt: 1}",
    ],
)
def test_a_match_that_its_own_follow_ups_cannot_meet_is_no_loop(match: str) -> None:
    assert loops(f"id: a, match: {{{match}}}, do: [click: U1]") == []


@pytest.mark.parametrize(
    "match",
    [
        "prompt: {word: cat}",
        "action: [IMAGINE, UPSCALE]",
        "action: {not: IMAGINE}",
        "not: {action: IMAGINE}",
        "not: {action: UPSCALE, prompt: {word: dog}}",
        "any: [{action: IMAGINE}, {prompt: {word: cat}}]",
        "depth: {lt: 2}",
        "origin: {prefix: 'rule:'}",
        "parent_id: '8000000000000001'",
        "button: {not: V1}",
        "index: 1",
        "params.ar: 16:9",
        "tags: {not: done}",
        "status: SUCCESS",
        "submission: accepted",
        "properties.botType: NIJI_JOURNEY",
    ],
)
def test_a_match_that_its_own_follow_ups_could_meet_is_a_loop(match: str) -> None:
    assert len(loops(f"id: a, match: {{{match}}}, do: [click: U1]")) == 1


def test_a_rule_without_a_match_is_for_its_own_follow_ups_too() -> None:
    assert len(loops("id: a, do: [click: U1]")) == 1


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("tags: x", "tags: {not: x}", 0),
        ("tags: x", "not: {tags: x}", 0),
        ("tags: x", "tags: y", 1),  # a task may have both
        ("tags: [x, y]", "tags: {not: x}", 1),  # it may have y alone
        ("state: a", "state: b", 0),
        ("state: [a, b]", "state: [b, c]", 1),
        ("gateway: fuhuapi", "gateway: deerapi", 0),
        ("prompt: a cat", "prompt: {word: dog}", 0),
        ("prompt: a cat", "prompt: {word: cat}", 1),
    ],
)
def test_what_a_follow_up_inherits_can_rule_a_loop_out(first: str, second: str, expected: int) -> None:
    found = loops(
        f"id: a, match: {{action: UPSCALE, {first}}}, do: [click: Vary (Subtle)]",
        f"id: b, match: {{action: VARIATION, {second}}}, do: [click: U1]",
    )
    assert len(found) == expected


def test_a_customid_that_nobody_knows_could_open_anything() -> None:
    assert len(loops("id: a, match: {action: IMAGINE}, do: [click: 'MJ::New::thing']")) == 1
    assert loops("id: a, match: {action: IMAGINE}, do: [click: 'MJ::JOB::upsample::1::x']") == []


def test_another_event_does_not_end_a_loop() -> None:
    text = "rules:\n  - {id: a, on: task.failed, do: [click: U1]}\n  - {id: b, on: task.modal, do: [click: U2]}\n"
    document = Document(text.encode(), file="f", environ={})
    assert document.root is not None
    read_rulebook(document.root.mapping(("rules",))["rules"], Limits())
    assert len(document.source.mistakes) == 2
