"""msgspec's messages in a person's words."""

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from service.web.wording import tell_bad_json, tell_wrong_value


@pytest.mark.parametrize(
    ("value", "expected", "told"),
    [
        ([1], str | None, "expected text or null, found a list"),
        ("x", list[str], "expected a list, found text"),
        (["a", 1], list[str], "expected text, found a whole number, at [1]"),
        (["a"] * 3, Annotated[list[str], Meta(max_length=2)], "expected a list with at most 2 entries"),
        ("", Annotated[str, Meta(min_length=1)], "expected text with at least 1 characters"),
        (9, Annotated[int, Meta(ge=1, le=5)], "expected a whole number of at most 5"),
        ("x", bool, "expected true or false, found text"),
        ({}, float, "expected a number, found an object"),
        ("红", Literal["x", "y"] | None, "expected one of x, y, found '红'"),
        (["z"], list[Literal["x"]], "expected one of x, found 'z', at [0]"),
    ],
)
def test_a_wrong_value_is_told_in_words(value, expected, told):
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.convert(value, expected)
    assert tell_wrong_value(str(wrong.value), expected) == told


def test_what_is_not_known_is_told_as_it_is():
    assert tell_wrong_value("Something new", str) == "Something new"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "The body is not JSON: it ends too early."),
        (b'{"a":}', "The body is not JSON: invalid character (byte 5)."),
    ],
)
def test_what_is_no_json_is_told_in_words(body, told):
    with pytest.raises(msgspec.DecodeError) as wrong:
        msgspec.json.decode(body)
    assert tell_bad_json(str(wrong.value)) == told
