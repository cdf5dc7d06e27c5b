"""Logs: one line per unit of work, and no secret in any of them, whoever wrote it and however."""

import subprocess
import sys
from typing import Any

import pytest

from hooks.blanker import HIDDEN, Blanker
from hooks.token import TokenSigner
from service.logs import make_finish

TOKEN = TokenSigner(["a secret key of ours"], clock=lambda: 1_800_000_000.0).mint("8000000000000017", "nnnnnnnnnnn")
KEYS = ("gateway-key-0123456789", "api-0123456789abcdef", "secret-0123456789abcdef")

SCRIPT = """
import asyncio, json, logging, sys
import structlog
from service.logs import configure_logs

token, *keys = json.loads(sys.argv[1])
log = structlog.get_logger("ringback.test")
stdlib = logging.getLogger("library")
configure_logs("debug", secrets=keys)

def fail(text):
    raise RuntimeError(text)

class Unspeakable:
    def __repr__(self):
        raise RuntimeError(token)

for number, secret in enumerate((token, *keys)):
    log.info(f"event {secret}", field=secret, nested={"a": [secret]}, 提示="一只猫")
    log.bind(bound=secret).debug("bound")
    stdlib.warning("%s and %r", secret, {"k": secret})
    stdlib.error("with a body", extra={"x": secret})
    logging.getLogger("httpx").warning("HTTP Request: POST http://x/hooks/%s", secret)
    logging.getLogger("httpx").info("this must not be shown: %s", secret)
    try:
        fail(f"the fault of {secret}")
    except RuntimeError:
        log.exception("failed", number=number)
        stdlib.exception("failed")
log.info("quoted", value=json.dumps({"hook": f"http://x/hooks/{token}"}))
log.info("two\\nlines", value="a\\nb")
log.info("controls \\x1b[2J", why="\\x1b]0;title\\x07\\r\\x9b31m\\x7f\\u202e\\u2028\\x00 一\\t猫")
stdlib.warning("controls \\x1b[2J")
log.info("value that cannot be told", value=Unspeakable())
stdlib.warning("%d", token)
log.info("what was", timestamp="2026-11-23T01:00:00.250000Z", why=None, failed=None)
log.info("done")
"""


@pytest.fixture(scope="module")
def lines() -> list[str]:
    import json  # noqa: PLC0415

    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([TOKEN, *KEYS])], capture_output=True, text=True, check=True
    )
    assert run.stdout == ""
    return run.stderr.splitlines()


def test_no_secret_is_in_any_line(lines: list[str]) -> None:
    text = "\n".join(lines)
    for secret in (TOKEN, TOKEN.split(".")[2], *KEYS):
        assert secret not in text
    assert text.count(HIDDEN) >= 4 * 8


def test_each_unit_of_work_is_one_line(lines: list[str]) -> None:
    assert len(lines) == 4 * 7 + 8
    assert sum(line.startswith("timestamp=") for line in lines) == len(lines) - 2


def test_a_traceback_says_where_it_happened_without_what_must_not_be_said(lines: list[str]) -> None:
    failed = [line for line in lines if "event=failed" in line]
    assert len(failed) == 8
    assert all("RuntimeError: the fault of …" in line and "in fail" in line for line in failed)


def test_a_line_can_be_read_by_a_program_and_by_a_chinese_reader(lines: list[str]) -> None:
    assert "level=info logger=ringback.test" in lines[0]
    assert "提示=一只猫" in lines[0]


def test_a_line_that_cannot_be_put_together_is_told_without_its_values(lines: list[str]) -> None:
    assert lines[-4:-2] == [
        'level=error logger=ringback.test event="a line could not be written" error=RuntimeError',
        'level=error logger=library event="a line could not be written" error=TypeError',
    ]


def test_what_tells_of_the_past_brings_its_time_and_what_is_nothing_is_left_out(lines: list[str]) -> None:
    told = 'timestamp=2026-11-23T01:00:00.250000Z level=info logger=ringback.test event="what was"'
    assert lines[-2] == told


def test_libraries_that_quote_urls_are_quiet(lines: list[str]) -> None:
    assert not any("must not be shown" in line for line in lines)
    assert sum("HTTP Request" in line for line in lines) == 4


@pytest.mark.parametrize(
    ("secrets", "line", "shown"),
    [
        ((), f"hook http://x/hooks/{TOKEN}", "hook http://x/hooks/…"),
        ((), f"hook {TOKEN.replace('.', '%2E')} encoded", "hook … encoded"),
        (("key/12345",), 'why="a key%2F12345 b"', 'why="a … b"'),
        ((), f"hook {TOKEN[:-10]} cut short", "hook … cut short"),
        (("abcdefgh", "abcdefghij"), "abcdefghij", HIDDEN),  # the longer one first, or its rest would remain
        (("", "text"), "text", "text"),  # too short to be told from other text
        ((), "\x1b[2J\x9b\x7f\r\0 \u202e一\n\t", "\\x1b[2J\\x9b\\x7f\\r\\x00 \\u202e一\n\t"),
        ((), "task=8000000000000017 gateway_id=1741531578038546", "task=8000000000000017 gateway_id=1741531578038546"),
    ],
)
def test_what_is_blanked(secrets: tuple[str, ...], line: Any, shown: str) -> None:
    assert make_finish(Blanker(secrets))(None, "info", line) == shown


def test_nothing_in_a_line_moves_the_cursor_or_changes_colours(lines: list[str]) -> None:
    said = [line for line in lines if "controls" in line]
    assert len(said) == 2
    assert all(letter.isprintable() or letter == "\t" for line in said for letter in line)
    assert r"\x1b]0;title\x07" in said[0]
    assert "一" in said[0] and "猫" in said[0]
