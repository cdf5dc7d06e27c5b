"""CSV files and templates, made into prompts."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.rows import BadRows, read_rows

TEMPLATE = "{title} --ar {ar}"


def prompts(text, template=TEMPLATE):
    return [row.prompt for row in read_rows(text.encode(), template)]


def mistakes(content, template=TEMPLATE):
    with pytest.raises(BadRows) as bad:
        read_rows(content.encode() if isinstance(content, str) else content, template)
    return bad.value.mistakes


def test_every_row_becomes_a_prompt():
    text = 'title,ar,note\n一只红狐狸,16:9,\n"a cat, asleep",1:1,x\n'
    assert prompts(text) == ["一只红狐狸 --ar 16:9", "a cat, asleep --ar 1:1"]


def test_without_a_template_there_is_a_column_prompt():
    assert [row.prompt for row in read_rows(b"prompt\na fox\n")] == ["a fox"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_spreadsheets_own_way_of_writing_does_not_matter(mark, end, separator):
    text = end.join(["title,ar", "猫,1:1", ",", "", "犬,2:3"]).replace(",", separator)
    assert [row.prompt for row in read_rows(mark + text.encode(), TEMPLATE)] == ["猫 --ar 1:1", "犬 --ar 2:3"]


def test_a_row_knows_its_line_and_which_of_its_like_it_is():
    rows = read_rows(b'prompt\nfox\n\n"two\nlines"\nfox\n cat \nfox\n')
    assert [(row.line, row.occurrence) for row in rows] == [(2, 1), (4, 1), (6, 2), (7, 1), (8, 3)]
    assert rows[3].prompt == "cat"


def test_braces_that_are_meant_are_doubled():
    assert prompts("title\nbird\n", "{{red, green}} {title}") == ["{red, green} bird"]


@pytest.mark.parametrize(
    ("content", "template", "said"),
    [
        ("title,ar\n", TEMPLATE, ["line 1: there is no row below the header"]),
        ("", TEMPLATE, ["line 1: the file is empty; it begins with a header"]),
        ("titel,ar\nx,y\n", TEMPLATE, ["line 1: there is no column 'title' (did you mean 'titel'?)"]),
        ("foo,go\nx,y\n", TEMPLATE, ["'title'; there is 'foo', 'go'", "'ar'; there is 'foo', 'go'"]),
        ("ar,ar\nx,y\n", "{ar}", ["line 1: there are two columns 'ar'"]),
        (
            "title,ar\na,\n,b\nc,d,e\nf\n",
            TEMPLATE,
            ["line 2: 'ar' is", "line 3: 'title' is", "line 4: it has 3", "line 5: it"],
        ),
        ('title,ar\n"a,b\n', TEMPLATE, ["line 2: this is not CSV: unexpected end of data"]),
        ('title,ar\n"a"b,c\n', TEMPLATE, ["line 2: this is not CSV"]),
        ("prompt\nx\n", " ", ["line 2: its prompt is empty"]),
        ("prompt\nx\n", "{prompt", ["template: "]),
        ("prompt\nx\n", "{prompt} }", ["template: Single '}'"]),
        ("prompt\nx\n", "{}", ["there is no column ''"]),
        ("prompt\nx\n", "{prompt.upper}", ["there is no column 'prompt.upper' (did you mean 'prompt'?)"]),
        ("prompt\nx\n", "{prompt!r:>9}", ["there is no column 'prompt!r:>9'"]),
        ("title\n红狐狸".encode("gbk"), "{title}", ["line 2: this is not UTF-8; save the file as CSV in UTF-8"]),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(content, template, said):
    told = mistakes(content, template)
    assert len(told) == len(said)
    for each, part in zip(told, said, strict=True):
        assert part in each


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1).filter(str.strip)


@given(st.lists(st.tuples(CELL, CELL), min_size=1))
def test_what_a_spreadsheet_writes_is_read_back(cells):
    file = io.StringIO(newline="")
    csv.writer(file).writerows([("a", "b"), *cells])
    rows = read_rows(file.getvalue().encode(), "{a}|{b}")
    assert [row.prompt for row in rows] == [f"{a.strip()}|{b.strip()}".strip() for a, b in cells]


@given(st.binary(), st.text())
def test_no_file_and_no_template_breaks_it(content, template):
    try:
        assert all(row.prompt for row in read_rows(content, template))
    except BadRows as bad:
        assert bad.mistakes
