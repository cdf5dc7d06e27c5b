"""A picture is kept below its folder, under a name that every system takes, whatever its prompt says."""

import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.rules.paths import LONGEST_SEGMENT, LONGEST_VALUE, fill_path, find_path_mistake
from service.rules.subject import Subject
from service.rules.templates import Template
from storage.records import Task

TASK = Task(id="8000000000000001", gateway="g", action="UPSCALE", root_id="8", origin="api", created_at=0, updated_at=0)
DEVICES = ("CON", "PRN", "AUX", "NUL", "COM1", "LPT9", "COM²")


def template(*parts: str) -> Template:
    """`{…}` is a field whose value is what stands between the braces."""

    def make(part: str) -> Any:
        return ("value", lambda subject, value=part[1:-1]: value) if part[:1] == "{" else part

    return Template(tuple(map(make, parts)))


def fill(*parts: str) -> str:
    return fill_path(template(*parts), Subject(TASK))


def test_values_stand_where_the_template_has_them() -> None:
    assert fill("shop/", "{8000000000000001}", "/", "{3}", ".png") == "shop/8000000000000001/3.png"


def test_a_list_and_a_number_are_written_as_in_other_templates() -> None:
    parts = (("tags", lambda subject: ("a", "b/c")), "-", ("index", lambda subject: 2), ".png")
    assert fill_path(Template(parts), Subject(TASK)) == "a, b-c-2.png"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("../../etc/passwd", "-..-etc-passwd"),
        ("/etc/passwd", "-etc-passwd"),
        ("C:\\Windows\\x", "C--Windows-x"),
        ("..", "_"),
        (".ssh", "ssh"),
        ("  . cat . ", "cat"),
        ("", "_"),
        ("\u202e\u200b\ufeff", "_"),
        ("a\0b\x1b[31m\x7f", "ab[31m"),
        ("two\nlines\u2028and\ta tab", "two lines and a tab"),
        ("file.txt:stream", "file.txt-stream"),
        ('what? <b>|*"', "what- -b----"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\ud800lone", "lone"),
        ("一只猫，在屋顶上", "一只猫，在屋顶上"),
        ("👩‍👩‍👧 ❤️", "👩‍👩‍👧 ❤️"),
        ("cafe\u0301", "café"),
    ],
)
def test_a_value_becomes_harmless(value: str, kept: str) -> None:
    assert fill(f"{{{value}}}") == kept


@pytest.mark.parametrize("name", DEVICES)
def test_no_file_is_named_like_a_device(name: str) -> None:
    assert fill(f"{{{name}}}") == f"_{name}"
    assert fill(f"{{{name.lower()}}}", ".png") == f"_{name.lower()}.png"
    assert fill(f"{{{name}}}", "X.png") == f"{name}X.png"


def test_a_long_value_is_cut_on_a_character() -> None:
    assert fill("{" + "猫" * 1000 + "}", ".png") == "猫" * (LONGEST_VALUE // 3) + ".png"


def test_a_long_name_keeps_its_suffix() -> None:
    name = fill(*["{" + "x" * 90 + "}"] * 5, ".png")
    assert name == "x" * (LONGEST_SEGMENT - 4) + ".png"


@given(
    st.lists(st.one_of(st.just("/"), st.text().map("{{{}}}".format), st.sampled_from(["a", ".png", "shop/", "../"]))),
)
@example(["../", "{..}"])
@example(["{" + "e" * 99 + "\u200b\u0301}", "{\u0301}"])
@example(["{con}", "{ .png}"])
def test_whatever_is_filled_in_stays_in_its_folder(parts: list[str]) -> None:
    path = fill(*parts)
    segments = path.split("/")
    assert len(segments) == 1 + sum(part.count("/") for part in parts if part[:1] != "{")
    assert unicodedata.normalize("NFC", path) == path
    for segment in segments:
        assert segment not in {"", ".", ".."}
        assert segment == segment.strip(" ").rstrip(".")
        assert segment.split(".")[0].rstrip().upper() not in DEVICES
        assert len(segment.encode()) <= LONGEST_SEGMENT
        assert not any(unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in segment)
        assert not set(segment) & set('\\<>:"|?*\u202e\u2066')


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("/tmp/{x}.png", "begins below"),
        ("~/{x}.png", "begins below"),
        ("C:/x.png", "begins below"),
        ("shop\\x.png", "backslash"),
        ("shop/../../x.png", "leave the folder"),
        ("shop//x.png", "is empty"),
        ("shop/", "is empty"),
        ("", "is empty"),
        ("./x.png", "is empty"),
        ("a?.png", "control characters"),
        ("a\x07.png", "control characters"),
    ],
)
def test_a_path_that_could_not_be_is_told_why(written: str, says: str) -> None:
    assert says in (find_path_mistake(template(*written.partition("{x}"))) or "")


@pytest.mark.parametrize("parts", [("{x}",), ("shop/", "{x}", "/", "{y}", ".png"), ("商店/", "{x}", ".png"), ("a.b",)])
def test_a_usual_path_is_right(parts: tuple[str, ...]) -> None:
    assert find_path_mistake(template(*parts)) is None


@pytest.mark.parametrize("value", ["a" + "\u0301\u0316" * 10_000, "a" + "\u0301" * 10_000 + "\u0316" * 10_000])
def test_a_value_of_nothing_but_marks_is_cut_before_they_are_sorted(value: str) -> None:
    kept = fill("{" + value + "}")
    assert kept[0] == "\u00e1"
    assert len(kept.encode()) <= LONGEST_VALUE
    assert kept == fill("{" + value[:100] + "}"), "as a text with no more marks than anybody writes"
