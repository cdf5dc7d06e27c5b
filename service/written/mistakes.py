"""What is wrong with a file or a variable that a person wrote, and where."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

QUOTED_AT_MOST = 60  # characters of the person's own text that a message repeats


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong. Lines and columns count from 1, columns in characters."""

    file: str  # a file's name, or "environment"
    line: int | None  # None when the mistake is about the whole of it
    column: int | None
    message: str

    def __str__(self) -> str:
        place = "" if self.line is None else f":{self.line}:{self.column}"
        return f"{self.file}{place}: {self.message}"


class MistakesFound(Exception):
    """Something that a person wrote cannot be used; `mistakes` says all of it, in the order of the file."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda m: (m.file, m.line or 0, m.column or 0)))
        super().__init__("\n".join(map(str, self.mistakes)))


def quoted(text: str) -> str:
    """The person's own text, safe to print on one line: shortened, and nothing invisible in it."""
    # str() takes the name of an enumeration off its word.
    return repr(str(text) if len(text) <= QUOTED_AT_MOST else text[: QUOTED_AT_MOST - 1] + "…")


def did_you_mean(word: str, choices: Collection[str]) -> str:
    """A suffix for a message: ` (did you mean 'match'?)`, or nothing when no choice comes near."""
    spelling = {choice.casefold(): choice for choice in choices}
    # One wrong character in a short word such as "U5" is half of it.
    cutoff = 0.5 if len(word) <= 3 else 0.6
    near = get_close_matches(word[:QUOTED_AT_MOST].casefold(), spelling, n=1, cutoff=cutoff)
    return f" (did you mean {quoted(spelling[near[0]])}?)" if near else ""
