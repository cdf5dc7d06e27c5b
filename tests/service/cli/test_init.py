"""`ringback init` writes two files that the service then reads, whole or not at all."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli.init import CONFIG_TEXT, command
from service.config import load_config, parse_config
from service.keys import load_keys
from service.settings import load_settings

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
    assert "ringback submit" in result.stdout
    assert settings.api_keys[0] not in result.output


def test_no_rule_is_live_after_init(home: Path) -> None:
    run("--gateway", "fuhuapi", "--key", KEY)
    assert load_config(home / "ringback.yaml", named=True, environ={}).rulebook.rules == ()


def test_the_commented_rules_can_be_used_as_they_are() -> None:
    head, _, commented = CONFIG_TEXT.partition("#   rules:\n")
    lines = [line.removeprefix("#").removeprefix("   ") for line in commented.splitlines()[:-1]]
    text = head + "rules:\n" + "\n".join(lines)
    config = parse_config(text.encode(), file="f", environ={})
    assert [rule.id for rule in config.rulebook.rules] == ["cats-u1", "wide-grid"]


def test_editors_find_the_schema_beside_the_file(home: Path) -> None:
    (home / "ringback.schema.json").write_text("of an earlier version")
    run("--gateway", "fuhuapi", "--key", KEY)
    first = (home / "ringback.yaml").read_text().splitlines()[0]
    schema = json.loads((home / first.removeprefix("# yaml-language-server: $schema=")).read_text())
    assert {"limits", "rules", "tests"} <= schema["properties"].keys()


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


GIVEN = ("--gateway", "fuhuapi", "--key", "sk-01234567")
FOREIGN = "# mine\nOTHER=1 # kept\n\nRINGBACK_GATEWAY=kuaiwenwen\nRINGBACK_GATEWAY_URL=https://k.example\nPORT=9001\n"


def test_what_is_missing_is_written_and_what_is_there_stays(home: Path) -> None:
    (home / "ringback.yaml").write_text("mine")
    result = run(*GIVEN)
    assert (result.exit_code, (home / "ringback.yaml").read_text()) == (0, "mine")
    assert "Wrote .env" in result.stdout and "ringback.yaml stays as it is." in result.stdout
    (home / "ringback.yaml").unlink()
    before = (home / ".env").read_text()
    result = run()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        ".env stays as it is.\n"
        "Wrote ringback.yaml (no rule is live yet), and ringback.schema.json, by which editors explain it.\n"
    )
    assert (home / ".env").read_text() == before
    assert (home / "ringback.yaml").read_text() == CONFIG_TEXT


@pytest.mark.parametrize("arguments", [GIVEN, ()])
def test_nothing_is_changed_unasked(home: Path, arguments: tuple[str, ...]) -> None:
    for name in (".env", "ringback.yaml"):
        (home / name).write_text("MINE=1\n")
    result = run(*arguments)
    assert result.exit_code == 2
    assert "there already; --force changes" in result.stderr
    assert {path.name: path.read_text() for path in home.iterdir()} == dict.fromkeys(
        (".env", "ringback.yaml"), "MINE=1\n"
    )


def test_force_changes_the_gateway_and_nothing_else(home: Path) -> None:
    (home / ".env").write_text(FOREIGN)
    (home / "ringback.yaml").write_text("rules: []  # mine\n")
    result = run(*GIVEN, "--force")
    assert result.exit_code == 0, result.output
    assert (home / ".env").read_text() == (
        "# mine\nOTHER=1 # kept\n\nRINGBACK_GATEWAY=fuhuapi\n# RINGBACK_GATEWAY_URL=\nPORT=9001\n"
        "RINGBACK_GATEWAY_KEY=sk-01234567\n"
    )
    assert (home / ".env.bak").read_text() == FOREIGN
    assert {(home / name).stat().st_mode & 0o777 for name in (".env", ".env.bak")} == {0o600}
    assert (home / "ringback.yaml").read_text() == "rules: []  # mine\n"
    assert ".env.bak is the file as it was" in result.stdout


def test_force_keeps_our_own_keys_and_what_was_not_asked_for(home: Path) -> None:
    run(*GIVEN, "--public-url", "https://r.example", "--url", "https://f.example")
    before = load_settings({}, home)
    assert run("--gateway", "fuhuapi", "--key", "sk-new-0123", "--force").exit_code == 0
    after = load_settings({}, home)
    gateway = after.require_gateway()
    assert (gateway.key, gateway.url, after.public_url) == ("sk-new-0123", "https://f.example", "https://r.example")
    assert (after.api_keys, after.secret_keys) == (before.api_keys, before.secret_keys)
    assert run("--gateway", "deerapi", "--key", "sk-new-0123", "--public-url", "", "--force").exit_code == 0
    moved = load_settings({}, home)
    assert (moved.require_gateway().url, moved.public_url) == ("https://api.deerapi.com", None)


def test_keys_that_the_service_has_made_are_taken_over(home: Path) -> None:
    made = load_keys(load_settings({}, home))
    run(*GIVEN)
    settings = load_settings({}, home)
    assert (settings.api_keys, settings.secret_keys) == (made.api_keys, made.secret_keys)


def test_an_env_that_cannot_be_read_is_left_alone(home: Path) -> None:
    (home / ".env").write_bytes(b"\xff")
    result = run(*GIVEN, "--force")
    assert (result.exit_code, result.stderr) == (2, "Error: .env is not UTF-8, and is left as it is\n")
    (home / ".env").write_text("OTHER\n")
    assert ".env:1:1: " in run(*GIVEN, "--force").stderr
    assert [path.name for path in home.iterdir()] == [".env"]


def test_a_short_key_of_the_gateway_is_taken_with_a_warning(home: Path) -> None:
    result = run("--gateway", "fuhuapi", "--key", "sk-1")
    assert result.exit_code == 0
    assert "The key of gateway fuhuapi has fewer than 8 characters" in result.stderr


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
