"""`ringback demo`, as a program."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from service.cli.demo import command, name_program

PROGRAM = Path(sys.executable).with_name("ringback")


@contextmanager
def performing(folder, *arguments):
    """The demo in a process group of its own, with `folder` for its temporary files."""
    with subprocess.Popen(
        [PROGRAM, "demo", *arguments],
        env=os.environ | {"TMPDIR": str(folder), "RINGBACK_DATABASE": "/nowhere/else.db", "PORT": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as demo:
        try:
            yield demo
        finally:
            demo.terminate()


def read_until(stream, words):
    for line in stream:
        if words in line:
            return line
    raise AssertionError(f"it ended without {words!r}")


def children_of(process_id):
    listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    rows = (map(int, line.split()) for line in listed.splitlines())
    return [child for child, parent in rows if parent == process_id]


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.journey
def test_every_grid_of_the_kept_ledger_has_exactly_one_u1(tmp_path):
    kept, temporary = tmp_path / "new" / "folder", tmp_path / "tmp"
    temporary.mkdir()
    with performing(temporary, "--json", "--keep", str(kept)) as demo:
        out, err = demo.communicate(timeout=60)
    assert demo.returncode == 0, err
    assert list(temporary.iterdir()) == []
    *tasks, last = map(json.loads, out.splitlines())
    summary = last["summary"]
    assert summary["ledger"] == str(kept / "ringback.db")
    assert (summary["tasks"], summary["follow_ups"], len(tasks)) == (12, 6, 12)
    assert (summary["wrong_signatures"], summary["out_of_order"], summary["chains_settled"]) == (0, 0, 6)
    assert summary["deliveries"] >= summary["webhook_ids"] == summary["events"]
    assert {task["status"] for task in tasks} == {"SUCCESS"}
    assert any("一" <= letter <= "鿿" for task in tasks for letter in task["prompt"])

    assert not (kept / "ringback.db-wal").exists()
    with closing(sqlite3.connect(kept / "ringback.db")) as ledger:
        grids = ledger.execute("SELECT id FROM tasks WHERE action = 'IMAGINE' AND status = 'SUCCESS'").fetchall()
        upscales = ledger.execute(
            "SELECT parent_id FROM tasks WHERE action = 'UPSCALE' AND status = 'SUCCESS' AND origin = 'rule:first-pick'"
        ).fetchall()
        assert Counter(upscales) == Counter(grids)
        assert len(grids) == 6
        assert ledger.execute("SELECT count(*) FROM tasks").fetchone() == (12,)
        assert ledger.execute("SELECT count(*) FROM events").fetchone() == (summary["events"],)
        assert ledger.execute("SELECT DISTINCT attempts, state FROM submissions").fetchall() == [(1, "accepted")]
        assert ledger.execute("SELECT DISTINCT state FROM deliveries").fetchall() == [("delivered",)]
        assert ledger.execute("SELECT state, sealed FROM subscriptions").fetchall() == [("deleted", "")]
        doubts = ledger.execute("SELECT count(*) FROM events WHERE type = 'task.unknown'").fetchone()[0]

    assert "\x1b" not in out + err
    assert err.count("SIGKILL") == 1
    assert f"In doubt: {doubts} paid submission" in err
    assert doubts >= 1
    assert "No doubt is left" in err
    assert re.search(r"− *[1-9]\d* +lost while the server was dead", err)
    assert re.search(r"\b0 +spent twice", err)
    assert "(rule first-pick)" in err
    assert "ringback init" in err


@pytest.mark.journey
def test_it_stays_up_to_play_with_until_ctrl_c(tmp_path):
    with performing(tmp_path, "--stay") as demo:
        read_until(demo.stdout, "Still up")
        url, key = (read_until(demo.stdout, name).split()[-1] for name in ("service", "API key"))
        listed = httpx.get(f"{url}/v1/tasks", headers={"Authorization": f"Bearer {key}"}, trust_env=False)
        assert len(listed.json()["tasks"]) == 12
        os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(10) == 130
        with pytest.raises(httpx.ConnectError):
            httpx.get(url, trust_env=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.journey
@pytest.mark.parametrize(
    ("words", "number", "status"),
    [
        ("One rule", signal.SIGINT, 130),
        ("prompts submitted", signal.SIGINT, 130),
        ("SIGKILL", signal.SIGINT, 130),
        ("prompts submitted", signal.SIGTERM, 143),
    ],
)
def test_ctrl_c_leaves_nothing_behind_at_any_moment(tmp_path, words, number, status):
    with performing(tmp_path) as demo:
        read_until(demo.stdout, words)
        children = children_of(demo.pid)
        os.killpg(demo.pid, number)
        assert demo.wait(10) == status
        assert demo.stderr.read() == ""
    assert [child for child in children if is_alive(child)] == []
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_is_there_is_not_touched(tmp_path):
    (tmp_path / "ringback.db").write_text("mine")
    outcome = CliRunner().invoke(command, ["--keep", str(tmp_path)])
    assert outcome.exit_code == 2
    assert outcome.output == f"{tmp_path} holds a ledger already (ringback.db): name another folder, or move it away.\n"
    assert (tmp_path / "ringback.db").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    outcome = CliRunner().invoke(command, ["--keep", str(tmp_path / "file" / "folder")])
    assert (outcome.exit_code, outcome.output.count("\n")) == (2, 1)
    assert "cannot be used" in outcome.output


def test_the_advice_works_without_an_activated_environment(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/ringback")
    assert name_program() == "ringback"
    monkeypatch.setattr("shutil.which", lambda _: None)
    own = PROGRAM
    monkeypatch.chdir(own.parents[2])
    assert name_program() == str(own.relative_to(own.parents[2]))
    monkeypatch.chdir(tmp_path)
    assert name_program() == str(own)
