"""Rotating, trying, switching off and on, and recovering a subscription."""

import base64
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from hooks.signature import make_secret
from tests.journeys.processes import wait_until
from tests.service.web.test_subscriptions import subscribe

pytestmark = pytest.mark.journey


def told(box: Any, ringback: Any) -> Any:
    """The POST about a new task."""
    task = ringback.open()
    return box.wait(lambda post: post.json["data"]["task"]["id"] == task["id"])[0]


def is_signed_with(post: Any, secret: str) -> bool:
    try:
        post.verify(secret)
    except WebhookVerificationError:
        return False
    return True


def test_during_an_overlap_both_secrets_sign_and_afterwards_the_new_one_alone(allowing: Any, box: Any) -> None:
    made = subscribe(allowing, box.url, events=["task.submitted"])
    path = f"/v1/subscriptions/{made['id']}/rotate"
    new = allowing.post(path, {"overlap": 3600}).json()["secret"]
    post = told(box, allowing)
    assert is_signed_with(post, made["secret"])
    assert is_signed_with(post, new)
    brought = make_secret()
    assert allowing.post(path, {"overlap": 0, "secret": brought}).json() == {"secret": brought}
    post = told(box, allowing)
    assert [is_signed_with(post, each) for each in (made["secret"], new, brought)] == [False, False, True]
    for wrong in ({"overlap": -1}, {"overlap": 7 * 86400 + 1}, {"secret": "x"}):
        answer = allowing.post(path, wrong)
        assert answer.status_code == 422
    allowing.http.delete(f"/v1/subscriptions/{made['id']}")


def test_a_rotation_that_is_asked_for_again_under_its_key_gives_the_same_secret(allowing: Any, box: Any) -> None:
    made = subscribe(allowing, box.url)
    path = f"/v1/subscriptions/{made['id']}/rotate"
    first = allowing.post(path, {"overlap": 1}, **{"Idempotency-Key": "rotate-once"})
    assert allowing.post(path, {"overlap": 1}, **{"Idempotency-Key": "rotate-once"}).content == first.content
    files = [file.read_bytes() for file in allowing.database.parent.glob(f"{allowing.database.name}*")]
    assert not any(first.json()["secret"].encode() in content for content in files)
    allowing.http.delete(f"/v1/subscriptions/{made['id']}")


@pytest.mark.parametrize("written", ["standard", "cloudevents", "cloudevents-binary", "gateway"])
def test_a_test_sends_one_signed_example_and_shows_what_was_said(allowing: Any, box: Any, written: str) -> None:
    box.status, box.said = 200, b"thanks for Bearer 0123456789abc"
    headers = {"Authorization": "Bearer 0123456789abc"}
    made = subscribe(allowing, box.url, events=["*"], format=written, headers=headers)
    tried = allowing.post(f"/v1/subscriptions/{made['id']}/test")
    assert tried.status_code == 200, tried.text
    said = tried.json()
    (post,) = [post for post in box.posts if post.headers["webhook-id"].startswith("evt_test")]
    post.verify(made["secret"])
    assert post.headers["authorization"] == "Bearer 0123456789abc"
    assert said["sent"]["body"].encode() == post.body
    assert said["sent"]["type"] == "task.succeeded"
    assert said["sent"]["headers"]["webhook-signature"] == post.headers["webhook-signature"]
    assert said["sent"]["headers"]["authorization"] == "…"
    assert "0123456789abc" not in tried.text
    answered = said["answered"]
    assert (answered["status"], answered["error"], answered["body"][:10]) == (200, None, "thanks for")
    assert answered["took"] >= 0
    assert allowing.get(f"/v1/subscriptions/{made['id']}/deliveries").json()["deliveries"] == []
    allowing.http.delete(f"/v1/subscriptions/{made['id']}")


def test_a_test_of_what_does_not_answer_says_why(ringback: Any, allowing: Any, box: Any) -> None:
    box.status = 500
    made = subscribe(allowing, box.url, events=["chain.settled"])
    answered = allowing.post(f"/v1/subscriptions/{made['id']}/test").json()["answered"]
    assert (answered["status"], answered["error"]) == (500, "status")
    assert '"chain":' in box.posts[0].body.decode()
    allowing.http.delete(f"/v1/subscriptions/{made['id']}")


def test_what_comes_while_it_is_disabled_is_held_and_sent_when_it_is_recovered(allowing: Any, box: Any) -> None:
    made = subscribe(allowing, box.url, events=["task.submitted"])
    path = f"/v1/subscriptions/{made['id']}"
    off = allowing.post(f"{path}/disable", {"reason": "the shop moves"}).json()
    assert (off["state"], off["reason"]) == ("disabled", "the shop moves")
    news = allowing.get("/v1/events", type="subscription.disabled", limit=1000).json()["events"]
    assert [each["data"]["reason"] for each in news if each["data"]["subscription_id"] == made["id"]] == [
        "the shop moves"
    ]
    tasks = [allowing.open() for _ in range(3)]
    for task in tasks:
        allowing.gateway.wait_for(task["id"])
        allowing.get("/v1/events", task=task["id"], type="task.submitted", wait=10)
    held = allowing.get(f"{path}/deliveries", state="held").json()["deliveries"]
    assert {each["task_id"] for each in held} == {task["id"] for task in tasks}
    assert allowing.get(path).json()["deliveries"] == {"held": 3}

    since = {"since": "2026-01-01T00:00:00Z"}
    assert allowing.post(f"{path}/recover", since | {"dry_run": True}).json() == {
        "count": 3,
        "owed": 0,
        "recovered": False,
    }
    refused = allowing.post(f"{path}/recover", since)
    assert (refused.status_code, "enable it first" in refused.json()["detail"]) == (409, True)
    on = allowing.post(f"{path}/enable").json()
    assert (on["state"], on["reason"], on["deliveries"]) == ("active", None, {"held": 3})
    assert not box.posts
    assert allowing.post(f"{path}/recover", since).json() == {"count": 3, "owed": 0, "recovered": True}
    box.wait(count=3)
    assert {post.json["data"]["task"]["id"] for post in box.posts} == {task["id"] for task in tasks}
    wait_until(lambda: allowing.get(path).json()["deliveries"] == {}, "what came of them is written down")
    assert allowing.post(f"{path}/recover", since).json() == {"count": 0, "owed": 0, "recovered": True}
    for wrong in ({}, {"since": "yesterday"}, {"since": "2026-01-01", "x": 1}):
        assert allowing.post(f"{path}/recover", wrong).status_code == 422
    allowing.http.delete(path)


def test_the_services_own_secret_is_shown_and_rotated(allowing: Any, box: Any) -> None:
    old = allowing.get("/v1/webhook-secret").json()
    assert base64.b64decode(old["secret"].removeprefix("whsec_"))
    new = allowing.post("/v1/webhook-secret/rotate").json()["secret"]
    shown = allowing.get("/v1/webhook-secret").json()
    assert shown["secret"] == new
    assert shown["previous"][0]["secret"] == old["secret"]
    assert shown["previous"][0]["expires_at"].endswith("Z")
    task = allowing.open(webhook_url=box.url, webhook_events=["task.submitted"])
    post = box.wait()[0]
    assert post.json["data"]["task"]["id"] == task["id"]
    assert is_signed_with(post, old["secret"])
    assert is_signed_with(post, new)
    last = allowing.post("/v1/webhook-secret/rotate", {"overlap": 0}).json()["secret"]
    shown = allowing.get("/v1/webhook-secret").json()
    assert (shown["secret"], shown["previous"]) == (last, [])
