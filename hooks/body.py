"""A stranger's bytes, made into plain JSON values that can be stored and that do not hold our hook.

Nearly every body takes one decode and two searches; only one that holds something suspicious is walked.
"""

import json
import math
import re
from typing import Any, Final

import msgspec

from hooks.errors import NotATask
from hooks.token import TOKEN_PATTERN

MAX_DEPTH: Final = 64  # levels of objects and arrays
MAX_DIGITS: Final = 4000  # of an integer; Python refuses to write more than 4300 (sys.int_info)

_decoder: Final = msgspec.json.Decoder()
_HOOK: Final = re.compile(TOKEN_PATTERN.pattern.encode("ascii"))
# An escaped NUL, and escapes that could hide a token's character from a search. Not "\u0026" or "\u003c", which Go
# writes all the time.
_HIDING: Final = re.compile(rb"\\u00(?:00|2[DdEe]|3[0-9]|[4-7])")
MAX_CUTS: Final = 8  # hooks cut out of a body before decoding; beyond that, walking is cheaper
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def read_json(body: bytes) -> Any:
    """The JSON value in a body, made harmless; raises NotATask, and nothing else, when there is none.

    Integers are exact at any size. Text holds no NUL (SQLite's own functions stop there), no lone surrogate (UTF-8
    cannot write it) and no hook of ours: a text or a key with a hook in it becomes "".
    """
    plain, is_free = _cut_hooks(body)
    try:
        value = _decoder.decode(plain)
        if is_free and not _is_suspicious(plain):
            return value
    except (UnicodeDecodeError, RecursionError):
        raise NotATask from None
    except msgspec.DecodeError:  # also what is merely unusual: half an emoji, a byte order mark, 1e999
        value = _read_slowly(plain)
    return _clean(value, MAX_DEPTH)


def read_text(body: bytes) -> str:
    """A body that is no JSON as text, made harmless in the same way; never fails."""
    return clean_text(body.decode("utf-8", errors="replace"))


def clean_text(text: str) -> str:
    """The text without NUL and lone surrogates, and "" when it holds a hook of ours."""
    text = _SURROGATES.sub("\ufffd", text.replace("\0", ""))
    return "" if TOKEN_PATTERN.search(text) else text


def _cut_hooks(body: bytes) -> tuple[bytes, bool]:
    """The body with "" for texts that hold a hook, and whether it is free of hooks now.

    Nearly every gateway echoes one in `properties.notifyHook`, so this is worth doing before decoding.
    """
    for _ in range(MAX_CUTS):
        match = _HOOK.search(body)
        if match is None:
            return body, True
        first, last = body.rfind(b'"', 0, match.start()), body.find(b'"', match.end())
        if first < 0 or last < 0 or b"\\" in body[max(first - 1, 0) : last]:
            break  # escapes inside: where the text ends is for a decoder to say
        body = body[: first + 1] + body[last:]
    return body, False


def _is_suspicious(body: bytes) -> bool:
    return body.count(b"{") + body.count(b"[") > MAX_DEPTH or _HIDING.search(body) is not None


def _read_slowly(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"), parse_int=_integer, parse_float=_float, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise NotATask from None


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= MAX_DIGITS else text


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _refuse(constant: str) -> Any:
    raise ValueError(constant)  # NaN and Infinity are not JSON


def _clean(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, (dict, list)) and not levels:
        raise NotATask
    if isinstance(value, dict):
        return {clean_text(key): _clean(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, levels - 1) for item in value]
    return value
