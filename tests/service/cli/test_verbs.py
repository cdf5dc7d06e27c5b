"""The everyday verbs, as programs, against a real service and a simulated gateway."""

import json
import os
import signal

import pytest

from service.cli.client import Api

pytestmark = pytest.mark.journey

SUCCEEDED = {"status": "SUCCESS", "progress": 100, "submission": "accepted"}


def objects(outcome):
    assert outcome.stderr == ""
    return [json.loads(line) for line in outcome.stdout.splitlines()]


@pytest.fixture(scope="module")
def grid(house):
    """A finished grid."""
    outcome = house.run("submit", "a red fox", "--json")
    assert outcome.returncode == 0
    return objects(outcome)[0]


def test_submit_waits_for_the_whole_chain(house):
    outcome = house.run("submit", "一只红狐狸", "--ar", "16:9", "--then", "U1", "--tag", "a", "--state", "s", "--json")
    assert outcome.returncode == 0
    root, child = objects(outcome)
    assert SUCCEEDED.items() <= root.items()
    assert (root["prompt"], root["params"]) == ("一只红狐狸 --ar 16:9", {"ar": "16:9"})
    assert (root["origin"], root["tags"], root["state"]) == ("cli", ["a"], "s")
    assert SUCCEEDED.items() <= child.items()
    assert (child["button"], child["parent_id"], child["origin"]) == ("U1", root["id"], "then")


def test_submit_shows_people_a_tree_with_pictures(house):
    outcome = house.run("submit", "一只猫", "--then", "U2")
    assert outcome.returncode == 0
    root, picture, child, small = outcome.stdout.splitlines()
    assert root.startswith("✓ IMAGINE  一只猫")
    assert child.startswith("└── ✓ U2")
    assert picture.startswith("http://127.0.0.1:")
    assert small.strip().startswith("http://127.0.0.1:")
    assert "\x1b" not in outcome.stdout + outcome.stderr


def test_a_locale_without_chinese_gets_no_traceback(house):
    outcome = house.run("submit", "一只猫", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert "IMAGINE  ???" in outcome.stdout


def test_submit_can_leave_at_once(house):
    outcome = house.run("submit", "later", "--no-wait")
    assert outcome.returncode == 0
    task_id = outcome.stdout.split()[-1]
    assert outcome.stdout == f"Submitted as {task_id}. To wait for it: ringback watch {task_id}\n"
    watched = house.run("watch", task_id, "--json")
    assert watched.returncode == 0
    events = objects(watched)
    types = [event["type"] for event in events]
    assert (types[0], types[-2:]) == ("task.submitted", ["task.succeeded", "chain.settled"])
    assert {event["task"]["id"] for event in events} == {task_id}


def test_submit_waits_no_longer_than_asked(house):
    outcome = house.run("submit", "slow", "--timeout", "0", "--json")
    (task,) = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert outcome.returncode == 1
    assert outcome.stderr == f"Not over after 0 s. It goes on: ringback watch {task['id']}\n"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["submit", "x", "--then", "U9"], 1, "then: "),
        (["submit", "x", "--gateway", "nowhere"], 1, "gateway: 'nowhere' is not configured"),
        (["submit", " "], 1, "prompt: it is blank"),
        (["submit"], 2, "Missing argument 'PROMPT...'"),
        (["watch", "8000000000000000"], 1, "There is no task 8000000000000000 in this ledger."),
        (["click", "8000000000000000", "U1"], 1, "There is no task 8000000000000000 in this ledger."),
        (["tasks", "--limit", "0"], 2, "Invalid value for '--limit'"),
    ],
)
def test_a_mistake_is_told_in_words(house, arguments, status, said):
    outcome = house.run(*arguments)
    assert (outcome.returncode, outcome.stdout) == (status, "")
    assert said in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_nobody_there_and_a_wrong_key_are_told_in_one_line(house):
    for settings, said in (
        ({"RINGBACK_URL": "http://127.0.0.1:9"}, "Cannot reach http://127.0.0.1:9: is `ringback serve` running?\n"),
        ({"RINGBACK_API_KEY": "x" * 16}, "does not accept this API key: set RINGBACK_API_KEY to one of the service's."),
    ):
        for verb in (["tasks"], ["events", "--follow"], ["submit", "x"], ["watch", "8"]):
            outcome = house.run(*verb, **settings)
            assert (outcome.returncode, outcome.stdout) == (1, "")
            assert said in outcome.stderr
            assert outcome.stderr.count("\n") == 1


def test_a_second_click_of_a_picture_gives_the_first_one(house, grid):
    first = house.run("click", grid["id"], "U3", "--json")
    again = house.run("click", grid["id"], "U3", "--no-wait", "--json")
    assert (first.returncode, again.returncode) == (0, 0)
    root, child = objects(first)
    assert (root["id"], child["button"], child["origin"]) == (grid["id"], "U3", "cli")
    assert [task["id"] for task in objects(again)] == [child["id"]]
    told = house.run("click", grid["id"], "U3", "--no-wait")
    assert told.stdout.startswith(f"Already clicked: task {child['id']}.")
    waited = house.run("click", grid["id"], "U3")
    assert (waited.returncode, waited.stderr) == (0, f"Already clicked: task {child['id']}.\n")


def test_tasks_are_listed_and_filtered(house, grid):
    listed = objects(house.run("tasks", "--root", grid["root_id"], "--action", "IMAGINE", "--json"))
    assert [task["id"] for task in listed] == [grid["id"]]
    assert objects(house.run("tasks", "--status", "FAILURE", "--json")) == []
    table = house.run("tasks", "--q", "red fox", "--limit", "1").stdout.splitlines()
    assert len(table) == 2
    assert "red fox" in table[1]


def test_events_are_listed_from_where_one_asks(house, grid):
    every = objects(house.run("events", "--task", grid["id"], "--json"))
    types = [event["type"] for event in every]
    ending = types.index("task.succeeded")
    assert types[ending + 1] == "chain.settled"  # once more after each click of it
    assert objects(house.run("events", "--task", grid["id"], "--after", str(every[1]["seq"]), "--json")) == every[2:]
    ended = objects(house.run("events", "--task", grid["id"], "--type", "task.succ*", "--json"))
    assert ended == [every[ending]]
    line = house.run("events", "--task", grid["id"], "--type", "task.succeeded").stdout
    assert f"✓ task.succeeded  {grid['id']}  IMAGINE  100 %  callback" in line


def test_following_begins_after_what_has_happened_already(house, grid):
    every = objects(house.run("events", "--task", grid["id"], "--json"))
    api = Api(house.settings["RINGBACK_URL"], house.settings["RINGBACK_API_KEY"])
    assert api.read_latest_seq() >= every[-1]["seq"]
    api.close()


def test_events_are_followed_until_ctrl_c(house, grid):
    with house.start("events", "--follow", "--after", "0", "--task", grid["id"], "--json") as following:
        try:
            assert json.loads(following.stdout.readline())["task"]["id"] == grid["id"]
            os.killpg(following.pid, signal.SIGINT)
            assert following.wait(5) == 130
            assert following.stderr.read() == ""
        finally:
            following.kill()
