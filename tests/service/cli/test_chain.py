"""A chain as somebody waits for it."""

import io
import re
import time

import httpx
import pytest
from rich.console import Console

from service.cli.chain import LOOK_AGAIN, ChainProgress, follow_chain, has_succeeded, wait_for_chain
from service.cli.screen import plain
from service.cli.waits import Wait


def tasks(*these):
    return httpx.Response(200, json={"tasks": these, "next": None})


def events(*seqs, following=0):
    return httpx.Response(200, json={"events": [{"seq": seq} for seq in seqs], "next": following})


def test_a_chain_is_followed_until_it_has_settled_and_all_is_told(make_api, answers, a_task, a_child):
    running, done = a_task(status="IN_PROGRESS"), a_task()
    wire = answers(
        *(tasks(running), events(1, 2, following=2)),
        *(tasks(done, a_child(status="NOT_START")), events(3, following=3)),
        *(tasks(done, a_child(submission="lost", status="SUBMITTED")), events(4, following=4)),
        *(tasks(done, a_child(submission="lost", status="SUBMITTED")), events(following=9)),
    )
    assert [event["seq"] for event in follow_chain(make_api(wire), "8000000000000001")] == [1, 2, 3, 4]
    asked = [dict(request.url.params) for request in wire.requests if request.url.path == "/v1/events"]
    assert [each.get("after") for each in asked] == [None, "2", "3", "4"]
    assert [float(each["wait"]) for each in asked] == [25.0, 25.0, 0.0, 0.0]


def test_a_chain_that_had_settled_before_is_told_whole(make_api, answers, a_task):
    wire = answers(tasks(a_task()), events(1, 2, following=2), tasks(a_task()), events(following=2))
    assert len(list(follow_chain(make_api(wire), "8000000000000001"))) == 2


def test_nobody_waits_beyond_the_deadline(make_api, answers, a_task):
    wire = answers(tasks(a_task(status="IN_PROGRESS")), events(following=5))
    assert list(follow_chain(make_api(wire), "8000000000000001", deadline=time.monotonic() - 1)) == []
    assert wire.requests[-1].url.params["wait"] == "0.0"


def test_the_last_moment_is_asked_for_in_plain_digits(make_api, answers, a_task, monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    wire = answers(tasks(a_task(status="IN_PROGRESS")), events(following=5), tasks(a_task()), events(following=5))
    list(follow_chain(make_api(wire), "8000000000000001", deadline=100.00002))
    assert re.fullmatch(r"[0-9.]+", wire.requests[1].url.params["wait"])


def test_a_chain_outlives_a_restart_of_the_service(make_api, answers, a_task):
    wire = answers(httpx.ReadError("x"), tasks(a_task()), httpx.ConnectError("x"), events(following=1))
    assert list(follow_chain(make_api(wire), "8000000000000001")) == []


def test_only_a_chain_without_failures_has_succeeded(a_task, a_child):
    assert has_succeeded([a_task(), a_child()])
    assert not has_succeeded([a_task(), a_child(status="FAILURE")])
    assert not has_succeeded([a_task(), a_child(status="IN_PROGRESS", submission="lost")])


def test_of_what_was_asked_for_once_more_the_last_attempt_counts(a_task, a_child):
    failed = a_task(status="FAILURE")
    retry = a_task(id="8000000000000003", retry_of=failed["id"])
    assert has_succeeded([failed, retry])
    assert not has_succeeded([failed, retry | {"status": "FAILURE"}])
    assert not has_succeeded([failed, a_child()])


def test_a_rule_that_is_to_go_on_is_told_with_its_time(make_api, answers, a_task, capsys):
    waits = {"rule": "again", "outcome": "deferred", "reason": "backoff", "detail": "in\x1b 30s", "next_at": "08:30"}
    wire = answers(
        *(tasks(a_task(status="FAILURE")), events(following=1), tasks(a_task(status="FAILURE"))),
        httpx.Response(200, json={"firings": [waits], "next": None}),
    )
    assert not wait_for_chain(make_api(wire), a_task(), as_json=False, timeout=None)
    assert capsys.readouterr().err == "Rule again goes on at 08:30: in  30s\n"


def test_a_click_that_was_blocked_is_told_and_is_no_success(make_api, answers, a_task, capsys):
    blocked = {"rule": "then", "outcome": "blocked", "reason": "error", "detail": "there is no button U1 on this task"}
    wire = answers(
        *(tasks(a_task()), events(following=1), tasks(a_task())),
        httpx.Response(200, json={"firings": [blocked], "next": None}),
    )
    assert not wait_for_chain(make_api(wire), a_task(), as_json=False, timeout=None)
    assert capsys.readouterr().err == "--then was blocked: there is no button U1 on this task\n"


def test_a_bar_says_why_its_task_waits(a_task):
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    waiting = a_task(status="NOT_START", submission="planned", progress=None)
    with ChainProgress(console) as progress:
        progress.look([waiting], {waiting["id"]: Wait("[full] 队列已满", 3, None)})
    assert "waiting: [full] 队列已满 (3 tries)" in console.file.getvalue()


def test_while_a_task_waits_it_is_looked_at_often(make_api, answers, a_task):
    waiting, done = a_task(status="NOT_START", submission="planned"), a_task()
    wire = answers(tasks(waiting), events(following=1), tasks(done), events(following=1))
    looks = []
    list(follow_chain(make_api(wire), "8000000000000001", look=looks.append))
    assert [[each["status"] for each in look] for look in looks] == [["NOT_START"], ["SUCCESS"]]
    asked = [float(request.url.params["wait"]) for request in wire.requests if request.url.path == "/v1/events"]
    assert asked == [LOOK_AGAIN, 0.0]


@pytest.mark.parametrize("label", ["[/]", "[bold", "[red]U1[/red]", "\x1b[2JU1"])
def test_a_bar_takes_a_gateways_label_as_it_is(a_child, label):
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    with ChainProgress(console) as progress:
        progress.show(a_child(button=label))
    assert plain(label) in console.file.getvalue()
    assert "\x1b[2J" not in console.file.getvalue()
