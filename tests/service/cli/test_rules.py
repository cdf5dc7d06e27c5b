"""`ringback rules check` needs no server."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli.rules import command

EXAMPLE = Path(__file__).parents[3] / "ringback.example.yaml"


def test_a_sound_file_is_told_with_its_worst_case() -> None:
    result = CliRunner().invoke(command, ["check", str(EXAMPLE)])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:4] == [
        "ok: 4 rules",
        "cats-u1: on task.succeeded, click U1: up to 1 follow-up per task",
        "wide-grid: on task.succeeded, click U1, U2, U3, U4: up to 4 follow-ups per task",
        "explore: on task.succeeded, click V1: up to 1 follow-up per task, at most 3 hops deep",
    ]


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
