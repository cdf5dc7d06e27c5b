"""Templates are checked when they are read, and filled in from what happened."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.reading.templates import read_template
from service.rules.subject import Subject
from service.rules.templates import Template
from service.written.document import Document
from service.written.nodes import Node
from storage.records import Chain, Task

CHAIN = Chain(
    root_id="8000000000000001",
    tasks=3,
    succeeded={"UPSCALE": 2},
    failed={},
    cancelled={},
    retried={},
    lost=0,
    cost=0.1 + 0.2,
    pictures=(),
)


def look_at(**fields: Any) -> Subject:
    base: dict[str, Any] = {
        "id": "8000000000000001",
        "gateway": "fuhuapi",
        "action": "IMAGINE",
        "prompt": "一只黑猫 {id} --tile",
        "params": {"tile": True},
        "root_id": "8000000000000001",
        "origin": "api",
        "tags": ("a", "b"),
        "created_at": 0,
        "updated_at": 0,
        "properties": {"nested": {"猫": [1]}},
    }
    return Subject(Task(**base | fields), CHAIN)


def read(text: str, event: str = "chain.settled") -> tuple[Template | None, list[str]]:
    document = Document(b"x: 1", file="f", environ={"NAME": "s3cret"})
    node = Node(document.source, 1, 1, text, text)
    template = read_template(node, event=event, constants={"rule": "cats", "event": event})
    return template, [mistake.message for mistake in document.source.mistakes]


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("done", "done"),
        ("{prompt}", "一只黑猫 {id} --tile"),  # what is filled in is not looked at again
        ("{id}: {tags}", "8000000000000001: a, b"),
        ("{params.tile} {params.ar}.", "true ."),
        ("{properties.nested}", '{"猫": [1]}'),
        ("{chain.succeeded.UPSCALE} of {chain.tasks} for {chain.cost}", "2 of 3 for 0.3"),
        ("{rule} on {event}", "cats on chain.settled"),
        ("{{prompt}} }}{{ {{{id}}}", "{prompt} }{ {8000000000000001}"),
        ("$5, 100%, \\n ${{HOME}}", "$5, 100%, \\n ${HOME}"),
    ],
)
def test_a_template_is_filled_in(text: str, filled: str) -> None:
    template, mistakes = read(text)
    assert mistakes == []
    assert template is not None
    assert template.fill(look_at()) == filled


def test_a_template_knows_what_is_filled_in() -> None:
    template, _ = read("{prompt} {rule} {id} {prompt}")
    assert template is not None
    assert (template.fields, template.constant) == ({"prompt", "id"}, None)
    plain, _ = read("{rule}: {{}}")
    assert plain is not None
    assert (plain.fields, plain.constant) == (frozenset(), "cats: {}")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("{promt}", "a task has no field 'promt' (did you mean 'prompt'?)"),
        ("{rules}", "a task has no field 'rules' (did you mean 'rule'?)"),
        ("{}", "a task has no field ''"),
        ("{prompt.upper}", "a task has no field 'prompt.upper'"),
        ("{prompt!r}", "a task has no field 'prompt!r' (did you mean 'prompt'?)"),
        ("{prompt:>9}", "a task has no field 'prompt:>9' (did you mean 'prompt'?)"),
        ("a { b", "a '{' stands alone; a field is {prompt}, and a brace is {{"),
        ("a } b", "a '}' stands alone; a field is {prompt}, and a brace is }}"),
        ("{a{id}}", "a '{' stands alone"),
        ("${NAME}", "'${NAME}' is not filled in here; secrets may stand in notify.url, in a rule's match"),
        (" ", "the text is empty"),
    ],
)
def test_a_mistaken_template_is_told(text: str, mistake: str) -> None:
    template, mistakes = read(text)
    assert template is None
    assert mistakes[0][: len(mistake)] == mistake


def test_a_chain_is_known_when_it_has_settled() -> None:
    _, mistakes = read("{chain.tasks}", "task.succeeded")
    assert mistakes == ["'chain.tasks' is known when a whole chain has ended, on chain.settled alone"]


@given(st.text(st.sampled_from("ab{}$id\n猫")))
def test_any_text_is_a_template_or_a_mistake(text: str) -> None:
    template, mistakes = read(text)
    assert (template is None) == bool(mistakes)
    if template is not None and "{id}" not in text:
        assert template.fill(look_at()) == text.replace("{{", "{").replace("}}", "}")
