"""Texts made alike before they are compared, at a cost that grows with their length and no faster. Pure.

Normalising sorts each run of combining marks, and a long run of them (an accented letter that never ends) takes time
that grows with its square. UAX #15 calls a text without such runs stream-safe, and allows 30 marks: none that anybody
writes has more.
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import Final

MOST_MARKS: Final = 30  # in a run: UAX #15, section 13
LONGEST: Final = 40_000  # characters that are compared: twice the longest prompt, since folding makes some longer
KEPT: Final = 64  # texts that stay folded: every rule looks at the same ones
# Where Unicode has combining marks: none stands before, and beyond there are ideographs and tags.
_FIRST, _LAST = 0x300, 0x1FFFF
# No mark is a letter but two, so what is searched closely is seldom more than nothing.
_RUN_WITHOUT_LETTERS = re.compile(f"[\\W\uff9e\uff9f][\\W\uff9e\uff9f]{{{MOST_MARKS},}}")


def tame_marks(text: str) -> str:
    """The same text with every run of combining marks cut to 30."""
    return text if text.isascii() else _RUN_WITHOUT_LETTERS.sub(_cut_runs, text)


@lru_cache(KEPT)
def fold(text: str) -> str:
    """The text as texts are compared: letters of any case and width alike; what is too long is cut.

    NFKC makes full-width letters (ＣＡＴ), usual in Chinese typing, equal to plain ones.
    """
    text = text[:LONGEST]
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", tame_marks(text)).casefold()[:LONGEST]


def _cut_runs(found: re.Match[str]) -> str:
    return _make_marks().sub(lambda run: run[0][:MOST_MARKS], found[0])


@cache
def _make_marks() -> re.Pattern[str]:
    """What finds a run that is too long. Each begins with a set, since that is searched for quickly."""
    marks = "".join(filter(_is_mark, map(chr, range(_FIRST, _LAST + 1))))
    return re.compile(f"[{marks}][{marks}]{{{MOST_MARKS},}}")


def _is_mark(character: str) -> bool:
    """Whether it joins the character before; some do only when they are taken apart (the halfwidth ﾞ)."""
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) != 0
