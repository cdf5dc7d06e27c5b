"""A loop that nothing bounds is refused when it is read, with the loop spelled out; what cannot loop is not."""

import pytest

from service.rules.limits import Limits
from service.rules.reading.rulebook import read_rulebook
from service.written.document import Document


def find(*rules: str) -> list[str]:
    lines = "".join(f"  - {rule}\n" for rule in rules)
    document = Document(f"rules:\n{lines}".encode(), file="f", environ={})
    assert document.root is not None, document.source.mistakes
    read_rulebook(document.root.mapping(("rules",))["rules"], Limits())
    return [str(mistake) for mistake in document.source.mistakes]


def loops(*rules: str) -> list[str]:
    return find(*(f"{{on: task.succeeded, {rule}}}" for rule in rules))


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
        "attempt: {gte: 2}",
        "retry_of: {exists: true}",
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
        "attempt: 1",
        "retry_of: {exists: false}",
        "not: {tags: {exists: false}}",
        "tags: {exists: true}",
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
        ("params.ar: 16:9", "params.ar: 9:16", 0),
        ("params.ar: 16:9", "params.ar: {prefix: 16}", 1),
        ("tags: x", "tags: {exists: false}", 0),
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


def test_a_reroll_of_a_description_describes_again() -> None:
    assert len(loops("id: a, match: {action: DESCRIBE}, do: [click: 🔄]")) == 1


@pytest.mark.parametrize(
    ("tag", "expected"), [("x", 1), ("{task: x, root: y}", 1), ("[y, z]", 0), ("{task: y, root: x}", 0)]
)
def test_a_tag_that_a_rule_adds_closes_a_loop(tag: str, expected: int) -> None:
    season = "id: a, match: {tags: x}, do: [submit: {prompt: x, tags: [winter]}]"
    assert len(loops(season, f"id: b, do: [tag: {tag}]")) == expected


def test_a_tag_that_a_rule_may_add_ends_no_loop() -> None:
    assert len(loops("id: a, match: {tags: {not: x}}, do: [submit: {prompt: x, tags: []}]", "id: b, do: [tag: x]")) == 1


def test_another_event_does_not_end_a_loop() -> None:
    failed = "{id: a, on: task.failed, do: [submit: {prompt: x}]}"
    assert len(find(failed, "{id: b, on: task.modal, do: [click: U2]}")) == 2


def test_a_chain_settles_once_for_a_rule_and_closes_no_loop() -> None:
    assert find("{id: a, on: chain.settled, do: [submit: {prompt: x}, click: V1]}") == []


@pytest.mark.parametrize(
    ("match", "submit", "expected"),
    [
        ("action: IMAGINE", "prompt: a dog", 1),
        ("action: UPSCALE", "prompt: a dog", 0),
        ("prompt: {word: cat}", "prompt: a dog", 0),
        ("prompt: {word: cat}", "prompt: another cat", 1),
        ("prompt: {word: cat}", "prompt: 'not {prompt}'", 1),
        ("prompt: {word: cat}", "prompt: '{rule}: {{dog}}'", 0),
        ("params.ar: 16:9", "prompt: a dog", 0),
        ("params.ar: 16:9", "prompt: a dog --ar 16:9", 1),
        ("params.tile: {exists: false}", "prompt: a dog --tile", 0),
        ("tags: {not: done}", "prompt: x, tags: [done]", 0),
        ("tags: x", "prompt: x, tags: [done]", 0),
        ("tags: x", "prompt: x, tags: [done, x]", 1),
        ("tags: {not: [x, y]}", "prompt: x, tags: []", 1),
        ("tags: {exists: true}", "prompt: x, tags: []", 0),
        ("tags: {exists: false}", "prompt: x, tags: []", 1),
        ("index: {exists: true}", "prompt: x", 0),
        ("button: {exists: false}", "prompt: x", 1),
        ("tags: x, action: IMAGINE, state: a", "prompt: x", 1),
        ("depth: 0", "prompt: x", 0),
    ],
)
def test_what_a_submit_opens_is_known_in_part(match: str, submit: str, expected: int) -> None:
    assert len(loops(f"id: a, match: {{{match}}}, do: [submit: {{{submit}}}]")) == expected


def test_a_tag_that_another_rule_adds_closes_a_loop() -> None:
    assert (
        len(
            loops(
                "id: a, match: {tags: next}, do: [submit: {prompt: x, tags: []}]",
                "id: b, match: {action: IMAGINE}, do: [tag: next]",
            )
        )
        == 1
    )


@pytest.mark.parametrize("bound", ["max_depth: 2", "budget: {per_root: 2}", "budget: {spend_per_day: 2}"])
def test_any_bound_ends_a_loop_that_goes_deeper(bound: str) -> None:
    assert loops(f"id: a, do: [submit: {{prompt: x}}], {bound}") == []


RETRY = "on: task.failed, match: {fail_kind: timeout}, do: [resubmit: {}]"


def test_a_resubmit_that_nothing_bounds_is_refused() -> None:
    assert find(f"{{id: again, {RETRY}}}") == [
        "f:2:5: a loop without a bound: again → again (what again opens can be a task that again is for);"
        " add attempts: {max: 2} to it, or narrow its match"
    ]


@pytest.mark.parametrize("bound", ["attempts: {max: 2}", "budget: {per_root: 2}"])
def test_a_resubmit_has_its_own_bounds(bound: str) -> None:
    assert find(f"{{id: again, {RETRY}, {bound}}}") == []


@pytest.mark.parametrize("narrow", ["attempt: 1", "attempt: {lt: 2}", "retry_of: {exists: false}", "origin: api"])
def test_a_resubmit_of_first_attempts_alone_is_no_loop(narrow: str) -> None:
    assert find(f"{{id: again, on: task.failed, match: {{{narrow}}}, do: [resubmit: {{}}]}}") == []


def test_two_that_ask_for_each_others_tasks_again_are_a_loop() -> None:
    first = "{id: a, on: task.failed, match: {action: IMAGINE, origin: {not: 'rule:a'}}, do: [resubmit: {}]}"
    second = "{id: b, on: task.lost, match: {action: IMAGINE, origin: {not: 'rule:b'}}, do: [resubmit: {}]%s}"
    (mistake,) = find(first, second % "")
    assert "a → b → a" in mistake
    assert "add attempts: {max: 2} to one of them" in mistake
    assert find(first, second % ", attempts: {max: 2}") == []
    assert find(first, (second % "").replace("IMAGINE", "UPSCALE")) == []


def test_attempts_do_not_end_a_loop_that_opens_new_tasks() -> None:
    retry = "{id: again, on: task.failed, match: {action: VARIATION}, do: [resubmit: {}], attempts: {max: 1}}"
    vary = "{id: vary, on: task.succeeded, match: {action: VARIATION, attempt: {gte: 2}}, do: [click: V1]%s}"
    (mistake,) = find(retry, vary % "")
    assert "vary → again → vary" in mistake
    assert "add max_depth: N" in mistake
    assert find(retry, vary % ", max_depth: 3") == []
    assert find(vary % "") == []


def test_what_is_asked_for_again_stays_what_it_was() -> None:
    upscale = "{id: upscale, on: task.succeeded, match: {action: IMAGINE}, do: [click: U1]}"
    assert find(upscale, f"{{id: again, {RETRY}, attempts: {{max: 2}}}}") == []


def test_an_answer_changes_the_prompt() -> None:
    zoom = "id: zoom, match: {action: UPSCALE, prompt: x}, do: [click: {button: Custom Zoom, prompt: y}]"
    upscale = "id: upscale, match: {action: ZOOM, prompt: y}, do: [click: %s]"
    (mistake,) = loops(zoom, upscale % "{button: Upscale (Subtle), prompt: x}")
    assert "zoom → upscale → zoom" in mistake
    assert loops(zoom, upscale % "Upscale (Subtle)") == []
