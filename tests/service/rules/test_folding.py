"""Texts are made alike at a cost that no prompt drives up."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules import folding
from service.rules.folding import LONGEST, MOST_MARKS, fold, tame_marks
from service.rules.operators import Expected, make_test

ENDLESS = "a" + "\u0301\u0316" * 10_000


@pytest.mark.parametrize(
    "text", ["a cat", "ＣＡＴ", "猫" * 100, "👩‍👩‍👧‍👦" * 50, "é" * 100, "e\u0301\u0316" * 100, "ｶﾞｷﾞ" * 40]
)
def test_what_people_write_is_as_it_was(text: str) -> None:
    assert tame_marks(text) == text
    assert fold(text) == unicodedata.normalize("NFKC", text).casefold()


def test_a_run_of_any_mark_is_cut() -> None:
    marks = [
        chr(point)
        for point in range(0x110000)
        if unicodedata.combining(unicodedata.normalize("NFKD", chr(point))[0]) and not 0xD800 <= point < 0xE000
    ]
    assert len(marks) > 900
    for mark in marks:
        assert tame_marks(f"a{mark * 40}b") == f"a{mark * MOST_MARKS}b"
    assert tame_marks(f"a{''.join(marks)}b{''.join(marks)}") == f"a{''.join(marks[:MOST_MARKS])}b" + "".join(
        marks[:MOST_MARKS]
    )


@given(st.text(st.sampled_from("aé猫\u0301\u0316\u0344\uff9e😀 "), max_size=80))
def test_no_text_keeps_a_run_that_is_too_long(text: str) -> None:
    run = longest = 0
    for character in unicodedata.normalize("NFKD", tame_marks(text)):
        run = run + 1 if unicodedata.combining(character) else 0
        longest = max(longest, run)
    assert longest <= MOST_MARKS * 2 + 2  # U+0344 comes apart into two, and so may the letter before


@pytest.mark.parametrize("text", ["\ufdfa" * 20_000, "a" * 100_000, ENDLESS, "ﬃ" * 50_000])
def test_a_folded_text_has_a_greatest_length(text: str) -> None:
    assert len(fold(text)) <= LONGEST


def test_many_rules_fold_one_prompt_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Counting:
        combining = unicodedata.combining

        def normalize(self, form: Any, text: str) -> str:
            asked.append(len(text))
            return unicodedata.normalize(form, text)

    tests = [
        make_test(operator, [Expected(f"cat{n}", f"cat{n}")]) for n in range(100) for operator in ("word", "icontains")
    ]
    tame_marks(ENDLESS)
    monkeypatch.setattr(folding, "unicodedata", Counting())
    fold.cache_clear()
    assert not any(test(ENDLESS) for test in tests)
    assert asked == [1 + MOST_MARKS]


@given(
    word=st.text("ab-é猫", min_size=1, max_size=4).filter(str.strip),
    text=st.text("ab-_é猫 ", max_size=20),
)
def test_a_word_is_found_wherever_it_stands_alone(word: str, text: str) -> None:
    def is_spaced(character: str) -> bool:
        return (character.isalnum() and character != "猫") or character == "_"

    def stands_alone(start: int) -> bool:
        before, after = text[start - 1 : start] if start else "", text[start + len(word) : start + len(word) + 1]
        return not (is_spaced(word[0]) and before and is_spaced(before)) and not (
            is_spaced(word[-1]) and after and is_spaced(after)
        )

    alone = any(text.startswith(word, start) and stands_alone(start) for start in range(len(text)))
    assert make_test("word", [Expected(word, word)])(text) is alone
