"""A stranger's bytes, made into plain JSON values that can be stored and that hold neither our hook nor a secret.

Nearly every body takes one decode and a few searches; only one that holds something suspicious is walked.
"""

import json
import math
import re
from typing import Any, Final

import msgspec

from hooks.blanker import Blanker
from hooks.errors import NotATask
from hooks.token import TOKEN_PATTERN

MAX_DEPTH: Final = 64  # levels of objects and arrays
MAX_DIGITS: Final = 4000  # of an integer; Python refuses to write more than 4300 (sys.int_info)

_decoder: Final = msgspec.json.Decoder()
_HOOK: Final = re.compile(TOKEN_PATTERN.pattern.encode("ascii"))
MAX_CUTS: Final = 8  # hooks cut out of a body before decoding; beyond that, walking is cheaper
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def read_json(body: bytes, blanker: Blanker) -> Any:
    """The JSON value in a body, made harmless; raises NotATask, and nothing else, when there is none.

    Integers are exact at any size. Text holds no NUL (SQLite's own functions stop there), no lone surrogate (UTF-8
    cannot write it), no hook of ours (a text or a key with a hook in it becomes "") and no secret of the blanker's
    ("…" stands for it).
    """
    plain, is_free = _cut_hooks(body)
    try:
        value = _decoder.decode(plain)
        if is_free and not blanker.may_hold(plain) and not _is_deep(plain):
            return value
    except (UnicodeDecodeError, RecursionError):
        raise NotATask from None
    except msgspec.DecodeError:  # also what is merely unusual: half an emoji, a byte order mark, 1e999
        value = _read_slowly(plain)
    return _clean(value, blanker, MAX_DEPTH)


def read_text(body: bytes, blanker: Blanker) -> str:
    """A body that is no JSON as text, made harmless in the same way; never fails."""
    return _clean_text(body.decode("utf-8", errors="replace"), blanker)


def _cut_hooks(body: bytes) -> tuple[bytes, bool]:
    """The body with "" for texts that hold a hook, and whether it is free of hooks now.

    Nearly every gateway echoes one in `properties.notifyHook`, so this is worth doing before decoding.
    """
    first = 0
    for _ in range(MAX_CUTS):
        match = _HOOK.search(body, first)
        if match is None:
            return body, True
        first, last = body.rfind(b'"', 0, match.start()), body.find(b'"', match.end())
        if first < 0 or last < 0 or b"\\" in body[max(first - 1, 0) : last]:
            break  # escapes inside: where the text ends is for a decoder to say
        body = body[: first + 1] + body[last:]
    return body, False


def _is_deep(body: bytes) -> bool:
    return body.count(b"{") + body.count(b"[") > MAX_DEPTH  # or merely broad


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


def _clean(value: Any, blanker: Blanker, levels: int) -> Any:
    if isinstance(value, str):
        return _clean_text(value, blanker)
    if isinstance(value, (dict, list)) and not levels:
        raise NotATask
    if isinstance(value, dict):
        return {_clean_text(key, blanker): _clean(item, blanker, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, blanker, levels - 1) for item in value]
    written = str(value)  # a number can hold a secret of digits
    cleaned = blanker.clean(written)
    return value if cleaned == written else cleaned


def _clean_text(text: str, blanker: Blanker) -> str:
    return blanker.clean(_SURROGATES.sub("\ufffd", text.replace("\0", "")))
