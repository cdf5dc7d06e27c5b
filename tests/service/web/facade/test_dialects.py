"""Every gateway that the simulator plays, behind the facade: the whole way of a picture."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytestmark = pytest.mark.journey


@pytest.mark.parametrize(
    ("dialect", "preset", "path", "prefix"),
    [
        ("fuhuapi", "fuhuapi", "", ""),
        ("deerapi", "deerapi", "", ""),
        ("kuaiwenwen", "kuaiwenwen", "", "/mj-fast"),
        ("kuaiwenwen", "kuaiwenwen", "/fast", "/fast"),
        ("new-api", "new-api", "", ""),
        ("midjourney-proxy", "midjourney-proxy", "", ""),
        ("midjourney-proxy-plus", "midjourney-proxy", "", "/mj-relax"),
        ("trueai", "midjourney-proxy", "", "/turbo"),
    ],
)
def test_a_picture_is_made_and_enlarged_once(
    play: Callable[..., Any], dialect: str, preset: str, path: str, prefix: str
) -> None:
    with play(dialect, preset, path=path) as scene:
        client = scene.client
        said = client.submit(
            "imagine", prefix=prefix, base64Array=[], prompt="Cat", state="mine", notifyHook="http://c.example/hook"
        )
        assert said["code"] in (1, 22)
        grid = scene.ended(said["result"])
        assert (grid["id"], grid["status"], grid["progress"]) == (said["result"], "SUCCESS", "100%")
        assert (grid["state"], grid["imageUrl"][:4]) == ("mine", "http")
        assert "http://c.example/hook" not in str(scene.books()), "the gateway calls us, and nobody else"
        buttons = {button["label"]: button["customId"] for button in grid["buttons"]}
        if dialect == "midjourney-proxy":
            assert buttons == {}
            click: dict[str, Any] = {"action": "UPSCALE", "index": 2, "taskId": grid["id"]}
            endpoint = "change"
        else:
            click, endpoint = {"customId": buttons["U2"], "taskId": grid["id"]}, "action"
        single = scene.ended(client.submit(endpoint, prefix=prefix, **click)["result"])
        assert (single["action"], single["status"], single["progress"]) == ("UPSCALE", "SUCCESS", "100%")
        again = client.submit(endpoint, prefix=prefix, **click)
        assert (again["code"], again["description"], again["result"]) == (21, "任务已存在", single["id"])
        assert again["properties"] == {"status": "SUCCESS", "imageUrl": single["imageUrl"]}
        books = scene.books()
        assert (books["counts"]["submissions"], books["double_spends"]) == (2, [])
        assert [each["state"] for each in books["submissions"]] == [grid["id"], single["id"]]
        listed = client.http.post("/mj/task/list-by-condition", json={"ids": [single["id"], "404", grid["id"]]})
        assert listed.json() == [single, grid]


@pytest.mark.parametrize(
    ("dialect", "endpoints"),
    [
        ("fuhuapi", ("blend", "describe")),
        ("deerapi", ("blend", "describe")),
        ("kuaiwenwen", ("blend", "describe", "shorten")),
        ("new-api", ("blend", "describe", "shorten")),
        ("midjourney-proxy", ("blend", "describe")),
    ],
)
def test_what_begins_something_goes_through(
    play: Callable[..., Any], dialect: str, endpoints: tuple[str, ...], png: str
) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "blend": {"base64Array": [png, png]},
        "describe": {"base64": png},
        "shorten": {"prompt": "a long prompt"},
    }
    with play(dialect) as scene:
        opened = {endpoint: scene.client.accepted(endpoint, **bodies[endpoint]) for endpoint in endpoints}
        rows = {endpoint: scene.ended(task_id) for endpoint, task_id in opened.items()}
        assert {endpoint: row["status"] for endpoint, row in rows.items()} == dict.fromkeys(endpoints, "SUCCESS")
        assert {endpoint: row["action"].lower() for endpoint, row in rows.items()} == {each: each for each in endpoints}
        assert sorted(each["endpoint"] for each in scene.books()["submissions"]) == sorted(endpoints)


@pytest.mark.parametrize(
    ("dialect", "preset"),
    [
        ("fuhuapi", "fuhuapi"),
        ("deerapi", "deerapi"),
        ("kuaiwenwen", "kuaiwenwen"),
        ("new-api", "new-api"),
        ("midjourney-proxy-plus", "midjourney-proxy"),
        ("trueai", "midjourney-proxy"),
    ],
)
def test_a_window_is_opened_answered_and_its_work_done(
    play: Callable[..., Any], dialect: str, preset: str, png: str
) -> None:
    with play(dialect, preset) as scene:
        client = scene.client
        grid = scene.ended(client.accepted("imagine", prompt="Cat"))
        buttons = {button["label"]: button["customId"] for button in grid["buttons"]}
        single = scene.ended(client.accepted("action", customId=buttons["U1"], taskId=grid["id"]))
        region = next(each["customId"] for each in single["buttons"] if "Inpaint" in each["customId"])
        opened = client.submit("action", customId=region, taskId=single["id"])
        assert (opened["code"], opened["properties"]["remix"]) == (21, True)
        assert client.fetch(opened["result"])["status"] == "MODAL"
        answered = client.submit("modal", taskId=opened["result"], prompt="a hat", maskBase64=png)
        assert (answered["code"], answered["result"]) == (1, opened["result"])
        assert scene.ended(opened["result"])["status"] == "SUCCESS"
        again = client.submit("modal", taskId=opened["result"], prompt="a hat", maskBase64=png)
        assert (again["code"], again["description"]) == (4, "关联任务状态错误")
        assert scene.books()["double_spends"] == []


def test_whatever_else_a_gateway_does_goes_through(play: Callable[..., Any], png: str, other_png: str) -> None:
    with play("trueai", "midjourney-proxy") as scene:
        client = scene.client
        for endpoint, body, action in (
            ("blend", {"base64Array": [png, png], "dimensions": "SQUARE"}, "BLEND"),
            ("describe", {"base64": png}, "DESCRIBE"),
            ("shorten", {"prompt": "Cat"}, "SHORTEN"),
            ("edits", {"prompt": "a hat", "image": png}, "EDIT"),
            ("edit", {"prompt": "a hat", "image": png}, "EDIT"),
            ("retexture", {"prompt": "of wood", "image": png}, "RETEXTURE"),
            ("video", {"prompt": "go", "image": png, "motion": "low"}, "VIDEO"),
        ):
            row = scene.ended(client.accepted(endpoint, **body))
            assert row["status"] == "SUCCESS", row
            assert action in (row["action"], scene.ringback.task(row["id"])["action"])
        video = row
        longer = client.accepted("video", prompt="on", action="extend", taskId=video["id"], index=0)
        assert scene.ended(longer)["status"] == "SUCCESS"
        swapped = client.http.post(
            "/mj/insight-face/swap", json={"sourceBase64": png, "targetBase64": other_png}
        ).json()
        assert scene.ended(swapped["result"])["action"] == "SWAP_FACE"
        uploaded = client.submit("upload-discord-images", base64Array=[png, png])
        assert (uploaded["code"], len(uploaded["result"])) == (1, 2)
        assert all(url.startswith(scene.gateway_url) for url in uploaded["result"])
        grid = scene.ended(client.accepted("imagine", prompt="Cat", base64Array=[png]))
        seed = client.http.get(f"/mj/task/{grid['id']}/image-seed").json()
        assert (seed["code"], seed["result"].isdecimal()) == (1, True)


def test_a_mode_of_the_path_is_kept_and_inherited(play: Callable[..., Any]) -> None:
    with play("kuaiwenwen") as scene:
        grid = scene.ended(scene.client.submit("imagine", prefix="/mj-relax", prompt="Cat")["result"])
        again = {"customId": next(each["customId"] for each in grid["buttons"] if "reroll" in each["customId"])}
        scene.client.accepted("action", taskId=grid["id"], noStorage=True, **again)
        assert scene.client.submit("action", prefix="/fast", taskId=grid["id"], **again)["code"] in (1, 22)
        assert [each["mode"] for each in scene.books()["submissions"]] == ["relax", "relax", "fast"]


def test_a_burst_is_taken_whole(play: Callable[..., Any]) -> None:
    number = 10
    with (
        play("midjourney-proxy-plus", "midjourney-proxy", slots=1, queue_size=2, grid_seconds=0.05) as scene,
        ThreadPoolExecutor(number) as pool,
    ):
        answers = list(pool.map(lambda each: scene.client.submit("imagine", prompt=f"Cat {each}"), range(number)))
        assert {answer["code"] for answer in answers} == {1, 22}
        queued = [answer for answer in answers if answer["code"] == 22]
        assert all(answer["properties"].keys() >= {"numberOfQueues"} for answer in queued)
        assert {scene.ended(answer["result"])["status"] for answer in answers} == {"SUCCESS"}
        # Those that are sent at once may overtake one another on their way.
        states = sorted(each["state"] for each in scene.books()["submissions"])
        assert states == sorted(answer["result"] for answer in answers)
