"""A receiver that was written for a gateway's `notifyHook`, behind the facade, without a change to it."""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from hooks.blanker import Blanker
from hooks.wire import parse_progress
from storage.records_of_deliveries import GATEWAY_EVENTS
from tests.service.conftest import BUTTONS

pytestmark = pytest.mark.journey

# Fields that gateways' pages document for a task, each with the type that programs rely on.
DOCUMENTED: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("id", "action", "prompt", "promptEn", "description", "state", "imageUrl", "status"), str),
    **dict.fromkeys(("progress", "failReason"), str),
    **dict.fromkeys(("submitTime", "startTime", "finishTime"), int),
    "buttons": list,
    "properties": dict,
}


class Receiver:
    """As the tutorials have it: looks tasks up by `id`, waits for `status`, then clicks the first button."""

    def __init__(self, box: Any, client: Any) -> None:
        self._box = box
        self._client = client
        self.pictures: dict[str, str] = {}

    def work(self, task_id: str) -> dict[str, Any]:
        """Take what has come until the task has ended; gives the last body."""
        posts = self._box.wait(
            lambda post: post.json["id"] == task_id and post.json["status"] in ("SUCCESS", "FAILURE")
        )
        body = dict(posts[0].json)
        if body["status"] == "SUCCESS":
            self.pictures[body["id"]] = body["imageUrl"]
        return body

    def upscale(self, body: dict[str, Any], hook: str) -> str:
        first = body["buttons"][0]
        return str(self._client.accepted("action", taskId=body["id"], customId=first["customId"], notifyHook=hook))


@pytest.fixture(scope="module")
def client(allowing: Any, make_client: Callable[..., Any]) -> Any:
    with make_client(allowing) as made:
        yield made


def test_a_receiver_written_for_a_gateway_works_unchanged(allowing: Any, client: Any, box: Any) -> None:
    receiver = Receiver(box, client)
    task_id = client.accepted("imagine", prompt="一只猫 --ar 16:9", state="order 7", notifyHook=box.url)
    allowing.gateway.wait_for(task_id)
    allowing.call_back(task_id, "IN_PROGRESS", progress="31%")
    allowing.succeed(task_id)
    body = receiver.work(task_id)
    assert {name: type(body[name]) for name in DOCUMENTED} == DOCUMENTED
    assert (body["state"], body["progress"], body["imageUrl"]) == ("order 7", "100%", "https://cdn.example/1.png")
    assert [button["customId"] for button in body["buttons"]] == [button["customId"] for button in BUTTONS]
    fetched = client.fetch(task_id)
    del fetched["properties"]["pictureUrl"]  # ours, which expires
    assert body == fetched
    assert parse_progress(box.posts[-1].body, Blanker()).status == "SUCCESS", "a Ringback can follow a Ringback"
    told = [post.json for post in box.posts]
    assert [each["status"] for each in told[-2:]] == ["IN_PROGRESS", "SUCCESS"]
    assert [each["progress"] for each in told[-2:]] == ["31%", "100%"]
    assert all(post.headers["content-type"].startswith("application/json") for post in box.posts)

    child = receiver.upscale(body, box.url)
    allowing.succeed(child, imageUrl="https://cdn.example/u1.png")
    assert receiver.work(child)["action"] == "UPSCALE"
    assert receiver.pictures == {task_id: "https://cdn.example/1.png", child: "https://cdn.example/u1.png"}


def test_each_click_brings_its_own_hook_or_none(allowing: Any, client: Any, box: Any, subscriber: Any) -> None:
    other = subscriber.open_box()
    root = client.accepted("imagine", prompt="x", notifyHook=box.url)
    allowing.succeed(root)
    silent = client.accepted("change", taskId=root, action="UPSCALE", index=1)
    told = client.accepted("change", taskId=root, action="UPSCALE", index=2, notifyHook=other.url)
    for task in (silent, told):
        allowing.succeed(task)
    other.wait(lambda post: post.json["status"] == "SUCCESS")
    assert {post.json["id"] for post in other.posts} == {told}
    box.wait(lambda post: post.json["status"] == "SUCCESS")
    assert {post.json["id"] for post in box.posts} == {root}
    again = client.submit("change", taskId=root, action="UPSCALE", index=2, notifyHook=box.url)
    assert (again["code"], again["result"]) == (21, told)
    assert len(allowing.get(f"/v1/tasks/{told}/deliveries").json()["deliveries"]) == len(other.posts)


def test_the_answer_to_a_window_readdresses_what_is_still_to_be_told(
    allowing: Any, client: Any, box: Any, subscriber: Any
) -> None:
    other = subscriber.open_box()
    root = client.accepted("imagine", prompt="x")
    allowing.succeed(root)
    tasks = []
    for hook in (box.url, None):
        window = client.accepted("action", taskId=root, customId="MJ::Inpaint::1::x::SOLO", notifyHook=hook)
        allowing.gateway.wait_for(window)
        assert allowing.call_back(window, "MODAL").status_code == 200
        client.submit("modal", taskId=window, prompt="a hat", notifyHook=other.url)
        allowing.call_back(window, "SUCCESS", imageUrl="https://cdn.example/h.png")
        tasks.append(window)
    other.wait(lambda post: post.json["status"] == "SUCCESS", count=2)
    assert {post.json["id"] for post in other.posts} == set(tasks)
    assert not any(post.json["status"] == "SUCCESS" for post in box.posts)


def test_a_hook_hears_of_nothing_that_no_gateway_tells(allowing: Any, client: Any, box: Any) -> None:
    task_id = client.accepted("imagine", prompt="x", notifyHook=box.url)
    allowing.succeed(task_id)
    assert allowing.call_back(task_id, "FAILURE", failReason="no").status_code == 200
    events = [each["type"] for each in allowing.get(f"/v1/tasks/{task_id}/events").json()["events"]]
    assert "task.contradicted" in events
    box.wait(lambda post: post.json["status"] == "SUCCESS")
    owed = allowing.get(f"/v1/tasks/{task_id}/deliveries").json()["deliveries"]
    assert {each["event"]["type"] for each in owed} <= set(GATEWAY_EVENTS)


@pytest.mark.parametrize("hook", ["not a url", "ftp://shop.example/x", "https://me:secret-7@shop.example/"])
def test_what_can_never_be_called_is_ignored_with_a_word(allowing: Any, client: Any, hook: str) -> None:
    with capture_logs() as logs:
        task_id = client.accepted("imagine", prompt="x", notifyHook=hook)
    allowing.succeed(task_id)
    assert allowing.get(f"/v1/tasks/{task_id}/deliveries").json()["deliveries"] == []
    assert any(line["event"] == "notifyHook ignored" for line in logs)
    assert "secret-7" not in str(logs)


def test_a_private_address_is_refused_when_it_is_called_and_says_what_to_allow(
    ringback: Any, make_client: Callable[..., Any], box: Any
) -> None:
    with make_client(ringback) as client:
        task_id = client.accepted("imagine", prompt="x", notifyHook=box.url)
        ringback.succeed(task_id)
        for _ in range(200):
            deliveries = ringback.get(f"/v1/tasks/{task_id}/deliveries").json()["deliveries"]
            tried = [
                attempt
                for each in deliveries
                for attempt in ringback.get(f"/v1/deliveries/{each['id']}").json()["tried"]
            ]
            if tried:
                break
            ringback.get("/v1/events", after=10**9, wait=0.05)
    assert tried[0]["error"] == "forbidden"
    assert "RINGBACK_ALLOW_TARGETS=127.0.0.1" in tried[0]["detail"]
    assert not box.posts


def test_no_hook_of_a_client_is_kept_in_plain(allowing: Any, client: Any, box: Any) -> None:
    url = f"{box.url}?token=t0k3n-of-a-client"
    client.accepted("imagine", prompt="x", notifyHook=url)
    files = [file.read_bytes() for file in allowing.database.parent.glob(f"{allowing.database.name}*")]
    assert not any(b"t0k3n-of-a-client" in content for content in files)
