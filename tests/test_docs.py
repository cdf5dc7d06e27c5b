"""The words around the code: twins in step, links that lead somewhere, examples that load."""

import re
from pathlib import Path

import pytest

from hooks.signature import make_secret
from service.config import parse_config
from service.settings import NAMES

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
TWINS = [page for page in PAGES if page.name.endswith(".zh-CN.md")]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_the_user_guides_have_a_chinese_twin():
    guides = ("README", "quickstart", "rules", "subscribe", "operate", "gateways")
    assert {f"{guide}.zh-CN.md" for guide in guides} <= {page.name for page in TWINS}


@pytest.mark.parametrize("twin", TWINS, ids=name)
def test_a_twin_has_the_same_headings_tables_and_code(twin: Path):
    english = twin.with_name(twin.name.replace(".zh-CN.md", ".md")).read_text()
    chinese = twin.read_text()
    for line in (r"^#+ ", r"^- ", r"^\|.*\|$"):
        assert len(re.findall(line, english, re.M)) == len(re.findall(line, chinese, re.M)), line
    assert [block for _, block in FENCED.findall(english)] == [block for _, block in FENCED.findall(chinese)]


def list_anchors(page: Path) -> set[str]:
    """What a link into a page may name: its headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path):
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]+))?\)", FENCED.sub("", page.read_text())):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target
            assert not anchor or anchor in list_anchors(page.parent / target if target else page), anchor


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_configurations_in_the_pages_load(page: Path):
    for language, block in FENCED.findall(page.read_text()):
        if language == "yaml":
            environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", block), "https://a-key.example/0123456789")
            environ |= {variable: make_secret() for variable in environ if variable.endswith("_SECRET")}
            config = parse_config(block.encode(), file=page.name, environ=environ)
            assert config.rulebook.rules or config.gateways or config.subscriptions


def test_the_example_file_loads():
    example = ROOT / "ringback.example.yaml"
    assert len(parse_config(example.read_bytes(), file=example.name, environ={}).rulebook.rules) >= 4


@pytest.mark.parametrize("guide", ["operate.md", "operate.zh-CN.md"])
def test_every_setting_is_in_the_guide(guide: str):
    text = (ROOT / "docs" / guide).read_text()
    assert [setting for setting in (*NAMES, "HOST", "PORT") if f"`{setting}`" not in text] == []
