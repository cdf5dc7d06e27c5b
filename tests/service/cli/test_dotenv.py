"""A `.env` file with some of its settings changed."""

from hypothesis import given
from hypothesis import strategies as st

from service.cli.dotenv import change_settings, quote
from service.written.environment import Environment


def test_a_changed_setting_stays_in_its_place_once() -> None:
    text = "export A='1\n2' # old\r\nB=x\n  A=3\n# C=\nD=4"
    changed = change_settings(text, {"A": "new", "C": "c c", "E": "e", "F": ""})
    assert changed == "export A=new\nB=x\n  C='c c'\nD=4\nE=e\n"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x3000, exclude_categories=["Cs", "Cc", "Zl", "Zp"])))
def test_a_quoted_value_is_read_back_the_same(value: str) -> None:
    environment = Environment({}, f"A=1\nX={quote(value)}\nB=2\n".encode())
    assert environment.mistakes == []
    assert environment.values == {"A": "1", "X": value, "B": "2"}
