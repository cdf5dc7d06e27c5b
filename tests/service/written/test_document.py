"""YAML becomes nodes with places; what is not plain data is refused, and nothing else is ever raised."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.written.document import MAX_BYTES, Document, resolve
from service.written.mistakes import Mistake, MistakesFound, did_you_mean


def read(text: str | bytes, **environ: str) -> Document:
    data = text.encode() if isinstance(text, str) else text
    return Document(data, file="f.yaml", environ=environ)


def mistakes(text: str | bytes) -> list[str]:
    return [str(mistake) for mistake in read(text).source.mistakes]


def test_yaml_1_2_reads_what_people_mean() -> None:
    document = read("on: task.succeeded\nar: 16:9\nat: 23:00\nno: no\nyes: true\nn: 0o17\nh: 0x1F\nf: 1.5\nx:\n")
    assert document.root is not None
    assert document.root.plain() == {
        "on": "task.succeeded",
        "ar": "16:9",
        "at": "23:00",
        "no": "no",
        "yes": True,
        "n": 15,
        "h": 31,
        "f": 1.5,
        "x": None,
    }


def test_chinese_and_emoji_survive_even_as_json_escapes() -> None:
    document = read('a: 一只猫 🐈\nb: "\\u732b \\ud83d\\ude00"\n')
    assert document.root is not None
    assert document.root.plain() == {"a": "一只猫 🐈", "b": "猫 😀"}


def test_quoted_scalars_are_text() -> None:
    document = read("a: '1'\nb: \"true\"\nc: |\n  2\n")
    assert document.root is not None
    assert document.root.plain() == {"a": "1", "b": "true", "c": "2\n"}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~", "\ufeff"])
def test_an_empty_file_has_no_root_and_no_mistake(text: str) -> None:
    document = read(text)
    assert document.root is None
    assert mistakes(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x 1", "f.yaml:1:4: anchors (&x) are not allowed"),
        ("a: 1\nb: *x", "f.yaml:2:4: aliases (*x) are not allowed; write the value out"),
        ("a: !!str 1", "f.yaml:1:4: tags (!…) are not allowed"),
        ("a: !x {b: 1}", "f.yaml:1:4: tags (!…) are not allowed"),
        ("%YAML 1.1\n---\na: 1", "f.yaml:2:1: directives (%YAML, %TAG) are not allowed"),
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1: duplicate key 'a' (the first is on line 1)"),
        ("a: {b: 1, b: 2}", "f.yaml:1:11: duplicate key 'b' (the first is on line 1)"),
        ("? [a]\n: 1", "f.yaml:1:3: a key must be text"),
        ("a: 1\n---\nb: 2", "f.yaml:2:1: a second document begins here; there may be only one"),
        ("- 1", "f.yaml:1:1: expected a mapping (key: value) at the top, found a list"),
        ("猫", "f.yaml:1:1: expected a mapping (key: value) at the top, found '猫'"),
        ("a: b: c", "f.yaml:1:5: not YAML: mapping values are not allowed here"),
        ("a: [" * 40, "f.yaml:1:65: nested deeper than 32 levels"),
        ('a: "\\ud83d"', "f.yaml:1:4: half of a surrogate pair is no character; write the character itself"),
        ("a: 猫\nb: \x00", "f.yaml:2:4: the character '\\x00' may not stand in YAML"),
        (b"a: 1\nb: \xff", "f.yaml:2:4: this is not UTF-8"),
        ("a: '" + "x" * MAX_BYTES, "f.yaml:1:1: the file is larger than 256 KiB"),
    ],
)
def test_what_is_not_plain_data_is_refused_with_its_place(text: str | bytes, expected: str) -> None:
    assert mistakes(text)[0] == expected


def test_every_refusal_is_reported_at_once() -> None:
    text = "a: &x 1\nb: *x\nc: !!str 2\na: 3\n"
    assert [(each.line, each.column) for each in read(text).source.mistakes] == [(1, 4), (2, 4), (3, 4), (4, 1)]


@given(st.binary(max_size=80) | st.text("a:-?[]{}&*!|>'\"%@`#,\n \t\\uU012é猫~<\x85\u2028", max_size=40))
@settings(deadline=None)  # the clock of a busy machine proves nothing
def test_no_bytes_raise_anything(data: bytes | str) -> None:
    document = read(data)
    for mistake in document.source.mistakes:
        assert mistake.line is not None
        assert mistake.line >= 1
        assert "\n" not in str(mistake)
    if document.root is not None:
        document.root.plain()


@given(st.text(max_size=200).filter(str.isprintable))
@settings(deadline=None)  # the clock of a busy machine proves nothing
def test_resolving_a_plain_scalar_never_fails(text: str) -> None:
    resolve(text)
    resolve("9" * 5000)


def test_unknown_and_missing_keys_are_reported_where_they_stand() -> None:
    document = read("mtach: 1\nid: x\n")
    assert document.root is not None
    values = document.root.mapping(("id", "match", "do"), required=("id", "do"))
    assert list(values) == ["id"]
    assert [str(each) for each in document.source.mistakes] == [
        "f.yaml:1:1: unknown key 'mtach' (did you mean 'match'?)",
        "f.yaml:1:1: 'do' is missing",
    ]


def test_the_questions_answer_or_note_a_mistake() -> None:
    document = read("text: hi\nwhole: 3\ntruth: true\nitems: [1, 2]\nempty: []\n")
    assert document.root is not None
    values = document.root.mapping(("text", "whole", "truth", "items", "empty"))
    assert values["text"].text() == "hi"
    assert values["whole"].whole(1, 8) == 3
    assert values["truth"].truth() is True
    assert [item.value for item in values["items"].items()] == [1, 2]
    assert [item.value for item in values["text"].one_or_many()] == ["hi"]
    assert document.source.mistakes == ()
    assert values["whole"].text() is None
    assert values["truth"].whole(0, 1) is None
    assert values["text"].truth() is None
    assert values["text"].items() == []
    assert values["text"].entries() == []
    assert values["empty"].one_or_many() == []
    assert values["whole"].whole(4, 8) is None
    assert [str(each).partition(" ")[2] for each in document.source.mistakes] == [
        "expected text, found the number 3",
        "expected a whole number from 0 to 1, found true",
        "expected true or false, found 'hi'",
        "expected a list, found 'hi'",
        "expected a mapping (key: value), found 'hi'",
        "the list is empty",
        "expected a whole number from 4 to 8, found the number 3",
    ]


def test_a_secret_is_filled_in_and_never_shown() -> None:
    document = read("a: Bearer ${TOKEN}!\n", TOKEN="s3cret")
    assert document.root is not None
    node = document.root.mapping(("a",))["a"]
    assert node.filled() == "Bearer s3cret!"
    assert node.plain() == "Bearer ${TOKEN}!"
    assert "s3cret" not in node.kind + repr(document.source)


def test_unset_and_our_own_variables_are_mistakes() -> None:
    document = read("a: ${NOWHERE}\nb: ${RINGBACK_API_KEYS}\nc: ${ringback_x} $HOME\n", RINGBACK_API_KEYS="s3cret")
    assert document.root is not None
    for node in document.root.mapping("abc").values():
        assert node.filled() is None
    assert [str(each) for each in document.source.mistakes] == [
        "f.yaml:1:4: ${NOWHERE} is not set in the environment",
        "f.yaml:2:4: ${RINGBACK_API_KEYS}: names that start with RINGBACK_ are Ringback's own",
        "f.yaml:3:4: ${ringback_x}: names that start with RINGBACK_ are Ringback's own",
    ]


def test_a_refused_value_is_complained_about_once() -> None:
    document = read("a: *x\n")
    assert document.root is not None
    assert document.root.mapping(("a",))["a"].text() is None
    assert len(document.source.mistakes) == 1


@pytest.mark.parametrize(
    ("word", "suffix"),
    [
        ("imagin", " (did you mean 'IMAGINE'?)"),
        ("U5", " (did you mean 'U1'?)"),
        ("xyzzy", ""),
        ("", ""),
    ],
)
def test_did_you_mean_offers_only_what_is_near(word: str, suffix: str) -> None:
    assert did_you_mean(word, ("IMAGINE", "UPSCALE", "U1")) == suffix


def test_mistakes_come_in_the_order_of_the_file() -> None:
    found = MistakesFound([Mistake("f", 9, 1, "late"), Mistake("f", 2, 7, "b"), Mistake("f", 2, 3, "a")])
    assert str(found) == "f:2:3: a\nf:2:7: b\nf:9:1: late"
    assert str(Mistake("environment", None, None, "X: bad")) == "environment: X: bad"
