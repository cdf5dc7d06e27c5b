"""`POST /v1/tasks` for every action, against a simulated gateway, and what it refuses before anything is sent."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from service.gateways.actions import ACTIONS
from service.simulator.pictures import draw

pytestmark = pytest.mark.journey

Picture = Callable[[str], str]


@pytest.mark.parametrize(
    ("action", "body", "endpoint"),
    [
        ("IMAGINE", {"prompt": "一只猫", "images": 2}, "imagine"),
        ("BLEND", {"images": 2, "options": {"dimensions": "PORTRAIT"}}, "blend"),
        ("DESCRIBE", {"images": 1, "options": {"language": "zh"}}, "describe"),
        ("SHORTEN", {"prompt": "a very long prompt about 一只猫"}, "shorten"),
        ("EDIT", {"prompt": "snow", "images": 1}, "edits"),
        ("RETEXTURE", {"prompt": "wood", "images": 1}, "retexture"),
        ("VIDEO", {"prompt": "it runs", "images": 1, "options": {"motion": "high"}}, "video"),
        ("SWAP_FACE", {"images": 2}, "insight-face/swap"),
    ],
)
def test_every_action_is_done(
    simulated: Any, picture: Picture, action: str, body: dict[str, Any], endpoint: str
) -> None:
    images = [picture(f"{action} {number}") for number in range(body.get("images", 0))]
    task = simulated.ask(**body | {"action": action, "images": images, "tags": ["every"]})
    assert (task["status"], task["action"], task["submission"]) == ("SUCCESS", action, "accepted"), task
    assert task["tags"] == ["every"]
    noted = simulated.submission(task["id"])
    assert noted["endpoint"].removeprefix("submit/") == endpoint
    assert noted["uploads"] == len(images)
    assert noted["dimensions"] in (None, body.get("options", {}).get("dimensions"))


def test_what_was_uploaded_has_addresses_and_nothing_to_wait_for(simulated: Any, picture: Picture) -> None:
    task = simulated.ask(action="UPLOAD", images=[picture("a"), picture("b")])
    assert (task["status"], task["gateway_id"]) == ("SUCCESS", None)
    assert len(task["properties"]["urls"]) == 2
    assert task["image_url"] == task["properties"]["urls"][0]


def test_a_mode_and_a_bot_go_along(simulated: Any) -> None:
    task = simulated.ask(prompt="x", options={"mode": "relax", "bot_type": "NIJI_JOURNEY", "extra": {"remark": "r"}})
    noted = simulated.submission(task["id"])
    assert (noted["mode"].lower(), noted["bot_type"]) == ("relax", "NIJI_JOURNEY")


def test_a_video_goes_on_as_a_child_of_the_first(simulated: Any, picture: Picture) -> None:
    first = simulated.ask(action="VIDEO", prompt="it runs", images=[picture("v")])
    longer = simulated.ask(action="VIDEO", prompt="on", options={"extend": first["id"], "index": 0})
    assert (longer["status"], longer["parent_id"], longer["root_id"]) == ("SUCCESS", first["id"], first["id"])
    assert (longer["depth"], longer["gateway"]) == (1, first["gateway"])
    body = {
        "action": "VIDEO",
        "prompt": "on",
        "options": {"extend": first["id"], "index": 0},
        "state": "v",
        "once": True,
    }
    assert [simulated.ringback.post("/v1/tasks", body).status_code for _ in range(2)] == [202, 200]


def test_a_picture_is_fetched_from_its_address_through_the_guard(simulated: Any, start_simulated: Any) -> None:
    task = simulated.ask(prompt="x")
    forbidden = simulated.ringback.post("/v1/tasks", {"action": "DESCRIBE", "images": [task["image_url"]]})
    assert forbidden.status_code == 422
    assert "RINGBACK_ALLOW_TARGETS=127.0.0.1" in forbidden.json()["detail"]
    with start_simulated("trueai", RINGBACK_ALLOW_TARGETS="127.0.0.1") as allowed:
        assert allowed.ask(action="DESCRIBE", images=[task["image_url"]])["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"action": "IMAGIN", "prompt": "x"}, ["action: there is no 'IMAGIN' (did you mean 'IMAGINE'?)"]),
        ({"action": "PAN", "prompt": "x"}, ["action: there is no 'PAN'; there is IMAGINE, BLEND, "]),
        ({}, ["prompt: it is missing"]),
        (
            {"action": "BLEND", "prompt": "x", "images": ["y"]},
            ["prompt: BLEND takes none", "images: BLEND takes 2 to 5"],
        ),
        ({"action": "SHORTEN", "prompt": "x", "images": ["y"]}, ["images: SHORTEN takes none, not 1"]),
        ({"action": "DESCRIBE"}, ["images: DESCRIBE takes 1, not 0"]),
        (
            {"action": "UPLOAD", "images": ["!"], "then": ["U1"]},
            ["then: an upload gives addresses, and nothing to click"],
        ),
        ({"action": "VIDEO", "prompt": "x", "images": ["y"] * 3}, ["images: VIDEO takes up to 2, not 3"]),
        ({"prompt": "x", "options": {"motoin": "low"}}, ["options: There is no field `motoin`"]),
        (
            {"action": "VIDEO", "prompt": "x", "options": {"motoin": "low", "loop": 1, "batch_size": 3}},
            ["`motoin` (did you mean 'motion'?)", "options: loop: ", "options: batch_size: "],
        ),
        ({"action": "VIDEO", "prompt": "x", "options": {"index": 0}}, ["`extend` and `index`"]),
        (
            {"action": "VIDEO", "prompt": "x", "options": {"extend": "8", "index": 0}},
            ["options.extend: There is no task 8"],
        ),
        ({"prompt": "x", "options": {"extra": {"a": "b" * 20_000}}}, ["options: they have more than 16384 bytes"]),
        (
            {"prompt": "x", "options": {"mode": "slow"}},
            ["options: mode: expected one of fast, relax, turbo, found 'slow'"],
        ),
        ({"prompt": "x", "once": True}, ["once: it goes by the `state`"]),
        ({"action": "DESCRIBE", "images": ["picture!"]}, ["images: it is neither"]),
        (
            {"prompt": "x", "images": ["!", "data:image/png;base64,eHg=", "ftp://x/y"]},
            ["number 1: ", "number 2: it is something else", "number 3: "],
        ),
    ],
)
def test_what_no_gateway_would_take_is_told_before_anything_is_sent(
    ringback: Any, body: dict[str, Any], says: list[str]
) -> None:
    before = len(ringback.gateway.submitted)
    answer = ringback.post("/v1/tasks", body)
    assert answer.status_code == 422
    for each in says:
        assert each in answer.json()["detail"]
    assert len(ringback.gateway.submitted) == before


def test_what_has_not_succeeded_is_not_extended(ringback: Any) -> None:
    task = ringback.open()
    body = {"action": "VIDEO", "prompt": "x", "options": {"extend": task["id"], "index": 0}}
    assert "only a video that is there can go on; that task is NOT_START" in ringback.post("/v1/tasks", body).text
    ringback.succeed(task["id"])
    elsewhere = ringback.post("/v1/tasks", body | {"gateway": "nowhere"})
    assert elsewhere.status_code == 422


def test_hostile_options_are_no_fault_of_the_service(ringback: Any) -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"a": deep}
    for extra in (deep, {"n": 10**30}, {"notifyHook": "http://x", "state": "s"}, {"a": [None, True, 1.5, "猫"]}):
        answer = ringback.post("/v1/tasks", {"prompt": "x", "options": {"extra": extra}})
        assert answer.status_code in (202, 422), answer.text
    task = ringback.open(options={"extra": {"notifyHook": "http://x", "state": "s", "prompt": "y", "mine": 1}})
    sent = ringback.gateway.wait_for(task["id"])
    assert (sent["state"], sent["prompt"], sent["mine"]) == (task["id"], "一只猫 --ar 16:9", 1)
    assert sent["notifyHook"].startswith(f"{ringback.url}/hooks/")


def test_a_body_may_be_large_with_pictures_and_no_larger(ringback: Any) -> None:
    padded = {"prompt": "x", "images": ["x" * 2_000_000]}
    assert ringback.post("/v1/tasks", padded).status_code == 422  # it was read
    answer = ringback.http.post(
        "/v1/tasks", content=b" " * (64 * 1024 * 1024 + 1), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    other = ringback.http.post(
        "/v1/tasks/adopt", content=b" " * 1_100_000, headers={"content-type": "application/json"}
    )
    assert other.status_code == 413


def test_once_gives_the_task_that_has_the_state_already(ringback: Any) -> None:
    body = {"prompt": "x", "state": "batch:一", "once": True}
    first = ringback.post("/v1/tasks", body)
    again = ringback.post("/v1/tasks", body | {"prompt": "another", "tags": ["t"]})
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["id"] == first.json()["id"]
    assert ringback.post("/v1/tasks", body | {"once": False}).status_code == 202


class Once(BaseHTTPRequestHandler):
    """Gives a picture; its server is asked once."""

    def do_GET(self) -> None:
        content = draw("once")
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_request_that_is_repeated_is_not_looked_at_again(start_ringback: Any) -> None:
    with HTTPServer(("127.0.0.1", 0), Once) as server, start_ringback(RINGBACK_ALLOW_TARGETS="127.0.0.1") as ringback:
        body = {"prompt": "x", "images": [f"http://127.0.0.1:{server.server_port}/a.png"]}
        serving = threading.Thread(target=server.handle_request)
        serving.start()
        first = ringback.post("/v1/tasks", body, **{"Idempotency-Key": "repeated-1"})
        serving.join()
        server.server_close()
        again = ringback.post("/v1/tasks", body, **{"Idempotency-Key": "repeated-1"})
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json() == again.json()
        assert ringback.post("/v1/tasks", body).status_code == 422  # the picture is gone
        other = ringback.post("/v1/tasks", body | {"images": ["!"]}, **{"Idempotency-Key": "repeated-1"})
        assert other.status_code == 409


def test_the_description_names_every_action(ringback: Any) -> None:
    document = ringback.get("/openapi.json").json()
    assert document["components"]["schemas"]["TaskRequest"]["properties"]["action"]["enum"] == list(ACTIONS)


def test_a_group_stands_for_its_first_gateway_that_has_room(start_ringback: Any, tmp_path: Any) -> None:
    config = tmp_path / "ringback.yaml"
    config.write_text(
        "gateways:\n"
        "  - {name: second, preset: midjourney-proxy, url: 'http://127.0.0.1:9', key: second-key-0123456789}\n"
        "groups: {both: [midjourney-proxy, second]}\n"
    )
    with start_ringback(RINGBACK_CONFIG=str(config)) as ringback:
        task = ringback.open(gateway="both")
        assert task["gateway"] == "midjourney-proxy"
        ringback.gateway.wait_for(task["id"])
        assert (
            "there is midjourney-proxy, second, both"
            in ringback.post("/v1/tasks", {"prompt": "x", "gateway": "neither"}).text
        )


def test_one_call_in_is_one_signed_call_back_with_all_the_pictures(allowing: Any, box: Any) -> None:
    root = allowing.open(then=["U1", "U2"], webhook_url=box.url)
    allowing.succeed(root["id"])
    children = allowing.get(f"/v1/tasks/{root['id']}/chain").json()["tasks"][1:]
    for child in children:
        allowing.gateway.wait_for(child["id"])
        allowing.succeed(child["id"], imageUrl=f"https://cdn.example/{child['index']}.png")
    said = box.wait_for("chain.settled", root["id"])
    chain = said["data"]["chain"]
    assert (chain["succeeded"], len(chain["pictures"])) == ({"IMAGINE": 1, "UPSCALE": 2}, 3)
    box.posts[0].verify(allowing.get("/v1/webhook-secret").json()["secret"])
    assert len(box.posts) == 1
    (delivery,) = allowing.get(f"/v1/tasks/{root['id']}/deliveries").json()["deliveries"]
    assert delivery["event"]["id"] == box.posts[0].headers["webhook-id"]
    shown = allowing.get(f"/v1/subscriptions/{delivery['subscription_id']}").json()
    assert (shown["origin"], shown["root_id"], shown["events"]) == ("task", root["id"], ["chain.settled"])
    assert shown["id"] not in [each["id"] for each in allowing.get("/v1/subscriptions").json()["subscriptions"]]
    changed = allowing.http.patch(f"/v1/subscriptions/{shown['id']}", json={"rate": 1})
    rotated = allowing.post(f"/v1/subscriptions/{shown['id']}/rotate")
    assert (changed.status_code, rotated.status_code) == (409, 409)


def test_a_webhook_hears_of_its_whole_chain_in_order_and_of_no_other(allowing: Any, box: Any) -> None:
    root = allowing.open(webhook_url=box.url, webhook_events=["task.succeeded", "task.submitted"])
    allowing.grid()
    allowing.succeed(root["id"])
    child = allowing.post(f"/v1/tasks/{root['id']}/click", {"button": "U1"}).json()
    allowing.gateway.wait_for(child["id"])
    allowing.succeed(child["id"])
    box.wait_for("task.succeeded", child["id"])
    told = [(post.json["data"]["task"]["id"], post.json["type"]) for post in box.posts]
    assert told == [(task["id"], kind) for task in (root, child) for kind in ("task.submitted", "task.succeeded")]


def test_what_is_wrong_with_a_webhook_is_told_and_nothing_is_spent(ringback: Any, box: Any) -> None:
    sent = len(ringback.gateway.submitted)
    for fields, mistake in (
        ({"webhook_url": box.url}, "webhook_url: 127.0.0.1 is this machine"),
        ({"webhook_url": box.url}, "RINGBACK_ALLOW_TARGETS=127.0.0.1"),
        ({"webhook_url": "x"}, "webhook_url: "),
        ({"webhook_url": "https://1.1.1.1/", "webhook_events": ["chain.setled"]}, "webhook_events: there is no event"),
        ({"webhook_url": "https://1.1.1.1/", "webhook_events": []}, "webhook_events: "),
        ({"webhook_events": ["task.succeeded"]}, "webhook_events: they go with a `webhook_url`"),
    ):
        answer = ringback.post("/v1/tasks", {"prompt": "x"} | fields)
        assert answer.status_code == 422
        assert mistake in answer.json()["detail"]
    assert len(ringback.gateway.submitted) == sent


def test_who_gets_a_task_that_is_there_already_adds_no_webhook_to_it(allowing: Any, box: Any) -> None:
    body = {"prompt": "x", "state": "only-once", "once": True, "webhook_url": box.url}
    first = allowing.post("/v1/tasks", body, **{"Idempotency-Key": "with-webhook"})
    again = allowing.post("/v1/tasks", body, **{"Idempotency-Key": "with-webhook"})
    other = allowing.post("/v1/tasks", body)
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 200)
    assert first.json()["id"] == again.json()["id"] == other.json()["id"]
    count = allowing.service.store.query(
        lambda db: db.execute("SELECT count(*) FROM subscriptions WHERE root_id = ?", (first.json()["id"],)).fetchone()
    )
    assert count == (1,)
