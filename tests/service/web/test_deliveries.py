"""`/v1/deliveries`: what is owed, every attempt, and once more for who asks."""

from typing import Any

import pytest

from tests.service.web.test_subscriptions import subscribe

pytestmark = pytest.mark.journey


def wait_for_state(ringback: Any, path: str, state: str) -> dict[str, Any]:
    """A delivery, as soon as it stands so."""
    for _ in range(200):
        delivery = dict(ringback.get(path).json())
        if delivery["state"] == state:
            return delivery
        ringback.get("/v1/events", after=10**9, wait=0.05)  # nothing comes: a pause
    raise AssertionError(f"it is {delivery['state']}")


def test_a_delivery_shows_its_event_and_every_attempt(allowing: Any, box: Any) -> None:
    box.status, box.said = 500, b"out of paper"
    made = subscribe(allowing, box.url, events=["task.submitted"])
    task = allowing.open()
    post = box.wait()[0]
    (listed,) = allowing.get(f"/v1/subscriptions/{made['id']}/deliveries").json()["deliveries"]
    path = f"/v1/deliveries/{listed['id']}"
    delivery = wait_for_state(allowing, path, "planned")
    assert (delivery["task_id"], delivery["subscription_id"]) == (task["id"], made["id"])
    assert delivery["event"] == {
        "seq": post.json["data"]["seq"],
        "id": post.headers["webhook-id"],
        "type": "task.submitted",
    }
    (attempt,) = delivery["tried"]
    assert (attempt["number"], attempt["status"], attempt["error"]) == (1, 500, "status")
    assert attempt["answer"] == "out of paper"
    assert "127.0.0.1 answers HTTP 500" in attempt["detail"]
    assert delivery["next_at"] > delivery["created_at"]
    shown = allowing.get(f"/v1/subscriptions/{made['id']}").json()
    assert (shown["deliveries"], shown["failing_since"] is None) == ({"planned": 1}, False)

    box.status = 204
    again = allowing.post(f"{path}/redeliver")
    assert (again.status_code, again.json()["apart"]) == (202, False), "it keeps its place"
    delivered = wait_for_state(allowing, path, "delivered")
    assert [each["error"] for each in delivered["tried"]] == ["status", None]
    assert [each.headers["webhook-id"] for each in box.posts] == [post.headers["webhook-id"]] * 2
    assert box.posts[0].body == box.posts[1].body
    allowing.http.delete(f"/v1/subscriptions/{made['id']}")


def test_deliveries_are_found_by_subscription_task_and_state(allowing: Any, box: Any, subscriber: Any) -> None:
    other = subscriber.open_box()
    first = subscribe(allowing, box.url, events=["task.submitted"])
    second = subscribe(allowing, other.url, events=["task.submitted"])
    tasks = [allowing.open() for _ in range(3)]
    box.wait(count=3)
    other.wait(count=3)
    for made in (first, second):
        page = allowing.get("/v1/deliveries", subscription=made["id"]).json()
        assert [each["task_id"] for each in page["deliveries"]] == [task["id"] for task in tasks[::-1]]
    about = allowing.get(f"/v1/tasks/{tasks[0]['id']}/deliveries").json()["deliveries"]
    assert {each["subscription_id"] for each in about} >= {first["id"], second["id"]}
    both = allowing.get("/v1/deliveries", task=tasks[0]["id"], subscription=first["id"]).json()["deliveries"]
    assert [each["task_id"] for each in both] == [tasks[0]["id"]]
    assert allowing.get(f"/v1/subscriptions/{first['id']}/deliveries", state="exhausted").json()["deliveries"] == []
    pages, cursor = [], {}
    for _ in range(3):
        page = allowing.get("/v1/deliveries", subscription=first["id"], limit=1, **cursor).json()
        pages += page["deliveries"]
        cursor = {"cursor": page["next"]}
    assert [each["task_id"] for each in pages] == [task["id"] for task in tasks[::-1]]
    assert allowing.get("/v1/deliveries", state="lost").status_code == 422
    for made in (first, second):
        allowing.http.delete(f"/v1/subscriptions/{made['id']}")


@pytest.mark.parametrize("delivery", ["0", "x", "-1", "9007199254740993", "٣", "1" * 5000])
def test_what_is_no_delivery_is_not_found(ringback: Any, delivery: str) -> None:
    for answer in (ringback.get(f"/v1/deliveries/{delivery}"), ringback.post(f"/v1/deliveries/{delivery}/redeliver")):
        assert answer.status_code == 404
        assert answer.json()["detail"].startswith("There is no such delivery") or "no delivery" in answer.text


def test_lists_of_what_is_not_there_are_not_found(ringback: Any) -> None:
    for path in ("/v1/subscriptions/nowhere", "/v1/tasks/8999999999999999"):
        assert ringback.get(f"{path}/deliveries").status_code == 404
