"""The table of tasks, and the line of an event."""

import io
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from rich.console import Console

from service.cli.lines import tell_event
from service.cli.screen import print_table
from service.cli.tasks import command, draw_tasks, tell_age

NOW = datetime(2026, 11, 23, 1, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"), [(-5, "0 s"), (59.9, "59 s"), (60, "1 m"), (7199, "1 h"), (90_000, "1 d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds, said):
    assert tell_age(timedelta(seconds=seconds)) == said


def test_a_task_is_a_row(a_task, a_child):
    console = Console(file=io.StringIO(), width=120)
    console.print(draw_tasks([a_child(status="FAILURE", progress=None, fail_reason="banned"), a_task()], now=NOW))
    header, child, root = (line.split() for line in console.file.getvalue().splitlines())
    assert header == ["STATE", "TASK", "WHAT", "%", "AGE", "PROMPT"]
    assert child == ["✗", "failed", "8000000000000002", "U1", "5", "s", "banned", "|", "一只猫"]
    assert root == ["✓", "succeeded", "8000000000000001", "IMAGINE", "100", "5", "s", "一只猫"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_long_prompt_leaves_every_other_column_whole(a_task, width):
    console = Console(file=io.StringIO(), width=width)
    tasks = [a_task(prompt="一只猫 " * 99), a_task(status="FAILURE", progress=None, fail_reason="b" * 200)]
    console.print(draw_tasks(tasks, now=NOW))
    lines = console.file.getvalue().splitlines()
    assert [len(lines), max(map(cell_len, lines))] == [3, width]
    for line, start in zip(
        lines[1:], ("✓  succeeded  8000000000000001  IMAGINE   100   5 s", "✗  failed"), strict=True
    ):
        assert line.startswith(start)
        assert "…" in line


def test_what_is_lost_or_in_doubt_says_what_that_means(a_task):
    console = Console(file=io.StringIO(), width=160)
    tasks = [a_task(status="NOT_START", submission=each) for each in ("lost", "unknown", "planned")]
    console.print(draw_tasks([*tasks, a_task(status="MODAL"), a_task(status="冬眠")], now=NOW))
    _, lost, unknown, planned, modal, odd = (line.partition(" s  ")[2] for line in console.file.getvalue().splitlines())
    assert lost.startswith("nothing more is heard of it from its gateway | 一只猫")
    assert unknown.startswith("it was sent; whether it arrived is not known yet | 一只猫")
    assert planned.startswith("一只猫")
    assert modal.startswith("its window waits for a prompt | 一只猫")
    assert odd.startswith("冬眠 | 一只猫")


def test_an_event_is_a_line(a_task):
    event = {
        "seq": 17,
        "type": "task.unknown",
        "time": "2026-11-23T01:00:00.250Z",
        "task": a_task(status="NOT_START", submission="unknown", progress=None),
        "data": {"source": "service", "reason": "The service stopped while it was being sent."},
    }
    line = tell_event(event).plain.split()
    assert line[1:6] == ["17", "?", "task.unknown", "8000000000000001", "IMAGINE"]
    assert line[6:] == ["service", *event["data"]["reason"].split()]


@pytest.mark.parametrize("kind", ["task.progressed", "task.submitted", "task.succeeded"])
def test_an_events_line_fits_eighty_columns(a_task, kind):
    event = {
        "seq": 99_999,
        "type": kind,
        "time": "2026-11-23T01:00:00.250Z",
        "task": a_task(),
        "data": {"source": "callback"},
    }
    assert cell_len(tell_event(event).plain) <= 80


def test_a_table_that_is_piped_has_no_blanks_at_the_ends_of_its_lines(a_task, capsys):
    print_table(draw_tasks([a_task(), a_task(prompt="a much longer prompt")], now=NOW))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_status_that_no_task_has_is_told(make_api, answers, monkeypatch):
    none = httpx.Response(200, json={"tasks": [], "next": None})
    monkeypatch.setattr("service.cli.tasks.connect", lambda _: make_api(answers(none)))
    result = CliRunner().invoke(command, ["--status", "FOO"])
    assert (result.exit_code, result.stdout) == (0, "")
    head, told = result.stderr.splitlines()
    assert head == "No task matches."
    assert told.startswith("No task has the status FOO; known are NOT_START,")
    assert "has the status" not in CliRunner().invoke(command, ["--status", "FAILURE"]).stderr


def test_an_event_without_a_task_is_a_line():
    event = {"seq": 1, "type": "rule.paused", "time": "2026-11-23T01:00:00.250Z", "task": None, "data": {}}
    assert tell_event(event).plain.endswith("1  ! rule.paused")
    event["data"] = {"rule": "cats", "origin": "cli", "detail": "too many 猫"}
    assert tell_event(event).plain.endswith("1  ! rule.paused  cats  too many 猫")


def test_what_a_fuse_says_of_a_rule_is_not_how_its_task_stands(a_task):
    data = {"rule": "cats", "origin": "fuse", "detail": "it fired 20 times"}
    event = {"seq": 1, "type": "rule.paused", "time": "2026-11-23T01:00:00.250Z", "task": a_task(), "data": data}
    assert tell_event(event).plain.endswith("1  ! rule.paused  cats  it fired 20 times")
