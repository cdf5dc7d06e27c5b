"""A match that is sent as JSON is read like one in the file, and its mistakes say where in it they are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.subject import Subject
from service.subscriptions.match import LONGEST, read_filter
from service.written.mistakes import MistakesFound

WORDS = st.sampled_from(["any", "not", "action", "depth", "gte", "in"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(WORDS | st.text(), inner),
    max_leaves=12,
)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(str.strip)


def complaints(match):
    with pytest.raises(MistakesFound) as caught:
        read_filter(match)
    assert all(each.line is None for each in caught.value.mistakes)
    return [str(each) for each in caught.value.mistakes]


def test_it_means_the_tasks_that_a_rule_would_mean(make_task):
    match = read_filter({"action": ["IMAGINE", "UPSCALE"], "prompt": {"word": "猫"}, "depth": {"lte": 1}})
    assert match.matches(Subject(make_task(prompt="一只猫")))
    assert not match.matches(Subject(make_task(prompt="一只狗")))
    assert not match.matches(Subject(make_task(prompt="一只猫", depth=2)))
    assert read_filter({}).matches(Subject(make_task()))


def test_every_mistake_says_where_in_the_json_it_is():
    wrong = {
        "promt": "cat",
        "params.s": {"gte": "一百"},
        "prompt": {"contain": "cat"},
        "any": [{"action": "UPSCALE"}, {"action": ["IMAGINE", "UPSCAL"]}],
        "not": 1,
        "state": None,
    }
    assert complaints(wrong) == [
        "match.any[1].action[1]: there is no action 'UPSCAL' (did you mean 'UPSCALE'?)",
        "match.not: expected a mapping (key: value), found the number 1",
        "match.params.s.gte: expected a number, found '一百'",
        "match.prompt.contain: unknown operator 'contain' (did you mean 'contains'?)",
        "match.promt: a task has no field 'promt' (did you mean 'prompt'?)",
        "match.state: nothing to compare with; to ask whether a field is there, write {exists: true} or false",
    ]


def test_who_sends_it_cannot_read_the_environment():
    (told,) = complaints({"state": {"prefix": "${HOME}"}})
    assert told.startswith("match.state.prefix: '${HOME}': what is sent knows nothing of the service's environment")


def test_what_is_too_much_is_refused_in_one_line():
    deep = {"prompt": "x"}
    for _ in range(100_000):
        deep = {"not": deep}
    assert complaints(deep) == ["match: it is nested too deeply"]
    assert complaints({"prompt": "x" * LONGEST}) == ["match: it is larger than 16 KiB"]
    nested = {"prompt": "x"}
    for _ in range(40):
        nested = {"not": nested}
    (told,) = complaints(nested)
    assert told.endswith("nested deeper than 32 levels")
    assert complaints({f"f{number}": 1 for number in range(200)})[0].startswith("match: there are more than 100 mis")


@given(text=TEXTS)
def test_any_text_survives_the_way_through_yaml(text):
    match = read_filter(json.loads(json.dumps({"state": {"in": [text]}})))
    (clause,) = match.clauses
    assert clause.test(text)
    assert clause.exact == (text,)


@given(match=ANYTHING)
def test_whatever_is_sent_is_read_or_its_mistakes_are_told(match):
    try:
        read_filter({"not": match, "prompt": match})
    except MistakesFound as error:
        assert all(each.file.startswith("match") for each in error.mistakes)
