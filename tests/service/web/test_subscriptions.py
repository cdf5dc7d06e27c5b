"""`/v1/subscriptions`: made once, checked whole, shown without secrets, told in order."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from hooks.signature import make_secret

pytestmark = pytest.mark.journey

UNKNOWN = "sub_0000000000000000"


def subscribe(ringback: Any, url: str, **fields: Any) -> dict[str, Any]:
    answer = ringback.post("/v1/subscriptions", {"url": url, "events": ["task.*"]} | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def refusal(ringback: Any, **fields: Any) -> list[str]:
    """What is wrong with a subscription."""
    wanted = {"url": "https://1.1.1.1/hook", "events": ["task.*"]} | fields
    answer = ringback.post("/v1/subscriptions", {name: value for name, value in wanted.items() if value is not None})
    assert answer.status_code == 422, answer.text
    return list(answer.json().get("errors", [answer.json()["detail"]]))


def test_who_subscribes_is_told_signed_with_the_secret_that_was_shown_once(allowing: Any, box: Any) -> None:
    made = subscribe(allowing, box.url, events=["task.succeeded", "task.succeeded"], headers={"X-Shop": "s3cret"})
    assert re.fullmatch(r"sub_[0-9a-f]{16}", made["id"])
    assert made["secret"].startswith("whsec_")
    assert (made["state"], made["origin"], made["events"]) == ("active", "api", ["task.succeeded"])
    task = allowing.grid()
    said = box.wait_for("task.succeeded", task["id"])
    (post,) = box.wait(lambda post: post.json == said)
    post.verify(made["secret"])
    with pytest.raises(WebhookVerificationError):
        post.verify(make_secret())
    assert post.headers["x-shop"] == "s3cret"
    event = allowing.get("/v1/events", task=task["id"], type="task.succeeded").json()["events"][0]
    assert (post.headers["webhook-id"], said["data"]["seq"]) == (event["id"], event["seq"])
    assert said["data"]["task"] == event["task"]

    shown = allowing.get(f"/v1/subscriptions/{made['id']}")
    listed = allowing.get("/v1/subscriptions", limit=1000)
    assert "secret" not in shown.json()
    assert shown.json()["headers"] == ["X-Shop"]
    assert shown.json()["url"] == box.url
    assert shown.json() in listed.json()["subscriptions"]
    assert made["secret"] not in shown.text + listed.text
    assert "s3cret" not in shown.text + listed.text
    allowing.http.delete(f"/v1/subscriptions/{made['id']}")


def test_the_first_answer_is_given_again_and_its_secret_is_kept_sealed(allowing: Any, box: Any) -> None:
    body = {"url": box.url, "events": ["task.succeeded"]}
    first = allowing.post("/v1/subscriptions", body, **{"Idempotency-Key": "subscribe-once"})
    again = allowing.post("/v1/subscriptions", body, **{"Idempotency-Key": "subscribe-once"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    other = allowing.post("/v1/subscriptions", body | {"rate": 3}, **{"Idempotency-Key": "subscribe-once"})
    assert other.status_code == 409
    secret = first.json()["secret"]
    files = [file.read_bytes() for file in allowing.database.parent.glob(f"{allowing.database.name}*")]
    assert not any(secret.encode() in content or box.url.encode() in content for content in files)
    allowing.http.delete(f"/v1/subscriptions/{first.json()['id']}")


def test_a_secret_may_be_brought_along(allowing: Any, box: Any) -> None:
    secret = make_secret()
    made = subscribe(allowing, box.url, secret=secret, events=["task.submitted"])
    assert made["secret"] == secret
    task = allowing.open()
    post = box.wait(lambda post: post.json["data"]["task"]["id"] == task["id"])[0]
    post.verify(secret)
    allowing.http.delete(f"/v1/subscriptions/{made['id']}")


@pytest.mark.parametrize(
    ("fields", "mistake"),
    [
        ({"url": "ftp://shop.example/x"}, "url: only a URL that begins with https://"),
        ({"url": "https://me:pass@shop.example/x"}, "url: a URL with a user name"),
        ({"url": "no url"}, "url: "),
        ({"url": "https://shop.example/" + "x" * 2000}, "url: a URL has 2000 characters at most"),
        ({"url": "http://169.254.169.254/latest"}, "RINGBACK_ALLOW_TARGETS="),
        ({"url": "http://127.0.0.1:5678/hook"}, "RINGBACK_ALLOW_TARGETS=127.0.0.1"),
        ({"url": "http://localhost:5678/hook"}, "RINGBACK_ALLOW_TARGETS=localhost"),
        ({"url": None}, "url: it is missing"),
        ({"events": None}, "events: it is missing"),
        ({"events": []}, "events: expected a list with at least 1 entries"),
        ({"events": ["task.suceeded"]}, "events: there is no event 'task.suceeded' (did you mean 'task.succeeded'?)"),
        ({"events": ["tasks.*"]}, "events: there is no event 'tasks.*'"),
        ({"match": {"promt": "x"}}, "match.promt: "),
        ({"match": {"any": [{"action": "IMAGINE"}, {"prompt": {"matches": "("}}]}}, "match.any[1].prompt"),
        ({"match": {"prompt": "${HOME}"}}, "match.prompt: "),
        ({"match": []}, "match: expected an object or null, found a list"),
        ({"format": "xml"}, "format: expected one of cloudevents, cloudevents-binary, gateway, standard, found 'xml'"),
        ({"rate": 0}, "rate: "),
        ({"concurrency": 17}, "concurrency: "),
        ({"headers": {"Webhook-Id": "x"}}, "headers: Webhook-Id is set by each delivery itself"),
        ({"headers": {"host": "x"}}, "headers: host is set by each delivery itself"),
        ({"headers": {"a b": "x"}}, "headers: 'a b' is not a header's name"),
        ({"headers": {"x": "a\r\nb: c"}}, "headers: x has a value"),
        ({"headers": {"x": "é"}}, "headers: x has a value"),
        ({"headers": {"X-a": "1", "x-A": "1"}}, "headers: x-a is there twice"),
        ({"headers": {f"x-{number}": "1" for number in range(21)}}, "headers: there may be 20 of them, not 21"),
        ({"secret": "whsec_short"}, "secret: "),
        ({"secret": "hush"}, "secret: a secret begins with whsec_"),
        ({"format": "gateway", "events": ["chain.settled"]}, "format: gateways tell of tasks alone"),
        ({"evnts": []}, "There is no field `evnts` (did you mean 'events'?)"),
    ],
)
def test_what_is_wrong_with_a_subscription_is_told(ringback: Any, fields: dict[str, Any], mistake: str) -> None:
    found = refusal(ringback, **fields)
    assert any(mistake in each for each in found), found
    assert not any("whsec_short" in each for each in found)


def test_every_mistake_is_told_at_once_and_nothing_is_made(ringback: Any) -> None:
    before = ringback.get("/v1/subscriptions").json()
    found = refusal(ringback, url="ftp://x", events=["x"], headers={"te": "x"}, secret="x")
    assert [each.partition(":")[0] for each in found] == ["url", "events", "headers", "secret"]
    assert ringback.get("/v1/subscriptions").json() == before


def test_a_match_decides_about_the_task_of_an_event(allowing: Any, box: Any) -> None:
    made = subscribe(allowing, box.url, events=["task.submitted"], match={"prompt": {"contains": "青花瓷"}})
    allowing.open(prompt="a dog")
    wanted = allowing.open(prompt="青花瓷 cup")
    box.wait_for("task.submitted", wanted["id"])
    assert len(box.posts) == 1
    assert allowing.get(f"/v1/subscriptions/{made['id']}").json()["match"] == {"prompt": {"contains": "青花瓷"}}
    allowing.http.delete(f"/v1/subscriptions/{made['id']}")


def test_a_change_keeps_what_it_does_not_name(allowing: Any, box: Any, subscriber: Any) -> None:
    other = subscriber.open_box()
    made = subscribe(allowing, box.url, headers={"x-a": "1"}, match={"action": "IMAGINE"}, rate=5.0)
    path = f"/v1/subscriptions/{made['id']}"
    changed = allowing.http.patch(path, json={"url": other.url, "events": ["task.submitted"], "match": None})
    assert changed.status_code == 200, changed.text
    shown = changed.json()
    assert (shown["url"], shown["events"], shown["match"], shown["rate"]) == (other.url, ["task.submitted"], None, 5)
    task = allowing.open()
    other.wait_for("task.submitted", task["id"])
    assert other.posts[0].headers["x-a"] == "1"
    other.posts[0].verify(made["secret"])
    assert not box.posts
    assert allowing.http.patch(path, json={"headers": {}}).json()["headers"] == []
    assert allowing.http.patch(path, json={"rate": None}).json()["rate"] is None
    assert allowing.http.patch(path, json={}).json()["updated_at"] >= shown["updated_at"]
    for wrong in (
        {"events": []},
        {"url": "ftp://x"},
        {"format": "gateway", "events": ["rule.paused"]},
        {"secret": make_secret()},
        {"match": {"promt": 1}},
    ):
        assert allowing.http.patch(path, json=wrong).status_code == 422
    allowing.http.delete(path)


def test_what_was_deleted_is_gone_and_told_nothing(allowing: Any, box: Any, subscriber: Any) -> None:
    witness = subscriber.open_box()
    made, other = subscribe(allowing, box.url), subscribe(allowing, witness.url)
    path = f"/v1/subscriptions/{made['id']}"
    answer = allowing.http.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    task = allowing.open()
    witness.wait_for("task.submitted", task["id"])
    assert not box.posts
    assert allowing.get(path).status_code == 404
    assert allowing.http.patch(path, json={}).status_code == 404
    assert allowing.http.delete(path).status_code == 404
    for verb, body in (
        ("rotate", {}),
        ("test", {}),
        ("enable", {}),
        ("disable", {}),
        ("recover", {"since": "2026-01-01"}),
    ):
        assert allowing.post(f"{path}/{verb}", body).status_code == 404, verb
    allowing.http.delete(f"/v1/subscriptions/{other['id']}")


def test_pages_go_on_where_they_ended(start_ringback: Callable[..., Any]) -> None:
    with start_ringback() as ringback:
        made = [subscribe(ringback, f"https://1.1.1.1/{number}")["id"] for number in range(5)]
        first = ringback.get("/v1/subscriptions", limit=3).json()
        second = ringback.get("/v1/subscriptions", limit=3, cursor=first["next"]).json()
        assert [each["id"] for each in first["subscriptions"] + second["subscriptions"]] == made[::-1]
        assert second["next"] is None


def test_what_stands_in_the_file_is_looked_after_there(
    start_ringback: Callable[..., Any], tmp_path: Any, box: Any
) -> None:
    file = tmp_path / "ringback.yaml"
    file.write_text(f"subscriptions:\n  - {{id: shop, url: '{box.url}', events: task.submitted}}\n")
    with start_ringback(RINGBACK_CONFIG=str(file), RINGBACK_ALLOW_TARGETS="127.0.0.1") as ringback:
        shown = ringback.get("/v1/subscriptions/shop").json()
        assert (shown["id"], shown["origin"], shown["events"]) == ("shop", "file", ["task.submitted"])
        for answer in (
            ringback.http.patch("/v1/subscriptions/shop", json={"rate": 1}),
            ringback.http.delete("/v1/subscriptions/shop"),
            ringback.post("/v1/subscriptions/shop/rotate"),
        ):
            assert answer.status_code == 409
            assert "configuration file" in answer.json()["detail"]
        task = ringback.open()
        secret = ringback.get("/v1/webhook-secret").json()["secret"]
        box.wait_for("task.submitted", task["id"])
        box.posts[0].verify(secret)
        tried = ringback.post("/v1/subscriptions/shop/test").json()
        assert tried["answered"]["error"] is None
        assert ringback.post("/v1/subscriptions/shop/disable").json()["state"] == "disabled"
        assert ringback.post("/v1/subscriptions/shop/enable").json()["state"] == "active"


def test_no_body_of_an_answer_or_error_shows_a_secret(allowing: Any, box: Any) -> None:
    made = subscribe(allowing, f"{box.url}", headers={"Authorization": "Bearer 0123456789"})
    path = f"/v1/subscriptions/{made['id']}"
    shown = [
        allowing.get(path),
        allowing.get("/v1/subscriptions"),
        allowing.http.patch(path, json={"rate": 1}),
        allowing.post(f"{path}/disable", {"reason": "x"}),
        allowing.post(f"{path}/enable"),
        allowing.post(f"{path}/test"),
        allowing.get(f"{path}/deliveries"),
        allowing.get("/v1/events", type="subscription.*", limit=1000),
    ]
    for answer in shown:
        assert answer.status_code == 200, answer.text
        assert made["secret"] not in answer.text
        assert "0123456789" not in answer.text
        json.loads(answer.text)
    allowing.http.delete(path)
