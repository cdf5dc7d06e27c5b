"""Whatever a page says in English, it can say in Chinese."""

import json
import re
from pathlib import Path

import pytest
from jinja2 import Environment

from service.web.dashboard.rendering import HERE, SHAPES, make_environment
from service.web.dashboard.texts import load

_SAID = re.compile(r'\btranslate\("((?:[^"\\]|\\.)+)"\)')


def list_texts(environment: Environment, file: Path) -> set[str]:
    """Every text of a template: what stands in `_("…")` and between trans and endtrans."""
    found = set()
    for _, _, message in environment.extract_translations(file.read_text(encoding="utf-8")):  # type: ignore[attr-defined]
        found |= {each for each in (message if isinstance(message, tuple) else (message,)) if each}
    return found


@pytest.mark.parametrize("file", sorted((HERE / "templates").glob("*.html")), ids=lambda file: file.name)
def test_each_text_of_a_template_has_its_chinese(file: Path) -> None:
    missing = list_texts(make_environment("en"), file) - load("zh").keys()
    assert missing == set(), "put them into service/web/dashboard/texts/zh"


@pytest.mark.parametrize("file", sorted(HERE.glob("*.py")), ids=lambda file: file.name)
def test_each_text_of_the_code_has_its_chinese(file: Path) -> None:
    assert set(_SAID.findall(file.read_text(encoding="utf-8"))) - load("zh").keys() == set()


def test_each_state_has_its_chinese() -> None:
    assert {state.replace("-", " ") for state in SHAPES} <= load("zh").keys()


def test_no_text_is_translated_twice_in_two_ways() -> None:
    seen: dict[str, str] = {}
    for file in sorted((HERE / "texts" / "zh").glob("*.json")):
        for english, chinese in json.loads(file.read_text(encoding="utf-8")).items():
            assert seen.setdefault(english, chinese) == chinese, (file.name, english)
