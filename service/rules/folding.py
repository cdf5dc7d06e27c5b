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

# Scripts whose words stand side by side, or carry particles (Korean): a word of theirs may be found anywhere.
# Thai and Lao, Burmese, Hangul, Khmer, kana, and the ideographs in all their blocks.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_SPACED = re.compile(f"[^\\W{_UNSPACED}]+")  # letters, digits and "_" of a script with blanks


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


@lru_cache(KEPT)
def fold_words(text: str) -> str:
    """The folded text with a NUL before and after each run of letters and digits of a script with blanks.

    A word, folded so, is a part of a text, folded so, just where it stands alone.
    """
    return _SPACED.sub("\0\\g<0>\0", fold(text))


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
