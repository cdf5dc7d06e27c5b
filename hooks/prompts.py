"""A prompt's parameters: `a cat --ar 16:9 --tile` has `{"ar": "16:9", "tile": True}`.

Names follow Midjourney's parameter list (docs.midjourney.com), each under its shortest documented form. A rule
can then compare `params.ar` with `16:9` and not hit `16:90`.
"""

import re
from itertools import takewhile
from typing import Final

PARAM_ALIASES: Final = {
    "aspect": "ar",
    "chaos": "c",
    "personalize": "p",
    "profile": "p",
    "quality": "q",
    "repeat": "r",
    "stylize": "s",
    "version": "v",
    "weird": "w",
}

# Every name of that list, the long forms and the retired ones too.
PARAMETERS: Final = frozenset({*PARAM_ALIASES, *PARAM_ALIASES.values()}) | {
    "batch", "beta", "bs", "creative", "cref", "cw", "draft", "end", "exp", "fast", "hd", "height", "hq", "iw", "loop",
    "motion", "mp", "niji", "no", "oref", "ow", "public", "raw", "relax", "sameseed", "sd", "seed", "sref", "stealth",
    "stop", "style", "sv", "sw", "test", "testp", "tile", "turbo", "uplight", "upbeta", "upanime", "vibe", "vibefast",
    "video", "width",
}  # fmt: skip

# Phones and word processors turn "--" into a dash, or into two.
_NAME: Final = re.compile(r"(?:--|[\u2013\u2014]{1,2})([A-Za-z][A-Za-z0-9_-]*),?")


def parse_params(prompt: str | None) -> dict[str, str | bool]:
    """The parameters by their short names, lower-cased; True for one without a value.

    A value is every word up to the next parameter. Of a repeated parameter the last counts, except `no`, whose
    values are joined with a comma. Takes time linear in the prompt and never fails.
    """
    params: dict[str, str | bool] = {}
    name: str | None = None
    words: list[str] = []
    for word in (prompt or "").split():
        match = _NAME.fullmatch(word)
        if match is None:
            words.append(word)
            continue
        _add(params, name, words)
        name = match[1].lower()
        words = []
    _add(params, name, words)
    return params


def read_words(prompt: str) -> str:
    """What a prompt says before its first parameter."""
    return " ".join(takewhile(lambda word: _NAME.fullmatch(word) is None, prompt.split()))


def _add(params: dict[str, str | bool], name: str | None, words: list[str]) -> None:
    if name is None:  # the words before the first parameter: the prompt itself
        return
    name = PARAM_ALIASES.get(name, name)
    value = " ".join(words) or True
    if name == "no" and isinstance(earlier := params.get("no"), str):
        value = f"{earlier}, {value}" if isinstance(value, str) else earlier
    params[name] = value
