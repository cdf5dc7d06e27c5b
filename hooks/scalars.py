"""One value of a gateway's JSON as the plain thing that it means.

Gateways write the same number as 31, "31", "31%" or 31.0, and an id as text or as a number beyond 2^53. Nothing
here fails and nothing is guessed: what cannot be read exactly is None.
"""

import re
from typing import Any, Final

EXACT_FLOAT: Final = 2**53  # below it a float that is whole is exactly that integer
FIRST_SECOND: Final = 10**9  # a time stamp of ten digits counts seconds
FIRST_MILLISECOND: Final = 10**10
LAST_TIME: Final = 7_258_118_400_000  # the year 2200

LONGEST_PERCENT: Final = 32  # characters; a pattern never sees more, so none can be slow
_PERCENT: Final = re.compile(r"(-?[0-9]{1,9})(?:\.[0-9]*)? ?%?")
_PERCENTS: Final = {f"{number}%": number for number in range(101)}  # what nearly every callback says
_WHOLE: Final = re.compile(r"\s*-?[0-9]{1,18}\s*")


def text_of(value: Any) -> str | None:
    """A scalar as exact text, None when it is blank or no scalar."""
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < EXACT_FLOAT else repr(value)
    return None


def whole_of(value: Any) -> int | None:
    """An integer of at most 18 digits; None from anything else."""
    text = text_of(value)
    return int(text) if text is not None and _WHOLE.fullmatch(text) else None


def percent_of(value: Any) -> int | None:
    """0–100 from "31%", "31", 31 or 31.0; None from a word, such as Discord's "Stopped"."""
    text = text_of(value)
    if text is None:
        return None
    if text in _PERCENTS:
        return _PERCENTS[text]
    text = text.strip()
    match = _PERCENT.fullmatch(text) if len(text) <= LONGEST_PERCENT else None
    return min(100, max(0, int(match[1]))) if match else None


def time_of(value: Any) -> int | None:
    """Milliseconds since the epoch; None from 0, from before it and from beyond the year 2200."""
    time = value if type(value) is int else whole_of(value)
    if time is None or time <= 0:
        return None
    if FIRST_SECOND <= time < FIRST_MILLISECOND:
        time *= 1000
    return time if time < LAST_TIME else None
