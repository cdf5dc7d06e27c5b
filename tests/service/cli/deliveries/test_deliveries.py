"""`ringback deliveries`, and a task's own `--webhook-url`, against a service and a subscriber."""

import re

import pytest
from click.testing import CliRunner

from service.cli.main import main

pytestmark = pytest.mark.journey


@pytest.fixture
def order(told_home, box):
    """Submits a task that the subscriber hears of."""

    def make(*options):
        (task,) = told_home.objects("submit", "a cat", "--no-wait", "--webhook-url", box.url, *options)
        told_home.ringback.gateway.wait_for(task["id"])
        return task

    return make


def deliveries(home, task, *options):
    return home.objects("deliveries", "list", "--task", task["id"], *options)


def has_failed(found):
    return found and found[0]["attempts"]


def test_one_call_in_and_one_signed_call_back(told_home, order, box):
    task = order()
    told_home.ringback.succeed(task["id"])
    (post,) = box.wait()
    post.verify(told_home.run("subscriptions", "secret").stdout.strip())
    assert (post.json["type"], post.json["data"]["task"]["id"]) == ("chain.settled", task["id"])
    (delivery,) = told_home.wait_for("deliveries", "list", "--task", task["id"], "--state", "delivered")
    assert (delivery["event"]["type"], delivery["attempts"]) == ("chain.settled", 1)
    listed = told_home.run("deliveries", "list", "--task", task["id"]).stdout
    assert re.search(rf"✓  delivered +{delivery['id']}  sub_[0-9a-f]+  chain.settled  {task['id']}", listed)


def test_other_events_are_called_on_where_they_are_named(told_home, order, box):
    task = order("--webhook-event", "task.submitted", "--webhook-event", "task.failed")
    assert [box.wait()[0].json["type"], len(box.posts)] == ["task.submitted", 1]
    assert {each["event"]["type"] for each in deliveries(told_home, task)} == {"task.submitted"}


def test_events_without_a_url_make_no_sense():
    outcome = CliRunner().invoke(main, ["submit", "x", "--webhook-event", "task.*"], env={"RINGBACK_URL": "http://a"})
    assert (outcome.exit_code, outcome.stderr) == (2, "--webhook-event goes with --webhook-url.\n")


def test_every_attempt_is_shown_plainly_and_one_delivery_is_sent_once_more(told_home, order, box):
    box.status, box.said = 500, b"kaputt \x1b[31m"
    task = order("--webhook-event", "task.submitted")
    box.wait()
    found = told_home.wait_for("deliveries", "list", "--task", task["id"], "--state", "planned", fits=has_failed)
    name = str(found[0]["id"])
    shown = told_home.run("deliveries", "show", name)
    assert "planned" in shown.stdout
    assert "HTTP 500  status" in shown.stdout
    assert "kaputt  [31m" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert "next at " in shown.stdout
    box.status = 204
    outcome = told_home.run("deliveries", "redeliver", name, "999999999999", "x")
    assert outcome.exit_code == 1
    assert outcome.stdout.startswith(f"{name} is on its way once more: task.submitted to sub_")
    assert [line.split(":")[0] for line in outcome.stderr.splitlines()] == ["999999999999", "x"]
    first, second = box.wait(count=2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    (shown,) = told_home.objects("deliveries", "show", name)
    assert [each["error"] for each in shown["tried"]][:1] == ["status"]


def test_where_there_is_none_it_is_said(told_home):
    outcome = told_home.run("deliveries", "list", "--subscription", "nobody")
    assert (outcome.stdout, outcome.stderr) == ("", "No delivery of that kind.\n")
    unknown = told_home.run("deliveries", "show", "77777777")
    assert (unknown.exit_code, "There is no" in unknown.stderr) == (1, True)
