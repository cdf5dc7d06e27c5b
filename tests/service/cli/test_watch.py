"""Watching a chain: when it ends, and what it says then."""

import httpx
from click.testing import CliRunner

from service.cli.watch import command


def test_watching_ends_where_a_rule_waits_and_says_until_when(make_api, answers, a_task, monkeypatch):
    failed = a_task(status="FAILURE")
    tasks = httpx.Response(200, json={"tasks": [failed], "next": None})
    waits = {
        "rule": "again",
        "outcome": "deferred",
        "reason": "backoff",
        "detail": "the pause is 5m",
        "next_at": "2026-11-23T08:30:00Z",
    }
    wire = answers(
        httpx.Response(200, json=failed),
        tasks,
        httpx.Response(200, json={"events": [], "next": 1}),
        tasks,
        httpx.Response(200, json={"firings": [waits], "next": None}),
    )
    monkeypatch.setattr("service.cli.watch.connect", lambda _: make_api(wire))
    result = CliRunner().invoke(command, [failed["id"]])
    assert (result.exit_code, result.stderr) == (1, "Rule again goes on at 2026-11-23T08:30:00Z: the pause is 5m\n")
