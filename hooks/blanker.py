"""What must not be read, taken out of texts: the tokens of our hooks, and secrets, however they are spelled.

A gateway is shown both, and quotes both: as they are, in JSON inside of JSON, percent-encoded once or twice. One
Blanker cleans what is kept of its callbacks and answers, another one the lines of the log.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import unquote

from hooks.token import TOKEN_ALPHABET, TOKEN_PATTERN

HIDDEN: Final = "…"
SHORTEST_SECRET: Final = 8  # characters; a shorter one stands in ids and texts by chance, and is left there
MAX_LEVELS: Final = 4  # encodings around each other that are looked through; what has more is blanked unread

_Find = Callable[..., re.Match[bytes] | None]

# A character that JSON escaped, however often it was quoted in other JSON since. No run of backslashes is tried twice.
_ESCAPED: Final = re.compile(r'(?<!\\)\\++(?:u00([2-7][0-9A-Fa-f])|(["/]))')


class Blanker:
    """Takes hooks' tokens and some secrets out of texts. It never changes, so threads may share it.

    `secrets` are plain ASCII without blanks, as the settings have them; those below SHORTEST_SECRET do not count.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longer ones first, or the rest of one that begins with another would remain.
        known = sorted({each for each in secrets if len(each) >= SHORTEST_SECRET}, key=len, reverse=True)
        quoted = [re.escape(each) for each in known]
        self._secret = re.compile("|".join(quoted) or "(?!)")
        self._any = re.compile("|".join([TOKEN_PATTERN.pattern, *quoted]))
        letters = frozenset("%\\").union(TOKEN_ALPHABET, *known)
        # No spelling has another letter, and none is shorter.
        self._run = re.compile(f"[{re.escape(''.join(sorted(letters)))}]{{{SHORTEST_SECRET},}}")
        self._plain = [each.encode("ascii") for each in known]
        self._find_percent, self._find_escape = _find_encoded(letters, frozenset('"/\\').intersection("".join(known)))

    def clean(self, text: str) -> str:
        """A text to be kept: "" when it holds a hook, otherwise with "…" for every secret."""
        if not _is_spelled(self._any, text):
            return text
        return "" if _is_spelled(TOKEN_PATTERN, text) else self._blank(self._secret, text)

    def hide(self, text: str) -> str:
        """A text to be shown to the operator: with "…" for every token and every secret."""
        return self._blank(self._any, text)

    def may_hold(self, body: bytes) -> bool:
        """Whether texts in this JSON could hold a secret, or a token that does not stand there as it is.

        Quick, and wrong only by saying yes. One expression that looked for all at once would take five times as long.
        """
        for secret in self._plain:
            if secret in body:
                return True
        # Nearly every body has a single "%", that of its progress, and many have no backslash.
        first, last = body.find(b"%"), body.rfind(b"%")
        if first >= 0 and self._find_percent(body, first, last + len("%41")):
            return True
        return b"\\" in body and self._find_escape(body) is not None

    def _blank(self, pattern: re.Pattern[str], text: str) -> str:
        text = pattern.sub(HIDDEN, text)
        if "%" not in text and "\\" not in text:
            return text
        return self._run.sub(lambda run: HIDDEN if _is_spelled(pattern, run[0]) else run[0], text)


def _is_spelled(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the pattern is found in a text, or in what that becomes when it is decoded further and further."""
    for _ in range(MAX_LEVELS + 1):
        if pattern.search(text):
            return True
        if "%" not in text and "\\" not in text:
            return False
        plain = unquote(text)
        further = _ESCAPED.sub(_unescape, plain)
        if further == text:
            return False
        if plain != further and pattern.search(plain):
            return True
        text = further
    return True


def _unescape(escaped: re.Match[str]) -> str:
    return chr(int(escaped[1], 16)) if escaped[1] else escaped[2]


def _find_encoded(letters: frozenset[str], short: frozenset[str]) -> tuple[_Find, _Find]:
    """Searches of a JSON body for one of the letters as `%41`, and as `\\u0041` or, if it is a `short` one, `\\/`."""
    lows: dict[str, set[str]] = {}
    for each in sorted(letters | {"\0"}):  # a NUL is none of them, but stands between them until it is left out
        code = f"{ord(each):02x}"
        lows.setdefault(code[0], set()).update(code[1], code[1].upper())
    codes = "|".join(f"{high}[{''.join(sorted(low))}]" for high, low in lows.items())
    escapes = [f"u00(?:{codes})", *map(re.escape, sorted(short))]
    return (
        re.compile(f"%(?:{codes})".encode()).search,
        re.compile("|".join(rf"\\{escape}" for escape in escapes).encode()).search,
    )
