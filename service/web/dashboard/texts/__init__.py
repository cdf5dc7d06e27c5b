"""What pages say, in English and Chinese. The English text is its own name; files beside this one hold the Chinese."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import HTTPConnection

LANGUAGES: Final = {"en": "English", "zh": "中文"}
COOKIE: Final = "language"


@cache
def load(language: str) -> dict[str, str]:
    """Every text of a language, by its English one; empty for English."""
    texts: dict[str, str] = {}
    for file in sorted((Path(__file__).parent / language).glob("*.json")):
        texts |= json.loads(file.read_text(encoding="utf-8"))
    return texts


def choose_language(connection: HTTPConnection) -> str:
    """What was chosen on a page, else the browser's first wish that there is, else English."""
    chosen = connection.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for wish in connection.headers.get("accept-language", "").split(","):
        language = wish.split(";")[0].strip().lower()[:2]
        if language in LANGUAGES:
            return language
    return "en"


def translator(language: str) -> Callable[[str], str]:
    """What gives an English text in a language; what nobody has translated stays as it is."""
    texts = load(language)
    return lambda text: texts.get(text, text)


def pluraliser(language: str) -> Callable[[str, str, int], str]:
    """The same for a number of things; Chinese has one form, found by the English plural."""
    texts = load(language)
    return lambda one, many, number: texts.get(many) or (one if number == 1 else many)
