"""`ringback simulate` as a process of its own."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from click.testing import CliRunner

from service.cli.simulate import command
from service.simulator.vices import VICES

pytestmark = pytest.mark.journey

PROGRAM = "from service.cli.simulate import command; command()"


@contextmanager
def simulating(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running command, and the line that it says at the start."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--port", "0", *arguments], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            yield process, process.stderr.readline()
        finally:
            process.kill()


def url_of(line: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, line
    return found.group()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_leaves_cleanly(number):
    with simulating("--drop", "0.3", "--vice", "duplicate=0.2", "--strip-hook", "--seed", "7") as (process, line):
        url = url_of(line)
        assert "drop=0.3" in line
        assert "duplicate=0.2" in line
        assert "strip_hook=1" in line
        health = httpx.get(f"{url}/simulator/health", trust_env=False, verify=False).json()
        assert health["vices"] == {"drop": 0.3, "duplicate": 0.2, "strip_hook": 1.0}
        accepted = httpx.post(f"{url}/mj/submit/imagine", json={"prompt": "猫"}, trust_env=False, verify=False)
        assert accepted.json()["code"] == 1
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_the_key_and_the_dialect_are_obeyed():
    with simulating("--dialect", "kuaiwenwen", "--key", "gateway-key-0123456789") as (_, line):
        path = f"{url_of(line)}/mj-fast/mj/submit/imagine"
        headers = {"authorization": "Bearer gateway-key-0123456789"}
        assert httpx.post(path, json={"prompt": "猫"}, trust_env=False, verify=False).status_code == 401
        assert (
            httpx.post(path, json={"prompt": "猫"}, headers=headers, trust_env=False, verify=False).json()["code"] == 1
        )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--vice", "dorp=1"], "did you mean drop"),
        (["--drop", "2"], "from 0 to 1"),
        (["--dialect", "midjorney"], "is not one of"),
        (["--host", "256.1.1.1"], "cannot listen on 256.1.1.1:9000"),
    ],
)
def test_a_mistake_is_explained(arguments, complaint):
    outcome = CliRunner().invoke(command, arguments)
    assert outcome.exit_code != 0
    assert complaint in outcome.output
    assert "Traceback" not in outcome.output


def test_a_taken_port_is_explained():
    with simulating() as (_, line):
        port = url_of(line).rsplit(":", 1)[1]
        outcome = CliRunner().invoke(command, ["--port", port])
        assert outcome.exit_code == 1
        assert f"cannot listen on 127.0.0.1:{port}" in outcome.output


def test_every_vice_has_an_option():
    shown = CliRunner().invoke(command, ["--help"]).output
    assert all(f"--{name.replace('_', '-')}" in shown for name in VICES)
