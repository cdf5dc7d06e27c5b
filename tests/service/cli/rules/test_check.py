"""`ringback rules check`, `test` and `schema` need no server."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from service.cli.rules import command
from service.cli.schema import format_schema, make_schema

ROOT = Path(__file__).parents[4]
RULES = """\
rules:
  - {id: cats, on: task.succeeded, match: {action: IMAGINE, prompt: {word: cat}}, do: [click: [U1, U2]]}
  - {id: tell, on: task.failed, do: [{tag: bad}]}
"""
PASSING = """\
tests:
  - given: {event: task.succeeded, action: IMAGINE, prompt: a red cat}
    expect: {cats: [click U1, click U2]}
"""
FAILING = PASSING.replace("a red cat", "a red dog")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "ringback.yaml"


def test_the_example_is_sound() -> None:
    result = CliRunner().invoke(command, ["check", str(ROOT / "ringback.example.yaml")])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("ok: ")


def test_a_sound_file_is_told_with_its_worst_case(home: Path) -> None:
    home.write_text(RULES)
    result = CliRunner().invoke(command, ["check"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "ok: 2 rules",
        "cats: on task.succeeded, click U1, U2: up to 2 follow-ups per task, 2 per submission",
        "tell: on task.failed, tag bad: opens nothing",
        "Per submission means: under one root, beside what people and `then` click.",
    ]


def test_subscriptions_are_checked_with_the_rest(home: Path) -> None:
    shop = "subscriptions: [{id: shop, url: 'https://shop.example/x', events: task.succeeded}]\n"
    home.write_text(RULES + shop)
    result = CliRunner().invoke(command, ["check"])
    assert (result.exit_code, result.stdout.splitlines()[:2]) == (0, ["ok: 2 rules", "ok: 1 subscription"])
    home.write_text(shop.replace("succeeded", "suceeded"))
    result = CliRunner().invoke(command, ["check"])
    assert (result.exit_code, result.stdout) == (
        2,
        "ringback.yaml:1:67: there is no event 'task.suceeded' (did you mean 'task.succeeded'?)\n",
    )


@pytest.mark.parametrize("verb", ["check", "test"])
def test_the_files_own_tests_run(home: Path, verb: str) -> None:
    home.write_text(RULES + PASSING)
    result = CliRunner().invoke(command, [verb])
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "ok: 1 test")
    home.write_text(RULES + FAILING)
    result = CliRunner().invoke(command, [verb, "ringback.yaml"])
    assert (result.exit_code, result.stderr) == (1, "1 failure in 1 test\n")
    (failure,) = (line for line in result.stdout.splitlines() if line.startswith("ringback.yaml:6:"))
    assert "expected click U1, click U2, found nothing" in failure


def test_a_failed_test_says_what_was_there_in_words(home: Path) -> None:
    rules = RULES.replace("prompt: {word: cat}", "tags: yes")
    home.write_text(rules + PASSING)
    assert "line 2: tags is 'yes', found nothing" in CliRunner().invoke(command, ["test"]).stdout
    home.write_text(rules + PASSING.replace("prompt:", "tags: [no], prompt:"))
    assert "line 2: tags is 'yes', found 'no'" in CliRunner().invoke(command, ["test"]).stdout


def test_a_rule_with_mistakes_is_there_for_its_tests(home: Path) -> None:
    home.write_text(RULES.replace("action: IMAGINE,", "status: SUCESS,") + PASSING)
    result = CliRunner().invoke(command, ["check"])
    assert result.stdout == "ringback.yaml:2:52: there is no status 'SUCESS' (did you mean 'SUCCESS'?)\n"


def test_a_file_without_tests_says_so(home: Path) -> None:
    home.write_text(RULES)
    result = CliRunner().invoke(command, ["test"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("There are no tests in ringback.yaml")


def test_a_file_with_mistakes_is_not_tested(home: Path) -> None:
    home.write_text("rules: [{id: a}]\n" + FAILING)
    assert CliRunner().invoke(command, ["test"]).exit_code == 2


def test_the_schema_is_printed_as_a_file_of_it_is_written() -> None:
    result = CliRunner().invoke(command, ["schema"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, msgspec.to_builtins(make_schema()))
    assert result.stdout == format_schema()


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("limit: {}\nrules:\n  - {id: 猫, on: task.succeeded}\n", encoding="utf-8")
    result = CliRunner().invoke(command, ["check", str(path)])
    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        f"{path}:1:1: unknown key 'limit' (did you mean 'limits'?)",
        f"{path}:3:5: 'do' is missing",
        f"{path}:3:10: an id is made of a-z, 0-9 and '-', at most 64 of them, found '猫'",
    ]


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["check", str(tmp_path / "x.yaml")])
    assert (result.exit_code, result.stdout) == (2, f"{tmp_path / 'x.yaml'}: there is no such file\n")


def test_secrets_come_from_the_env_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(
        "rules:\n  - {id: a, on: task.succeeded, match: {action: IMAGINE, state: '${CODE}'}, do: [click: U1]}\n"
    )
    assert CliRunner().invoke(command, ["check", "r.yaml"]).exit_code == 2
    Path(".env").write_text("CODE=7\n")
    assert CliRunner().invoke(command, ["check", "r.yaml"]).exit_code == 0
