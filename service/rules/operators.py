"""The operators of a `match`: each becomes a test of one value that was found.

A test answers False for a value that is missing, whatever the operator; only `exists: false` and `not`, which are
made in `match_reader`, say True to nothing. There are no regular expressions to write, so none can be slow.
"""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from service.rules.folding import fold, fold_words

Test = Callable[[Any], bool]
LONGEST_GLOB = 256  # characters of a pattern
LONGEST_GLOBBED = 20_000  # characters of a text that is compared with one; a longer one is like none
_TRUTHS = {"true": True, "false": False}


class Expected(NamedTuple):
    """One value that a rule compares with."""

    value: str | int | float | bool  # as YAML reads it
    text: str  # as it is written, so that `state: 007` still compares as text

    @property
    def number(self) -> int | float | None:
        """The same as a number; None when it is none."""
        return number_of(self.value)


def number_of(found: Any) -> int | float | None:
    """A number, or numeric text ("16", "6.1") as a number; None for everything else, infinities too."""
    if type(found) is int:  # most of the time
        return found
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        if isinstance(found, str):
            if "_" in found:  # Python's own notation, nobody's number
                return None
            found = int(found) if found.isdecimal() else float(found)
    except ValueError:
        return None
    return found if isinstance(found, int) or math.isfinite(found) else None


def make_test(operator: str, expected: Iterable[Expected]) -> Test:
    """The test that says True when the found value stands in that relation to any of the expected ones.

    `operator` is one of OPERATORS. Of a list that is found (`tags`), any item will do.
    """
    expected = list(expected)
    if _MAKERS[operator] is _equals and all(map(_is_plain, expected)):
        test = _is_one_of(frozenset(one.text for one in expected))
    else:
        test = _any_of([_MAKERS[operator](one) for one in expected])

    def on_found(found: Any) -> bool:
        if found is None:
            return False
        if type(found) in (tuple, list):
            return any(map(test, found))
        return test(found)

    return on_found


def _is_plain(expected: Expected) -> bool:
    """Whether nothing but the same text is equal to it."""
    return isinstance(expected.value, str) and expected.number is None and expected.text not in _TRUTHS


def _is_one_of(texts: frozenset[str]) -> Test:
    return lambda found: isinstance(found, str) and found in texts


def _any_of(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]

    def any_of(found: Any) -> bool:
        for test in tests:  # noqa: SIM110 — as in `Match.matches`, a generator costs more than the tests
            if test(found):
                return True
        return False

    return any_of


def _equals(expected: Expected) -> Test:
    value, text, number = expected.value, expected.text, expected.number
    truth = value if isinstance(value, bool) else _TRUTHS.get(text)
    if truth is not None:  # quoted or not
        return lambda found: found is truth or found == text
    if isinstance(value, str):  # quoted: text is compared as text
        return lambda found: found == text or (type(found) in (int, float) and found == number)
    # A number and numeric text are equal however they are written: `params.v: 6.10` is "6.1".
    return lambda found: found == text or number_of(found) == number


def _text_test(holds: Callable[[str, str], bool]) -> Callable[[Expected], Test]:
    def make(expected: Expected) -> Test:
        text = expected.text
        return lambda found: isinstance(found, str) and holds(found, text)

    return make


def _folded_test(expected: Expected) -> Test:
    part = fold(expected.text)
    return lambda found: isinstance(found, str) and part in fold(found)


def _word(expected: Expected) -> Test:
    word = fold_words(expected.text.strip())
    return lambda found: isinstance(found, str) and word in fold_words(found)


def _glob(expected: Expected) -> Test:
    """`*` is any run of characters and `?` any one; all else is itself. Each run is taken once, never retried.

    A long run is looked for at each place of a long text: both are bounded (LONGEST_GLOB, LONGEST_GLOBBED), which keeps
    the worst below a few milliseconds.
    """
    *runs, last = [
        "".join("." if character == "?" else re.escape(character) for character in run)
        for run in re.split(r"\*+", expected.text)
    ]
    # The first run stands at the start, the last one at the end; between them the earliest place is as good as any.
    body = "".join(f"(?>{run})" if number == 0 else f"(?>.*?{run})" for number, run in enumerate(runs))
    match = re.compile(body + (".*" if runs else "") + last + r"\Z", re.DOTALL).match
    return lambda found: isinstance(found, str) and len(found) <= LONGEST_GLOBBED and match(found) is not None


def _compared(holds: Callable[[float, float], bool]) -> Callable[[Expected], Test]:
    def make(expected: Expected) -> Test:
        bound = expected.number
        assert bound is not None, "checked when the rule is read"  # noqa: S101

        def test(found: Any) -> bool:
            number = number_of(found)
            return number is not None and holds(number, bound)

        return test

    return make


_MAKERS: dict[str, Callable[[Expected], Test]] = {
    "is": _equals,
    "in": _equals,
    "contains": _text_test(lambda found, part: part in found),
    "icontains": _folded_test,
    "word": _word,
    "prefix": _text_test(str.startswith),
    "suffix": _text_test(str.endswith),
    "glob": _glob,
    "gte": _compared(lambda found, bound: found >= bound),
    "lte": _compared(lambda found, bound: found <= bound),
    "gt": _compared(lambda found, bound: found > bound),
    "lt": _compared(lambda found, bound: found < bound),
}
ORDERINGS = frozenset({"gte", "lte", "gt", "lt"})  # compare numbers
TEXT_OPERATORS = frozenset({"contains", "icontains", "word", "prefix", "suffix", "glob"})
OPERATORS = (*(name for name in _MAKERS if name != "is"), "not", "exists")  # as one writes them; "is" has no name
