"""Tasks from submission to ending, seen through real HTTP."""

import json
from itertools import pairwise

import httpx
import pytest

pytestmark = pytest.mark.journey

GRID = [("SUBMITTED", "0%"), *(("IN_PROGRESS", f"{n}%") for n in (0, 15, 31, 46, 62, 78, 93)), ("SUCCESS", "100%")]
CHINESE = "一只可爱的猫，水彩画 🐈 --ar 16:9"


def button(body, label):
    return next(b["customId"] for b in body["buttons"] if b["label"] == label)


def test_a_grid_reports_every_step(simulate, receiver):
    gateway = simulate(settled=True)
    task_id = gateway.accepted("imagine", prompt=CHINESE, notifyHook=receiver.hook("a"), state="s-1")
    # Callbacks are POSTed concurrently, so that their order is nobody's promise.
    assert sorted(receiver.steps("a")) == sorted(GRID)
    assert {(b["id"], b["prompt"], b["state"], b["action"]) for b in receiver.got("a")} == {
        (task_id, CHINESE, "s-1", "IMAGINE")
    }
    row = gateway.fetch(task_id)
    assert (row["status"], row["progress"], row["failReason"]) == ("SUCCESS", "100%", None)
    assert row["submitTime"] <= row["startTime"] <= row["finishTime"]
    assert row == receiver.wait_for("a", "SUCCESS")


def test_ids_are_sixteen_digits_and_unique(simulate):
    gateway = simulate(grid_seconds=60, clock=lambda: 1_800_000_000.123)
    # All in one millisecond: far more than it takes for three random digits to come twice.
    ids = [gateway.accepted("imagine", prompt="a cat") for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(len(i) == 16 and i.isdecimal() and i.startswith("1800000000") for i in ids)


def test_an_upscale_jumps_to_its_end(simulate, receiver):
    gateway = simulate("midjourney-proxy-plus", settled=True)
    grid = gateway.grid()
    gateway.accepted("action", taskId=grid, customId=button(gateway.fetch(grid), "U2"), notifyHook=receiver.hook("u"))
    assert sorted(receiver.steps("u")) == [("SUBMITTED", "0%"), ("SUCCESS", "100%")]
    done = receiver.wait_for("u", "SUCCESS")
    assert (done["action"], done["prompt"]) == ("UPSCALE", "a cat")
    assert [b["label"] for b in done["buttons"]][:3] == ["Upscale (Subtle)", "Upscale (Creative)", "Vary (Subtle)"]


def test_a_chain_of_clicks_grows(simulate, receiver):
    gateway = simulate("trueai", settled=True)
    task_id = gateway.grid()
    for label, action in (("V3", "VARIATION"), ("U1", "UPSCALE"), ("Zoom Out 2x", "ZOOM"), ("U4", "UPSCALE")):
        custom_id = button(gateway.fetch(task_id), label)
        task_id = gateway.accepted("action", taskId=task_id, customId=custom_id, notifyHook=receiver.hook(label))
        assert receiver.wait_for(label, "SUCCESS")["action"] == action
    submissions = gateway.books()["submissions"]
    assert all(child["parent"] == parent["id"] for parent, child in pairwise(submissions))


@pytest.mark.parametrize(
    ("endpoint", "change", "action"),
    [
        ("change", {"action": "UPSCALE", "index": 1}, "UPSCALE"),
        ("change", {"action": "VARIATION", "index": "4"}, "VARIATION"),
        ("change", {"action": "REROLL"}, "REROLL"),
        ("simple-change", "U3", "UPSCALE"),
        ("simple-change", "R", "REROLL"),
    ],
)
def test_midjourney_proxy_is_clicked_by_change(simulate, receiver, endpoint, change, action):
    gateway = simulate(settled=True)
    grid = gateway.grid()
    body = {"content": f"{grid} {change}"} if isinstance(change, str) else {"taskId": grid, **change}
    gateway.accepted(endpoint, notifyHook=receiver.hook("c"), **body)
    done = receiver.wait_for("c", "SUCCESS")
    assert done["action"] == action
    assert "buttons" not in done


def test_describe_shorten_and_blend_make_tasks(simulate, receiver):
    gateway = simulate("midjourney-proxy-plus", settled=True)
    picture = "data:image/png;base64,iVBORw0KGgo="
    gateway.accepted("describe", base64=picture, notifyHook=receiver.hook("d"))
    gateway.accepted("shorten", prompt="one two three four five six", notifyHook=receiver.hook("s"))
    gateway.accepted("blend", base64Array=[picture, picture], notifyHook=receiver.hook("b"))
    described, shortened, blended = (receiver.wait_for(hook, "SUCCESS") for hook in "dsb")
    assert described["action"] == "DESCRIBE"
    assert "一只猫" in described["properties"]["finalPrompt"]
    assert (shortened["action"], shortened["imageUrl"]) == ("SHORTEN", None)
    assert shortened["properties"]["finalPrompt"] == "one two three four five"
    assert (blended["action"], blended["buttons"][0]["label"]) == ("BLEND", "U1")


@pytest.mark.parametrize("dialect", ["midjourney-proxy", "midjourney-proxy-plus"])
def test_pictures_and_previews_can_be_loaded(simulate, receiver, dialect):
    gateway = simulate(
        dialect, settled=True, key="gateway-key-0123456789", headers={"mj-api-secret": "gateway-key-0123456789"}
    )
    task_id = gateway.grid(CHINESE)
    urls = {body["imageUrl"] for body in receiver.got("grid")} - {None}
    assert len(urls) == 7  # six previews and the picture
    for url in [*urls, f"{gateway.url}/mj/image/{task_id}"]:
        answer = httpx.get(url, trust_env=False, verify=False)  # no key
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert answer.content.startswith(b"\x89PNG")
    assert httpx.get(f"{gateway.url}/mj/image/17", trust_env=False, verify=False).status_code == 404


def test_an_upscale_has_a_picture_of_its_own(simulate, receiver):
    gateway = simulate(settled=True)
    grid = gateway.grid()
    ids = [
        grid,
        *(
            gateway.accepted("change", taskId=grid, action="UPSCALE", index=i, notifyHook=receiver.hook("u"))
            for i in (1, 2)
        ),
    ]
    ids.append(gateway.accepted("change", taskId=grid, action="REROLL", notifyHook=receiver.hook("r")))
    assert len({gateway.http.get(f"/mj/image/{task_id}").content for task_id in ids}) == 4


def test_the_hook_is_echoed(simulate, receiver):
    simulate(settled=True).grid()
    assert {b["properties"]["notifyHook"] for b in receiver.got("grid")} == {receiver.hook("grid")}
    simulate(settled=True, vices={"echo_hook": 0.0}).grid(hook="quiet")
    assert {b["properties"]["notifyHook"] for b in receiver.got("quiet")} == {""}


def test_callbacks_are_utf8_json_or_escaped(simulate, receiver):
    simulate(settled=True).grid(CHINESE, hook="plain")
    simulate("trueai", settled=True).grid(CHINESE, hook="escaped")
    seen = {hook: (body, kind) for hook, body, kind in receiver.raw}
    body, kind = seen["plain"]
    assert CHINESE.encode() in body
    assert kind == "application/json"
    body, kind = seen["escaped"]
    assert body.isascii()
    assert b"\\u4e00" in body
    assert kind == "application/json; charset=utf-8"


def test_half_a_surrogate_pair_becomes_a_question_mark(simulate, receiver):
    gateway = simulate(settled=True)
    body = {"prompt": "猫 \ud83d", "state": "\ude00", "notifyHook": receiver.hook("a")}
    answer = gateway.http.post("/mj/submit/imagine", content=json.dumps(body))
    task_id = answer.json()["result"]
    assert (gateway.fetch(task_id)["prompt"], receiver.got("a")[0]["state"]) == ("猫 ?", "?")


def test_tasks_wait_for_a_slot_and_a_full_queue_refuses(simulate):
    gateway = simulate(slots=2, queue_size=1, grid_seconds=60)
    answers = [gateway.submit("imagine", prompt=f"猫 {i}").json() for i in range(4)]
    assert [answer["code"] for answer in answers] == [1, 1, 22, 23]
    assert answers[2]["properties"]["numberOfQueues"] == 1
    assert answers[2]["description"] == "排队中，前面还有1个任务"
    assert (answers[3]["description"], answers[3]["result"]) == ("队列已满，请稍后尝试", None)
    assert gateway.fetch(answers[2]["result"])["status"] == "NOT_START"
    assert gateway.http.get("/simulator/health").json()["at_work"] == 3


def test_a_waiting_task_begins_when_a_slot_is_free(simulate, receiver):
    gateway = simulate(slots=1)
    for hook in ("first", "second"):
        assert gateway.submit("imagine", prompt=hook, notifyHook=receiver.hook(hook)).json()["code"] in (1, 22)
    first, second = receiver.wait_for("first", "SUCCESS"), receiver.wait_for("second", "SUCCESS")
    assert second["startTime"] >= first["finishTime"]


def test_a_finished_task_leaves_its_slot(simulate, receiver):
    gateway = simulate(settled=True, slots=1, queue_size=0)
    assert gateway.grid(hook="first") != gateway.grid(hook="second")
    assert gateway.http.get("/simulator/health").json()["at_work"] == 0


def test_tasks_are_listed_newest_first_and_by_condition(simulate):
    gateway = simulate("midjourney-proxy-plus", grid_seconds=60)
    ids = [gateway.accepted("imagine", prompt=f"猫 {i}", state=f"s{i}") for i in range(3)]
    assert [row["id"] for row in gateway.http.get("/mj/task/list").json()] == ids[::-1]

    def found(path, body):
        return gateway.http.post(f"/mj/task/{path}", json=body).json()

    assert [row["id"] for row in found("list-by-condition", {"ids": [ids[2], "unknown", ids[0]]})] == [ids[2], ids[0]]
    assert found("list-by-condition", {}) == []
    page = found("query", {"pageNumber": 1, "pageSize": 2})
    assert [row["id"] for row in page["content"]] == [ids[0]]
    assert (page["totalElements"], page["totalPages"]) == (3, 2)
    assert [row["id"] for row in found("query", {"state": "s1", "ids": ids})["content"]] == [ids[1]]
    assert found("query", {"statusSet": ["SUCCESS"]})["content"] == []


def test_the_queue_shows_what_has_not_ended_oldest_first(simulate):
    gateway = simulate(slots=1, grid_seconds=60, upscale_seconds=0.0)
    done = gateway.accepted("describe", base64="data:image/png;base64,AAAA")
    gateway.until(lambda: gateway.http.get("/mj/task/queue").json() == [])
    ids = [gateway.submit("imagine", prompt=f"猫 {i}").json()["result"] for i in range(3)]
    queue = gateway.http.get("/mj/task/queue").json()
    assert [row["id"] for row in queue] == ids
    assert done not in ids


@pytest.mark.parametrize(("dialect", "displays"), [("midjourney-proxy-plus", True), ("trueai", False)])
def test_tasks_are_listed_by_ids(simulate, dialect, displays):
    gateway = simulate(dialect, grid_seconds=60)
    task_id = gateway.accepted("imagine", prompt="猫")
    rows = gateway.http.post("/mj/task/list-by-ids", json={"ids": [task_id, "17"]}).json()
    assert [(row["id"], "displays" in row) for row in rows] == [(task_id, displays)]
