"""Rules are checked when they are read: every mistake has its place."""

from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.rules.actions import ClickAction
from service.rules.labels import check_then
from service.rules.limits import Attempts, Budget, Limits, QuietHours
from service.rules.reading.limits import read_limits
from service.rules.reading.rulebook import MAX_RULES, read_rulebook
from service.rules.rulebook import Rule, Rulebook
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
    assert read_one.do == (ClickAction(labels=("U1", "U2")), ClickAction(labels=("V1",)))
    assert (read_one.max_depth, read_one.attempts, read_one.budget, read_one.quiet_hours) == (3, None, None, None)
    assert not read_one.dry_run
    assert read_one.text["do"] == [{"click": ["U1", "U2"]}, {"click": "V1"}]
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


def test_a_rule_carries_its_bounds() -> None:
    bounded = rule(
        "{id: a, on: task.failed, do: [resubmit: {}, submit: {prompt: x}], max_depth: 2,"
        " attempts: {max: 2, backoff: [30s, 5m]}, budget: {per_root: 3},"
        " quiet_hours: {from: 23:00, to: 07:00, tz: Asia/Shanghai, policy: drop}, dry_run: true}"
    )
    assert bounded.attempts == Attempts(max=2, backoff=(30_000, 300_000))
    assert bounded.budget == Budget(per_root=3)
    assert bounded.quiet_hours == QuietHours(start=time(23), end=time(7), zone=ZoneInfo("Asia/Shanghai"), policy="drop")
    assert (bounded.dry_run, bounded.goes_deeper, bounded.asks_again, bounded.follow_ups_per_task) == (
        True,
        True,
        True,
        2,
    )


def test_a_version_follows_every_bound() -> None:
    bodies = ("", ", max_depth: 2", ", max_depth: 3", ", dry_run: true", ", budget: {per_day: 1}")
    assert len({rule(f"{{id: a, {GOOD}{more}}}").version for more in bodies}) == len(bodies)


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
        ("{id: a, on: rule.paused, do: [click: U1]}", "f:2:17: there is no event 'rule.paused' ("),
        (f"{{id: a, {GOOD}, dry_run: maybe}}", "f:2:85: expected true or false, found 'maybe'"),
        ("{id: a, on: task.succeeded, match: {chain.lost: 1}, do: [tag: x]}", "f:2:41: 'chain.lost' is known when a"),
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
    assert rule(f"{{id: a, on: task.succeeded, do: [click: '{label}'], max_depth: 1}}").do == (
        ClickAction(labels=(label,)),
    )
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


def test_a_version_follows_the_picture_of_a_mask(tmp_path: Path) -> None:
    versions = set()
    for content in (b"one", b"two"):
        (tmp_path / "mask.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
        click = "click: {button: Vary (Region), mask: mask.png}"
        text = f"rules: [{{id: a, on: task.succeeded, match: {{depth: 0}}, do: [{click}]}}]"
        document = Document(text.encode(), file=str(tmp_path / "f"), environ={})
        assert document.root is not None
        book = read_rulebook(document.root.mapping(("rules",))["rules"], Limits())
        versions.add(book.rules[0].version)
    assert len(versions) == 2


BOUNDS = [
    *(
        (
            f"on: {event}, do: [click: U1]",
            f"there is nothing to click on {event}: such a task shows no buttons; write on: task.succeeded, or submit",
        )
        for event in ("task.submitted", "task.unknown", "task.failed", "task.cancelled", "task.lost")
    ),
    ("on: task.succeeded, do: [tag: x], max_depth: 2", "max_depth bounds click and submit, and this rule does neither"),
    ("on: task.failed, do: [tag: x], attempts: {max: 2}", "attempts bound resubmit, and this rule has none; add resu"),
    ("on: task.failed, do: [tag: x], budget: {per_day: 2}", "a budget bounds click, submit and resubmit, and all else"),
    (
        "on: task.succeeded, do: [resubmit: {}], attempts: {max: 2}",
        "resubmit asks again for what ended badly; a rule for it is on task.failed, task.cancelled or task.lost",
    ),
    (
        "on: chain.settled, do: [resubmit: {}], attempts: {max: 2}",
        "resubmit asks again for what ended badly; a rule for it is on task.failed, task.cancelled or task.lost",
    ),
    (
        "on: task.failed, match: {fail_kind: [timeout, moderation]}, do: [resubmit: {}], attempts: {max: 2}",
        "what moderation refused is never asked for again; take moderation out of fail_kind",
    ),
    (
        "on: task.failed, match: {any: [{fail_kind: moderation}, {state: x}]}, do: [resubmit: {}], attempts: {max: 2}",
        "what moderation refused is never asked for again; take moderation out of fail_kind",
    ),
    (
        "on: task.succeeded, match: {depth: 0}, do: [click: [U1, U2], click: V1], budget: {per_root: 2}",
        "one firing opens up to 3 follow-ups, all or none, and its budget.per_root is 2: it could never fire; do less",
    ),
    (
        "on: task.succeeded, match: {depth: 0}, do: [click: [U1, U2, U3, U4], submit: {prompt: x}]",
        "one firing opens up to 5 follow-ups, all or none, and limits.per_hour is 4: it could never fire; do less at",
    ),
]


@pytest.mark.parametrize(("body", "mistake"), BOUNDS)
def test_bounds_and_actions_go_together(body: str, mistake: str) -> None:
    document = Document(f"- {{id: a, {body}}}".encode().replace(b"- {", b"rules: [{") + b"]", file="f", environ={})
    assert document.root is not None
    read_rulebook(document.root.mapping(("rules",))["rules"], Limits(budget=Budget(per_hour=4)))
    (found,) = document.source.mistakes
    assert found.message.startswith(mistake)


@pytest.mark.parametrize("event", ["task.failed", "task.cancelled", "task.lost"])
def test_what_ended_badly_may_be_asked_for_again(event: str) -> None:
    kept = rule(
        f"{{id: a, on: {event}, match: {{fail_kind: {{not: moderation}}}}, do: [resubmit: ], attempts: {{max: 1}}}}"
    )
    assert kept.asks_again


@pytest.mark.parametrize(
    "body",
    [
        "do: [submit: {prompt: x}], max_depth: 99",
        "do: [resubmit: {}], attempts: {max: 0}",
        "do: [submit: {prompt: x}], budget: {per_root: 0}",
        "do: [submit: {prompt: x}], match: {acton: IMAGINE}",
    ],
)
def test_a_mistaken_rule_is_one_mistake_and_no_loop_besides(body: str) -> None:
    assert len(read(f"rules:\n  - {{id: a, on: task.failed, {body}}}\n")[1]) == 1


TEN = """\
limits: {max_depth: 9, per_hour: 10, quiet_hours: {from: 23:00, to: 07:00, tz: Asia/Shangai}}
rules:
  - {id: A, on: task.succeeded, match: {action: IMAGINE}, do: [click: U1]}
  - {id: b, on: task.suceeded, do: [click: U1]}
  - {id: c, on: task.succeeded, match: {promt: x}, do: [tag: x]}
  - {id: d, on: task.succeeded, match: {prompt: {contian: x}}, do: [tag: x]}
  - {id: e, on: task.succeeded, match: {action: IMAGINE}, do: [click: U5]}
  - {id: f, on: task.succeeded, match: {action: IMAGINE}, do: [click: Custom Zoom]}
  - {id: g, on: task.succeeded, do: [notify: {url: https://example.com/, text: "{promt}"}]}
  - {id: h, on: task.succeeded, do: [download: {to: "../x/{id}.png"}]}
  - {id: i, on: task.failed, do: [resubmit: {}]}
  - {id: j, on: task.failed, do: [resubmit: {}], attempts: {max: 2, backoff: 30}}
  - {id: k, on: task.succeeded, do: [tagg: x]}
"""


def test_a_file_with_many_mistakes_tells_all_of_them_with_their_places_and_remedies() -> None:
    document = Document(TEN.encode(), file="f", environ={})
    assert document.root is not None
    values = document.root.mapping(("limits", "rules"))
    read_rulebook(values["rules"], read_limits(values["limits"]))
    found = sorted((each.line, each.column, each.message) for each in document.source.mistakes)
    expected = [
        (1, 21, "expected a whole number from 1 to 8"),
        (1, 80, "there is no time zone 'Asia/Shangai' (did you mean 'Asia/Shanghai'?)"),
        (3, 10, "an id is made of a-z, 0-9 and '-'"),
        (4, 17, "there is no event 'task.suceeded' (did you mean 'task.succeeded'?)"),
        (5, 41, "a task has no field 'promt' (did you mean 'prompt'?)"),
        (6, 50, "unknown operator 'contian' (did you mean 'contains'?)"),
        (7, 71, "there is no button 'U5' (did you mean"),
        (8, 71, "'Custom Zoom' opens a window that wants an answer; write click: {button: \"Custom Zoom\""),
        (9, 80, "a task has no field 'promt' (did you mean 'prompt'?)"),
        (10, 53, "a path cannot leave the folder of downloads with .."),
        (11, 5, "a loop without a bound: i → i (what i opens can be a task that i is for); add attempts: {max: 2}"),
        (12, 78, "expected a pause from 1s to 1d, such as 30s, 5m or 2h, found the number 30"),
        (13, 38, "unknown key 'tagg' (did you mean 'tag'?)"),
    ]
    assert [
        (line, column, text[: len(want)]) for (line, column, text), (_, _, want) in zip(found, expected, strict=True)
    ] == expected
