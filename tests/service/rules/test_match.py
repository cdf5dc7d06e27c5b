"""Which tasks a match means, operator by operator, and that its explanation cannot disagree."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.rules.match import ClauseResult, Match
from service.rules.operators import LONGEST_GLOB, LONGEST_GLOBBED, OPERATORS, number_of
from service.rules.reading.match import read_match
from service.rules.subject import Subject
from service.written.document import Document
from service.written.environment import Concealed
from storage.records import Chain, Picture, Task

CHAIN = Chain(
    root_id="8000000000000001",
    tasks=7,
    succeeded={"IMAGINE": 1, "UPSCALE": 3},
    failed={"VARIATION": 1},
    cancelled={},
    retried={"VARIATION": 1},
    lost=1,
    cost=0.5,
    pictures=(Picture(task_id="8000000000000001", action="IMAGINE", index=None, image_url="https://x/1.png"),),
)


def look_at(*, chain: Chain | None = None, **fields: Any) -> Subject:
    base: dict[str, Any] = {
        "id": "8000000000000001",
        "gateway": "fuhuapi",
        "action": "IMAGINE",
        "status": "SUCCESS",
        "progress": 100,
        "prompt": "a red Cat on a mat, 一只黑猫 --ar 16:9 --s 250 --tile",
        "params": {"ar": "16:9", "s": "250", "tile": True, "v": "6.1"},
        "root_id": "8000000000000001",
        "origin": "api",
        "tags": ("auto", "print-a3"),
        "state": "007",
        "submission": "accepted",
        "created_at": 0,
        "updated_at": 0,
        "properties": {"botType": "MID_JOURNEY", "seed": 12, "task.description": "Submit success"},
    }
    return Subject(Task(**base | fields), chain)


def read(text: str, **environ: str) -> tuple[Match, list[str]]:
    document = Document(text.encode(), file="f", environ=environ)
    assert document.root is not None, document.source.mistakes
    match = read_match(document.root)
    return match, [str(mistake) for mistake in document.source.mistakes]


def matches(text: str, **fields: Any) -> bool:
    match, mistakes = read(text)
    assert mistakes == []
    return match.matches(look_at(**fields))


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        ("action: IMAGINE", "action: UPSCALE"),
        ("action: [UPSCALE, IMAGINE]", "action: [UPSCALE, VARIATION]"),
        ("action: {in: [IMAGINE]}", "action: {in: [UPSCALE]}"),
        ("action: {not: DESCRIBE}", "action: {not: [IMAGINE, DESCRIBE]}"),
        ("status: SUCCESS", "status: FAILURE"),
        ("progress: 100", "progress: 99"),
        ("progress: {gte: 100, lte: 100}", "progress: {gt: 100}"),
        ("progress: {lt: 100.5}", "progress: {lt: 100}"),
        ("prompt: {contains: Cat}", "prompt: {contains: cat}"),
        ("prompt: {icontains: CAT ON}", "prompt: {icontains: dog}"),
        ("prompt: {prefix: a red}", "prompt: {prefix: red}"),
        ("prompt: {suffix: --tile}", "prompt: {suffix: --ar}"),
        ("prompt: {contains: [dog, mat]}", "prompt: {contains: [dog, cow]}"),
        ("prompt: {not: {contains: dog, prefix: a}}", "prompt: {not: {contains: Cat, prefix: a}}"),
        ("params.ar: 16:9", "params.ar: 16:90"),
        ("params.aspect: 16:9", "params.aspect: 1:1"),
        ("params.AR: 16:9", "params.AR: 9:16"),
        ("params.s: {gte: 100, lt: 251}", "params.s: {gte: 251}"),
        ("params.s: 250", "params.s: 25"),
        ("params.stylize: {in: [100, 250]}", "params.stylize: {in: [100]}"),
        ("params.v: 6.10", "params.v: 6.2"),
        ("params.v: '6.1'", "params.v: '6.10'"),
        ("params.tile: true", "params.tile: false"),
        ("params.tile: 'true'", "params.tile: 'false'"),
        ("params.tile: [x, 'true']", "params.tile: [x, 'false']"),
        ("params.tile: {exists: true}", "params.tile: 1"),
        ("params.chaos: {exists: false}", "params.chaos: {exists: true}"),
        ("tags: auto", "tags: aut"),
        ("tags: [x, auto]", "tags: [x, y]"),
        ("tags: {not: x}", "tags: {not: auto}"),
        ("tags: {glob: print-*}", "tags: {glob: print-*-x}"),
        ("tags: {exists: true}", "tags: {exists: false}"),
        ("state: 007", "state: 8"),
        ("state: '007'", "state: '7'"),
        ("submission: accepted", "submission: lost"),
        ("depth: 0", "depth: {gt: 0}"),
        ("gateway: fuhuapi", "gateway: {not: fuhuapi}"),
        ("properties.botType: MID_JOURNEY", "properties.bottype: MID_JOURNEY"),
        ("properties.seed: {lte: 12}", "properties.seed: {lt: 12}"),
        ("properties.task.description: Submit success", "properties.task: Submit success"),
        ("any: [{action: UPSCALE}, {tags: auto}]", "any: [{action: UPSCALE}, {tags: x}]"),
        ("not: {action: UPSCALE}", "not: {action: IMAGINE, tags: auto}"),
        ("not: {any: [{tags: x}, {tags: y}]}", "not: {any: [{tags: x}, {tags: auto}]}"),
        ("parent_id: {exists: false}", "parent_id: {exists: true}"),
        ("id: '8000000000000001'", "id: '8000000000000002'"),
        ("attempt: 1", "attempt: {gte: 2}"),
        ("retry_of: {exists: false}", "retry_of: {exists: true}"),
        ("video_urls: {exists: false}", "video_urls: {contains: mp4}"),
        ("{}", "{action: UPSCALE, prompt: {word: cat}}"),
    ],
)
def test_each_operator_says_yes_and_no(yes: str, no: str) -> None:
    assert matches(yes)
    assert not matches(no)


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        ("chain.tasks: 7", "chain.tasks: {lt: 7}"),
        ("chain.succeeded: 4", "chain.succeeded: 3"),
        ("chain.succeeded.UPSCALE: {gte: 3}", "chain.succeeded.UPSCALE: {gte: 4}"),
        ("chain.succeeded.ZOOM: 0", "chain.succeeded.ZOOM: {gt: 0}"),
        ("chain.failed: 1", "chain.failed.UPSCALE: 1"),
        ("chain.cancelled: 0", "chain.cancelled.IMAGINE: 1"),
        ("chain.retried.VARIATION: 1", "chain.retried: 0"),
        ("chain.lost: {lte: 1}", "chain.lost: 0"),
        ("chain.pictures: 1", "chain.pictures: {exists: false}"),
        ("chain.cost: {lt: 1}", "chain.cost: {gt: 0.5}"),
        ("{action: IMAGINE, chain.lost: 1}", "{action: UPSCALE, chain.lost: 1}"),
    ],
)
def test_a_chain_has_its_counts(yes: str, no: str) -> None:
    assert matches(yes, chain=CHAIN)
    assert not matches(no, chain=CHAIN)
    assert not matches(yes)  # where there is none


def test_a_chain_is_known_when_it_has_settled_and_no_sooner() -> None:
    document = Document(b"any: [{chain.tasks: 1}]", file="f", environ={})
    assert document.root is not None
    read_match(document.root, event="chain.settled")
    assert document.source.mistakes == ()
    read_match(document.root, event="task.succeeded")
    assert [str(mistake) for mistake in document.source.mistakes] == [
        "f:1:8: 'chain.tasks' is known when a whole chain has ended, on chain.settled alone"
    ]


@pytest.mark.parametrize(
    ("word", "prompt", "found"),
    [
        ("cat", "a red CAT, sitting", True),
        ("Cat", "the cat's tail", True),
        ("cat", "concatenate category", False),
        ("cat", "cat_1", False),
        ("cat", "concatenate a cat", True),
        ("red cat", "a red cat here", True),
        ("red cat", "a bored cat", False),
        ("猫", "一只黑猫在睡觉", True),
        ("猫", "一只狗", False),
        ("cat", "一只cat在睡觉", True),
        ("cat", "ＣＡＴ，一只", True),
        ("4k猫", "画一张4K猫图", True),
        ("4k猫", "画一张14k猫图", False),
        ("ねこ", "かわいいねこです", True),
        ("고양이", "귀여운 고양이가", True),
        ("кот", "рыжий кот спит", True),
        ("кот", "который", False),
        ("école", "l'ÉCOLE", True),
        ("--tile", "a cat --tile", True),
    ],
)
def test_a_word_is_whole_in_scripts_with_blanks_and_anywhere_in_the_others(word: str, prompt: str, found: bool) -> None:
    assert matches(f"prompt: {{word: '{word}'}}", prompt=prompt) is found


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("a*c", "abc", True),
        ("a*c", "a\nc", True),
        ("a*c", "abcd", False),
        ("ab*ba", "aba", False),
        ("ab*ba", "abba", True),
        ("*b*b*", "abcb", True),
        ("*b*b*", "abc", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("*", "", True),
        ("16:*", "16:9", True),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("[ab]*", "[ab]!", True),
    ],
)
def test_a_glob_knows_star_and_question_mark_only(pattern: str, text: str, found: bool) -> None:
    assert matches(f"prompt: {{glob: '{pattern}'}}", prompt=text) is found


def test_a_hostile_glob_stays_quick() -> None:
    match, _ = read(f"prompt: {{glob: '{'*a' * 100}*b'}}")
    assert not match.matches(look_at(prompt="a" * 10_000))


def test_a_glob_and_the_text_beside_it_are_bounded() -> None:
    _, mistakes = read(f"prompt: {{glob: '{'a' * (LONGEST_GLOB + 1)}'}}")
    assert f"at most {LONGEST_GLOB} characters" in str(mistakes)
    assert matches("prompt: {glob: '*b'}", prompt="a" * (LONGEST_GLOBBED - 1) + "b")
    assert not matches("prompt: {glob: '*b'}", prompt="a" * LONGEST_GLOBBED + "b")


@pytest.mark.parametrize("operator", sorted(set(OPERATORS) - {"not", "exists"}))
@pytest.mark.parametrize("field", ["fail_reason", "params.nothing", "properties.nothing"])
def test_a_missing_field_makes_every_operator_false(field: str, operator: str) -> None:
    assert not matches(f"{field}: {{{operator}: 5}}")
    assert matches(f"{field}: {{not: {{{operator}: 5}}}}")


def test_a_missing_field_is_not_equal_to_anything() -> None:
    assert not matches("fail_reason: x")
    assert matches("fail_reason: {not: x}")
    assert not matches("fail_reason: {exists: true}")
    assert matches("fail_reason: {exists: false}")
    assert not matches("tags: {exists: true}", tags=())


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("progres: 1", "f:1:1: a task has no field 'progres' (did you mean 'progress'?)"),
        ("param.ar: 1", "f:1:1: a task has no field 'param.ar' (did you mean 'params.ar'?)"),
        ("params.: 1", "f:1:1: a task has no field 'params.' (did you mean 'params.ar'?)"),
        ("action: imagine", "f:1:9: there is no action 'imagine' (did you mean 'IMAGINE'?)"),
        ("action: [IMAGINE, UPSCAL]", "f:1:19: there is no action 'UPSCAL' (did you mean 'UPSCALE'?)"),
        ("status: {not: DONE}", "f:1:15: there is no status 'DONE' (known: CANCEL, FAILURE, IN_PROGRESS,"),
        ("fail_kind: moderated", "f:1:12: there is no fail_kind 'moderated' (did you mean 'moderation'?)"),
        ("prompt: {contain: x}", "f:1:10: unknown operator 'contain' (did you mean 'contains'?)"),
        ("progress: {contains: 5}", "f:1:12: 'progress' is a number, so 'contains' would never hold"),
        ("progress: half", "f:1:11: expected a number, found 'half'"),
        ("params.s: {gte: much}", "f:1:17: expected a number, found 'much'"),
        ("params.s: {gte: true}", "f:1:17: expected a number, found true"),
        ("params.tile: yes", "f:1:14: 'yes' is a text here; a parameter without a value is there: write true"),
        ("params.tile: {not: 'On'}", "f:1:20: 'On' is a text here; a parameter without a value is there: write true"),
        ("params.tile: no", "f:1:14: 'no' is a text here; a parameter that is not given is missing: write {exists: f"),
        ("params.tile: [x, off]", "f:1:18: 'off' is a text here; a parameter that is not given is missing: write {ex"),
        ("state: ~", "f:1:8: nothing to compare with; to ask whether a field is there, write {exists: true}"),
        ("state: [[a]]", "f:1:9: expected a value, found a list"),
        ("state: []", "f:1:8: the list is empty"),
        ("state: {}", "f:1:8: no operator is given"),
        ("state: {not: {}}", "f:1:14: no operator is given"),
        ("state: {not: {not: x}}", "f:1:15: not: {not: …} says nothing; leave both out"),
        ("state: {exists: 1}", "f:1:17: expected true or false, found the number 1"),
        ("prompt: {word: ' '}", "f:1:16: the text is empty, so it would always hold"),
        ("any: {action: IMAGINE}", "f:1:6: expected a list, found a mapping"),
        ("any: []", "f:1:6: the list is empty, so nothing would ever match"),
        ("not: IMAGINE", "f:1:6: expected a mapping (key: value), found 'IMAGINE'"),
        ("chain.success: 1", "f:1:1: a chain has no field 'chain.success' (did you mean 'chain.succeeded'?)"),
        (
            "chain.failed.UPSCAL: 1",
            "f:1:1: a chain has no field 'chain.failed.UPSCAL' (did you mean 'chain.failed.UPSC",
        ),
        ("chain.lost: many", "f:1:13: expected a number, found 'many'"),
        ("any: [{acton: IMAGINE}]", "f:1:8: a task has no field 'acton' (did you mean 'action'?)"),
    ],
)
def test_what_could_never_hold_is_a_mistake(text: str, mistake: str) -> None:
    _, mistakes = read(text)
    assert [each[: len(mistake)] for each in mistakes] == [mistake]


def test_a_secret_is_compared_with_nothing_where_nobody_may_learn_it() -> None:
    document = Document(b"state: ['${CODE}', x]", file="f", environ=Concealed())
    assert document.root is not None
    read_match(document.root)
    assert [str(mistake) for mistake in document.source.mistakes] == [
        "f:1:9: '${CODE}': what is sent knows nothing of the service's environment; write the value out"
    ]


def test_a_clause_explains_itself_with_its_line() -> None:
    match, _ = read("action: UPSCALE\ntags: auto\nparams.s:\n  gte: 100\n  lt: 200\n")
    assert match.explain(look_at()) == (
        ClauseResult(line=1, field="action", operator="is", expected="UPSCALE", found="IMAGINE", ok=False),
        ClauseResult(line=2, field="tags", operator="is", expected="auto", found=("auto", "print-a3"), ok=True),
        ClauseResult(line=4, field="params.s", operator="gte", expected=100, found="250", ok=True),
        ClauseResult(line=5, field="params.s", operator="lt", expected=200, found="250", ok=False),
    )


def test_a_group_explains_each_of_its_matches() -> None:
    match, _ = read("any:\n  - action: UPSCALE\n  - tags: auto\nnot:\n  depth: 0\n")
    either, neither = match.explain(look_at())
    assert (either.field, either.line, either.ok) == ("any", 1, True)
    assert [[part.ok for part in parts] for parts in either.parts] == [[False], [True]]
    assert (neither.field, neither.line, neither.ok) == ("not", 4, False)
    assert [[part.found for part in parts] for parts in neither.parts] == [[0]]


def test_a_secret_is_compared_but_not_explained() -> None:
    match, mistakes = read("state: '${CODE}'", CODE="s3cret")
    assert mistakes == []
    assert match.matches(look_at(state="s3cret"))
    assert "s3cret" not in repr(match.explain(look_at(state="x")))


_value = st.sampled_from(["IMAGINE", "auto", "16:9", "cat", "猫", "250", "6.1", "007", "1"])
_operator = st.sampled_from(sorted(set(OPERATORS) - {"not", "exists", "gte", "lte", "gt", "lt"}))
_field = st.sampled_from(["prompt", "params.ar", "params.s", "tags", "state", "button", "properties.seed"])
_operand = st.one_of(
    _value,
    st.lists(_value, min_size=1, max_size=3),
    st.dictionaries(_operator, _value, min_size=1, max_size=3),
    st.fixed_dictionaries({"not": st.dictionaries(_operator, _value, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"exists": st.booleans()}),
)
_match: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(_field, _operand, max_size=3),
    lambda inner: st.fixed_dictionaries({}, optional={"any": st.lists(inner, min_size=1, max_size=3), "not": inner}),
    max_leaves=5,
)


@given(_match, st.sampled_from([None, "", "16:9", "cat", "一只猫"]), st.sampled_from([(), ("auto",), ("auto", "cat")]))
@settings(deadline=None)  # the clock of a busy machine proves nothing
def test_an_explanation_never_disagrees_with_the_decision(
    written: dict[str, Any], text: str | None, tags: tuple[str, ...]
) -> None:
    match, mistakes = read(json.dumps(written))
    assert mistakes == []
    for subject in (
        look_at(),
        look_at(prompt=text, state=text, params={}, tags=tags, properties={"seed": [1, "cat"]}),
    ):
        assert match.matches(subject) is all(result.ok for result in match.explain(subject))


@given(st.text() | st.floats() | st.integers() | st.booleans() | st.none() | st.lists(st.integers()))
@settings(deadline=None)  # the clock of a busy machine proves nothing
def test_whatever_is_found_is_a_finite_number_or_none(found: Any) -> None:
    number = number_of(found)
    assert number is None or float("-inf") < number < float("inf")


@pytest.mark.parametrize("text", ["nan", "inf", "1_0", "", " ", "6:1", "9" * 5000 + "x"])
def test_text_that_only_python_reads_as_a_number_is_none(text: str) -> None:
    assert number_of(text) is None
