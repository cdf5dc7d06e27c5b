"""`ringback init` writes two files that the service then reads, whole or not at all."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from service.cli.init import CONFIG_TEXT, _quote, command
from service.config import load_config, parse_config
from service.settings import load_settings
from service.written.environment import Environment

KEY = "sk-a'b\"c\\d#e$F"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(command, arguments, input=typed)


def test_questions_become_settings(home: Path) -> None:
    result = run(typed=f"kuaiwenwen\nhttps://k.example/mj-fast/mj/\n{KEY}\nhttps://r.example/\n")
    assert result.exit_code == 0, result.output
    settings = load_settings({}, home)
    gateway = settings.require_gateway()
    assert (gateway.name, gateway.url, gateway.key) == ("kuaiwenwen", "https://k.example/mj-fast", KEY)
    assert settings.public_url == "https://r.example"
    assert len(settings.api_keys) == len(settings.secret_keys) == 1
    assert (home / ".env").stat().st_mode & 0o777 == 0o600
    assert KEY not in result.output
    assert "ringback serve" in result.stdout
    assert f"Bearer {settings.api_keys[0]}" in result.stdout


def test_no_rule_is_live_after_init(home: Path) -> None:
    run("--gateway", "fuhuapi", "--key", KEY)
    assert load_config(home / "ringback.yaml", named=True, environ={}).rulebook.rules == ()


def test_the_commented_rules_can_be_used_as_they_are() -> None:
    head, _, commented = CONFIG_TEXT.partition("#   rules:\n")
    lines = [line.removeprefix("#").removeprefix("   ") for line in commented.splitlines()[:-1]]
    text = head + "rules:\n" + "\n".join(lines)
    config = parse_config(text.encode(), file="f", environ={})
    assert [rule.id for rule in config.rulebook.rules] == ["cats-u1", "wide-grid"]


def test_a_script_is_asked_nothing(home: Path) -> None:
    result = run("--gateway", "deerapi", "--key", KEY)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert "hookless" in result.stdout
    settings = load_settings({}, home)
    assert (settings.require_gateway().url, settings.public_url) == ("https://api.deerapi.com", None)


def test_a_wrong_url_is_asked_for_again(home: Path) -> None:
    result = run(typed=f"new-api\nk.example\nhttps://k.example\n{KEY}\nr.example\n\n")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("a URL begins with https://") == 2
    assert load_settings({}, home).require_gateway().url == "https://k.example"


@pytest.mark.parametrize("name", [".env", "ringback.yaml"])
def test_nothing_is_overwritten_unasked(home: Path, name: str) -> None:
    (home / name).write_text("mine")
    result = run("--gateway", "fuhuapi", "--key", KEY)
    assert result.exit_code == 2
    assert f"{name} is there already; --force writes it anew" in result.stderr
    assert (home / name).read_text() == "mine"
    assert [path.name for path in home.iterdir()] == [name]


def test_force_writes_anew_but_our_own_keys_stay(home: Path) -> None:
    run("--gateway", "fuhuapi", "--key", "sk-old")
    before = load_settings({}, home)
    assert run("--gateway", "deerapi", "--key", "sk-new", "--force").exit_code == 0
    after = load_settings({}, home)
    assert after.require_gateway().key == "sk-new"
    assert (after.api_keys, after.secret_keys) == (before.api_keys, before.secret_keys)
    assert (home / ".env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (("--gateway", "fuhuapi", "--key", "sk-密钥"), "RINGBACK_GATEWAY_KEY: a key is made of plain ASCII"),
        (("--gateway", "new-api", "--key", "k", "--url", "k.example"), "RINGBACK_GATEWAY_URL: a URL begins with"),
        (("--gateway", "fuhuapi", "--key", "k", "--public-url", "x"), "RINGBACK_PUBLIC_URL: a URL begins with"),
        (("--gateway", "fuhuapi", "--key", ""), "RINGBACK_GATEWAY: fuhuapi needs RINGBACK_GATEWAY_KEY"),
        (("--gateway", "fuhu", "--key", "k"), "'fuhu' is not one of"),
    ],
)
def test_what_the_service_would_refuse_is_not_written(home: Path, arguments: tuple[str, ...], mistake: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert mistake in result.stderr
    assert list(home.iterdir()) == []


def test_leaving_in_the_middle_leaves_nothing(home: Path) -> None:
    result = run(typed="fuhuapi\n")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert list(home.iterdir()) == []


def test_a_disk_that_refuses_leaves_nothing_half_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_dotenv(path: Path, text: str, **options: object) -> None:
        if path.name == ".env":
            raise PermissionError(13, "Permission denied")
        path.write_text(text)

    monkeypatch.setattr("service.cli.init.write_whole", refuse_dotenv)
    result = run("--gateway", "fuhuapi", "--key", KEY)
    assert result.exit_code == 2
    assert "cannot write here: Permission denied" in result.stderr
    assert list(home.iterdir()) == []


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x3000, exclude_categories=["Cs", "Cc", "Zl", "Zp"])))
def test_a_quoted_value_is_read_back_the_same(value: str) -> None:
    environment = Environment({}, f"A=1\nX={_quote(value)}\nB=2\n".encode())
    assert environment.mistakes == []
    assert environment.values == {"A": "1", "X": value, "B": "2"}
