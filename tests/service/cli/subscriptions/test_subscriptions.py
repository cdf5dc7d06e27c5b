"""`ringback subscriptions` against a service and a subscriber of its own."""

import json
import re

import pytest
from click.testing import CliRunner

from hooks.signature import make_secret
from service.cli.main import main
from tests.service.cli.conftest import Home

pytestmark = pytest.mark.journey


@pytest.fixture
def add(told_home, box):
    """Adds a subscription for one test, and removes it in the end."""
    added = []

    def make(*options):
        (subscription,) = told_home.objects("subscriptions", "add", box.url, *options)
        added.append(subscription["id"])
        return subscription

    yield make
    for each in added:
        told_home.run("subscriptions", "remove", each)


def misuse(*options):
    """What is said of a verb that no service is asked about."""
    outcome = CliRunner().invoke(main, ["subscriptions", *options], env={"RINGBACK_URL": "http://127.0.0.1:9"})
    assert outcome.exit_code == 2
    return outcome.stderr


def test_a_subscription_is_made_told_of_and_removed(told_home, box):
    outcome = told_home.run("subscriptions", "add", box.url, "--event", "task.succeeded", "--event", "chain.settled")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    name = re.search(r"^(sub_[0-9a-f]{16}) hears of task.succeeded, chain.settled at 127.0.0.1:", outcome.stdout)[1]
    secret = re.search(r"Its secret, shown this once: (whsec_\S+)", outcome.stdout)[1]
    assert f'Webhook("{secret}").verify(body, headers)' in outcome.stdout
    assert box.url not in outcome.stdout
    told_home.ringback.grid()
    for post in box.wait(count=2):
        post.verify(secret)
    assert name in told_home.run("subscriptions", "list").stdout
    shown = told_home.run("subscriptions", "show", name).stdout
    assert box.url in shown
    assert secret not in shown
    assert told_home.run("subscriptions", "remove", name).stdout == f"{name} is removed.\n"
    gone = told_home.run("subscriptions", "show", name)
    assert (gone.exit_code, gone.stderr) == (1, f"There is no subscription {name}.\n")


def test_every_option_reaches_the_service(told_home, add, tmp_path):
    added = add(
        "--event", "task.*", "--match", '{"action": "UPSCALE", "prompt": {"word": "猫"}}', "--format", "cloudevents",
        "--header", "X-Shop: a: b", "--header", "Authorization:Bearer x", "--unordered", "--rate", "2.5",
        "--concurrency", "9",
    )  # fmt: skip
    (shown,) = told_home.objects("subscriptions", "show", added["id"])
    assert shown.items() <= {**added, "deliveries": {}}.items()
    assert {name: shown[name] for name in ("origin", "format", "ordered", "rate", "concurrency", "headers")} == {
        "origin": "cli", "format": "cloudevents", "ordered": False, "rate": 2.5, "concurrency": 9,
        "headers": ["X-Shop", "Authorization"],
    }  # fmt: skip
    assert shown["match"] == {"action": "UPSCALE", "prompt": {"word": "猫"}}
    file = tmp_path / "match.json"
    file.write_text('{"depth": 0}')
    assert add("--event", "*", "--match-file", str(file))["match"] == {"depth": 0}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--match", '{"promt": 1}'], "match.promt: a task has no field 'promt' (did you mean 'prompt'?)"),
        (["--match", '{"prompt": null}'], "match.prompt: nothing to compare with"),
        (["--match", "{}"], "{} means every task; leave it out."),
        (["--match", "[1]"], "A match is a JSON object"),
        (["--match", "cats"], "A match is a JSON object"),
        (["--match", "{}", "--match-file", "x"], "not both"),
        (["--match-file", "/nowhere/x"], "/nowhere/x cannot be read: No such file or directory."),
        (["--header", "Bearer s3cret"], "A header is given as 'Name: value'."),
        (["--header", "A: 1", "--header", "A : 2"], "The header A is given twice."),
    ],
)
def test_what_cannot_be_meant_is_said_before_anybody_is_asked(options, said):
    told = misuse("add", "https://shop.example", "--event", "task.*", *options)
    assert said in told
    assert "s3cret" not in told


def test_a_private_address_is_refused_with_the_line_to_add(home):
    outcome = home.run("subscriptions", "add", "http://10.0.0.7/x", "--event", "task.*")
    assert outcome.exit_code == 1
    assert "RINGBACK_ALLOW_TARGETS=" in outcome.stderr


def test_events_are_named_at_least_once(told_home, box):
    assert "Missing option '--event'" in misuse("add", box.url)
    outcome = told_home.run("subscriptions", "add", box.url, "--event", "task.suceeded")
    assert outcome.exit_code == 1
    assert "there is no event 'task.suceeded' (did you mean 'task.succeeded'?)" in outcome.stderr


def test_a_test_says_what_was_answered(told_home, add, box):
    name = add("--event", "task.*")["id"]
    taken = told_home.run("subscriptions", "test", name)
    assert (taken.exit_code, "Taken: HTTP 204" in taken.stdout) == (0, True)
    box.status, box.said = 500, "kaputt \x1b[31m出错了".encode()
    refused = told_home.run("subscriptions", "test", name)
    assert refused.exit_code == 1
    assert "Not taken: HTTP 500" in refused.stdout
    assert "kaputt  [31m出错了" in refused.stdout
    assert "\x1b" not in refused.stdout
    as_json = told_home.run("subscriptions", "test", name, "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["answered"]["status"]) == (1, 500)


def test_a_new_secret_signs_beside_the_old_one_unless_that_is_revoked(told_home, add, box):
    added = add("--event", "task.submitted")
    second = told_home.run("subscriptions", "rotate", added["id"], "--overlap", "1h")
    assert second.stderr == "The one before signs, too, for a while.\n"
    told_home.run("subscriptions", "test", added["id"])
    for secret in (added["secret"], second.stdout.strip()):
        box.posts[-1].verify(secret)
    (third,) = told_home.objects("subscriptions", "rotate", added["id"], "--revoke")
    told_home.run("subscriptions", "test", added["id"])
    box.posts[-1].verify(third["secret"])
    with pytest.raises(Exception, match="No matching signature"):
        box.posts[-1].verify(second.stdout.strip())


def test_the_spans_of_a_rotation_are_checked():
    assert "not both" in misuse("rotate", "shop", "--overlap", "1h", "--revoke")
    assert "no span such as 7d" in misuse("rotate", "shop", "--overlap", "soon")
    assert "go with --rotate" in misuse("secret", "--revoke")


def test_the_services_own_secret_is_shown_and_replaced(told_home):
    first = told_home.run("subscriptions", "secret")
    assert re.fullmatch(r"whsec_\S+\n", first.stdout)
    second = told_home.run("subscriptions", "secret", "--rotate").stdout
    assert second != first.stdout
    (shown,) = told_home.objects("subscriptions", "secret")
    assert (shown["secret"], shown["previous"][0]["secret"]) == (second.strip(), first.stdout.strip())
    assert first.stdout.strip() in told_home.run("subscriptions", "secret").stderr


def test_what_was_held_is_counted_and_sent_after_all(told_home, add, box):
    name = add("--event", "task.submitted")["id"]
    off = told_home.run("subscriptions", "disable", name, "--why", "休息")
    assert f"To go on: ringback subscriptions enable {name}" in off.stdout
    listed = told_home.run("subscriptions", "list").stdout
    assert f"{name} is disabled: 休息. To go on: ringback subscriptions enable {name}" in listed
    task = told_home.ringback.open()
    told_home.ringback.gateway.wait_for(task["id"])
    told_home.wait_for("deliveries", "list", "--subscription", name, "--state", "held")
    assert "enable" in told_home.run("subscriptions", "recover", name, "--since", "1h").stderr
    on = told_home.run("subscriptions", "enable", name)
    assert "Held meanwhile: 1. To send them: ringback subscriptions recover" in on.stdout
    counted = told_home.run("subscriptions", "recover", name, "--since", "1h", "--dry-run")
    assert counted.stdout == "1 event would be sent once more.\n"
    assert box.posts == []
    assert told_home.run("subscriptions", "recover", name, "--since", "1h").stdout == "1 event on the way once more.\n"
    assert box.wait()[0].json["data"]["task"]["id"] == task["id"]
    told_home.wait_for("deliveries", "list", "--subscription", name, "--state", "delivered")
    nothing = told_home.run("subscriptions", "recover", name, "--since", "1h")
    assert nothing.stderr == f"{name} has missed nothing since then.\n"


def test_what_is_owed_and_would_be_tried_later_is_tried_at_once(told_home, add, box):
    box.status = 500
    name = add("--event", "task.submitted")["id"]
    told_home.ringback.open()
    box.wait()
    told_home.wait_for("subscriptions", "show", name, fits=lambda found: found[0]["failing_since"])
    counted = told_home.run("subscriptions", "recover", name, "--since", "1h", "--dry-run")
    assert counted.stdout == "1 event still owed: would be tried again now.\n"
    box.status = 204
    assert told_home.run("subscriptions", "recover", name, "--since", "1h").stdout == (
        "1 event still owed: tried again now.\n"
    )
    told_home.wait_for("deliveries", "list", "--subscription", name, "--state", "delivered")
    assert len(box.posts) == 2


def test_one_that_fails_is_told_with_where_to_look(told_home, add, box):
    box.status = 500
    name = add("--event", "task.submitted")["id"]
    told_home.ringback.open()
    box.wait()
    told_home.wait_for("subscriptions", "show", name, fits=lambda found: found[0]["failing_since"])
    listed = told_home.run("subscriptions", "list").stdout
    assert "failing" in listed
    assert f"To look: ringback deliveries list --subscription {name}" in listed


def test_one_of_the_file_is_looked_after_here_and_changed_there(start_ringback, box, tmp_path):
    config, secret = tmp_path / "ringback.yaml", make_secret()
    config.write_text(
        f"subscriptions: [{{id: shop, url: '{box.url}', events: task.submitted, secret: '${{SHOP_SECRET}}'}}]\n"
    )
    settings = {"RINGBACK_CONFIG": str(config), "RINGBACK_ALLOW_TARGETS": "127.0.0.1", "SHOP_SECRET": secret}
    with start_ringback(**settings) as ringback:
        home = Home(ringback, ringback.gateway.url)
        task = ringback.open()
        (post,) = box.wait()
        post.verify(secret)
        assert post.json["data"]["task"]["id"] == task["id"]
        (shown,) = home.objects("subscriptions", "list")
        assert (shown["id"], shown["origin"], shown["url"]) == ("shop", "file", box.url)
        assert home.run("subscriptions", "test", "shop").exit_code == 0
        for verb in ("remove", "rotate"):
            refused = home.run("subscriptions", verb, "shop")
            assert (refused.exit_code, "configuration file" in refused.stderr) == (1, True)
        assert home.run("subscriptions", "disable", "shop").exit_code == 0
        assert home.run("subscriptions", "enable", "shop").stdout == "shop goes on.\n"


def test_without_a_subscription_it_is_said_how_to_make_one(home):
    outcome = home.run("subscriptions", "list")
    assert (outcome.stdout, outcome.stderr) == (
        "", "No subscription. To make one: ringback subscriptions add URL --event chain.settled\n",
    )  # fmt: skip
