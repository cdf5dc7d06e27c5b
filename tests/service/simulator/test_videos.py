"""Videos: made, taken apart, and extended."""

import httpx
import pytest

pytestmark = pytest.mark.journey

PICTURE = "data:image/png;base64,iVBORw0KGgo="


def video(gateway, hook="v", **body):
    """A finished video."""
    task_id = gateway.accepted("video", prompt="a red cat", notifyHook=gateway.receiver.hook(hook), **body)
    gateway.receiver.wait_for(hook, "SUCCESS")
    return task_id


def test_a_video_ends_with_its_addresses(simulate, receiver):
    gateway = simulate("trueai", settled=True)
    task_id = video(
        gateway, motion="high", image=PICTURE, endImage=PICTURE, loop=False, videoType="vid_1.1_i2v_720", batchSize=2
    )
    assert sorted(receiver.steps("v")) == sorted(
        [("SUBMITTED", "0%"), *(("IN_PROGRESS", f"{n}%") for n in (0, 34, 67)), ("SUCCESS", "100%")]
    )
    done = receiver.wait_for("v", "SUCCESS")
    assert (done["action"], done["prompt"]) == ("VIDEO", "a red cat")
    assert done["videoUrl"] == done["videoUrls"][0]["url"]
    assert [set(each) for each in done["videoUrls"]] == [{"url", "thumbnail"}] * 2
    assert [b["customId"].rpartition("::")[0] for b in done["buttons"]] == [
        "MJ::JOB::video_virtual_upscale::1",
        "MJ::JOB::video_virtual_upscale::2",
    ]
    for url, kind in ((done["videoUrl"], "video/mp4"), (done["videoUrls"][1]["thumbnail"], "image/png")):
        answer = httpx.get(url, trust_env=False, verify=False)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert {body["videoUrl"] for body in receiver.got("v") if body["status"] != "SUCCESS"} == {None}
    assert gateway.books()["submissions"][0] | {"id": task_id, "uploads": 2} == gateway.books()["submissions"][0]


@pytest.mark.parametrize("dialect", ["new-api", "fuhuapi", "deerapi"])
def test_new_api_shows_videos_without_thumbnails(simulate, dialect):
    gateway = simulate(dialect, vices={"lag": 0.0}, grid_seconds=0.2)
    task_id = gateway.accepted("video", prompt="a red cat")
    row = gateway.fetch(task_id)
    assert (row["videoUrl"], row["videoUrls"]) == ("", [])
    gateway.until(lambda: gateway.fetch(task_id)["status"] == "SUCCESS")
    assert [set(each) for each in gateway.fetch(task_id)["videoUrls"]] == [{"url"}] * 4


def test_a_picture_is_animated_taken_apart_and_extended_by_clicks(simulate, receiver):
    gateway = simulate("trueai", settled=True)
    task_id = gateway.grid()
    for label, action in (
        ("U1", "UPSCALE"),
        ("Animate (Low motion)", "VIDEO"),
        ("U2", "UPSCALE"),
        ("Extend (High motion)", "VIDEO"),
    ):
        custom_id = next(b["customId"] for b in gateway.fetch(task_id)["buttons"] if b["label"] == label)
        task_id = gateway.accepted("action", taskId=task_id, customId=custom_id, notifyHook=receiver.hook(action))
        row = gateway.fetch(task_id)
        assert (row["status"], row["action"]) == ("SUCCESS", action)
        assert bool(row["videoUrl"]) == (label != "U1")
    assert len(gateway.fetch(task_id)["videoUrls"]) == 4


def test_an_extended_video_begins_anew_on_the_same_id(simulate, receiver):
    gateway = simulate("trueai", vices={"answer_after_callback": 7.0})
    parent = video(gateway)
    child = gateway.accepted(
        "video", prompt="on and on", action="extend", taskId=parent, index=3, notifyHook=receiver.hook("x")
    )
    assert {body["id"] for body in receiver.got("x")} == {child}
    assert sorted(receiver.steps("x")) == sorted(
        [
            ("SUBMITTED", "0%"),
            *(("IN_PROGRESS", f"{n}%") for n in (0, 100, 0, 34, 67)),
            ("SUCCESS", "100%"),
        ]
    )
    last = gateway.books()["submissions"][-1]
    assert (last["endpoint"], last["parent"], last["index"]) == ("video", parent, 3)


def test_an_extension_that_makes_no_sense_is_refused(simulate):
    gateway = simulate("trueai", settled=True)
    parent = video(gateway)

    def refusal(**body):
        answer = gateway.submit("video", prompt="on", **body)
        return answer.status_code, answer.json()["code"], answer.json()["description"]

    assert refusal(taskId=parent, index=0) == (200, 4, "任务类型错误")
    assert refusal(taskId=parent, index=0, action="EXTEND") == (200, 4, "任务类型错误")
    assert refusal(taskId="17", index=0, action="extend") == (404, 3, "关联任务不存在或已失效")
    assert refusal(taskId=parent, index=4, action="extend") == (200, 4, "index参数错误")


def test_only_a_finished_video_can_be_extended(simulate):
    gateway = simulate("trueai", grid_seconds=60)
    parent = gateway.accepted("video", prompt="a red cat")
    answer = gateway.submit("video", prompt="on", action="extend", taskId=parent, index=0).json()
    assert (answer["code"], answer["description"]) == (4, "关联任务状态错误")
