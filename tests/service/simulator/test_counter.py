"""What is asked for without making a task: uploads, cancelling, seeds."""

import httpx
import pytest

PICTURE = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize("dialect", ["midjourney-proxy-plus", "trueai", "new-api"])
def test_uploads_are_answered_with_addresses_and_make_no_task(simulate, dialect):
    gateway = simulate(dialect)
    answer = gateway.submit("upload-discord-images", base64Array=[PICTURE, PICTURE]).json()
    assert (answer["code"], answer["description"], len(set(answer["result"]))) == (1, "提交成功", 2)
    loaded = httpx.get(answer["result"][0], trust_env=False, verify=False)
    assert (loaded.status_code, loaded.headers["content-type"]) == (200, "image/png")
    books = gateway.books()
    assert (books["counts"]["uploads"], books["submissions"]) == (2, [])


@pytest.mark.parametrize(
    ("body", "description"),
    [({}, "base64 参数错误"), ({"base64Array": []}, "base64 参数错误"), ({"base64Array": ["x"]}, "base64格式错误")],
)
def test_a_bad_upload_is_refused(unserved, body, description):
    gateway = unserved("trueai")
    answer = gateway.submit("upload-discord-images", **body).json()
    assert (answer["code"], answer["description"]) == (4, description)
    assert gateway.counts()["refused"] == 1
    assert gateway.http.post("/mj/submit/upload-discord-images", content=b"[]").status_code == 400


@pytest.mark.parametrize(
    ("dialect", "status", "code"), [("midjourney-proxy-plus", 200, 3), ("trueai", 404, 3), ("new-api", 400, 4)]
)
def test_a_seed_is_given_of_finished_pictures(simulate, dialect, status, code):
    gateway = simulate(dialect, settled=True)
    answer = gateway.http.get(f"/mj/task/{gateway.grid()}/image-seed").json()
    assert answer["code"] == 1
    assert answer["result"].isdecimal()
    unknown = gateway.http.get("/mj/task/17/image-seed")
    assert (unknown.status_code, unknown.json()["code"]) == (status, code)


def test_an_unfinished_picture_has_no_seed(simulate):
    gateway = simulate("trueai", grid_seconds=60)
    answer = gateway.http.get(f"/mj/task/{gateway.accepted('imagine', prompt='猫')}/image-seed")
    assert (answer.status_code, answer.json()["code"]) == (400, 4)
    assert answer.json()["description"] == "关联任务状态错误"


def cancel(gateway, task_id):
    return gateway.http.post(f"/mj/task/{task_id}/cancel")


def test_trueai_calls_a_cancelled_task_a_failure(simulate, receiver):
    gateway = simulate("trueai", grid_seconds=60, vices={"answer_after_callback": 1.0})
    task_id = gateway.accepted("imagine", prompt="猫", notifyHook=receiver.hook("c"))
    answer = cancel(gateway, task_id)
    assert (answer.status_code, answer.content) == (200, b"")
    told = receiver.wait_for("c", "FAILURE")
    assert (told["failReason"], told["progress"]) == ("取消任务", "")
    assert told["finishTime"] >= told["startTime"]
    gateway.until(lambda: gateway.http.get("/simulator/health").json()["at_work"] == 0)
    assert cancel(gateway, task_id).status_code == cancel(gateway, "17").status_code == 200
    assert gateway.counts()["cancelled"] == 1


def test_trueai_tells_nobody_of_a_cancelled_task_that_waited(simulate, receiver):
    gateway = simulate("trueai", slots=1, queue_size=1, grid_seconds=60)
    gateway.accepted("imagine", prompt="first")
    waiting = gateway.submit("imagine", prompt="second", notifyHook=receiver.hook("c")).json()["result"]
    assert gateway.submit("imagine", prompt="third").json()["code"] == 9
    cancel(gateway, waiting)
    assert (gateway.fetch(waiting)["status"], gateway.fetch(waiting)["failReason"]) == ("FAILURE", "取消任务")
    assert gateway.submit("imagine", prompt="third").json()["code"] == 22  # its place is free
    assert gateway.counts()["callbacks_made"] == 0


def test_plus_has_a_status_for_cancelled_tasks_and_tells(simulate, receiver):
    gateway = simulate("midjourney-proxy-plus", slots=1, grid_seconds=60)
    gateway.accepted("imagine", prompt="first")
    waiting = gateway.submit("imagine", prompt="second", notifyHook=receiver.hook("c")).json()["result"]
    assert cancel(gateway, waiting).json() == {"code": 1, "description": "成功", "result": waiting, "properties": {}}
    assert receiver.wait_for("c", "CANCEL")["id"] == waiting
    assert cancel(gateway, "17").json()["code"] == 3


def test_a_slot_that_was_cancelled_free_is_taken_by_the_next(simulate, receiver):
    gateway = simulate("midjourney-proxy-plus", slots=1, grid_seconds=60, upscale_seconds=0.01)
    first = gateway.accepted("imagine", prompt="first")
    dropped = gateway.submit("imagine", prompt="second").json()["result"]
    gateway.submit("describe", base64=PICTURE, notifyHook=receiver.hook("next"))
    cancel(gateway, dropped)
    cancel(gateway, first)
    assert receiver.wait_for("next", "SUCCESS")
    assert [gateway.fetch(each)["status"] for each in (first, dropped)] == ["CANCEL", "CANCEL"]


def test_what_has_ended_cannot_be_cancelled(simulate):
    gateway = simulate("trueai", settled=True)
    grid = gateway.grid()
    cancel(gateway, grid)
    assert gateway.fetch(grid)["status"] == "SUCCESS"
    assert gateway.counts()["cancelled"] == 0


def test_a_cancelled_window_cannot_be_answered(simulate, receiver):
    gateway = simulate("trueai", settled=True)
    image = "26d56b92-4ed6-45e2-8561-563797923135"
    hook = receiver.hook("w")
    window = gateway.submit(
        "action", taskId=gateway.grid(), customId=f"MJ::Inpaint::1::{image}::SOLO", notifyHook=hook
    ).json()["result"]
    cancel(gateway, window)
    assert gateway.submit("modal", taskId=window).json()["description"] == "关联任务状态错误"
    assert receiver.got("w") == []
