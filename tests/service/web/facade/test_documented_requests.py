"""The requests that the pages of three resellers show, sent with curl as they stand there, and every field documented.

Read in the call guides of FuhuAPI and DeerAPI, which agree but for the host, and of KuaiWenWen. Only host, key, the ids
of tasks and the placeholders of pictures are ours.
"""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.journey

API_KEY = "api-0123456789abcdef"
ENVELOPE = {"code": int, "description": str, "properties": dict}
ROW = {
    **dict.fromkeys(("action", "description", "failReason", "id", "imageUrl", "progress"), str),
    **dict.fromkeys(("prompt", "promptEn", "state", "status"), str),
    **dict.fromkeys(("finishTime", "startTime", "submitTime"), int),
    "buttons": list,
    "properties": dict,
}
BUTTON = {"customId": str, "emoji": str, "label": str, "style": int, "type": int}
STATUSES = {"NOT_START", "SUBMITTED", "MODAL", "IN_PROGRESS", "FAILURE", "SUCCESS"}
INPAINT = "MJ::Inpaint::1::3dbbd469-36af-4a0f-8f02-df6c579e7011::SOLO"


def curl(*words: str) -> dict[str, Any]:
    done = subprocess.run(["curl", "--silent", "--show-error", *words], capture_output=True, check=True, timeout=30)
    return dict(json.loads(done.stdout))


def submitted(answer: dict[str, Any]) -> str:
    """The id in an answer that is as documented."""
    assert {name: type(answer[name]) for name in ENVELOPE} == ENVELOPE
    assert answer["code"] in (1, 21, 22), answer
    assert isinstance(answer["result"], str) and answer["result"].isdecimal()
    return str(answer["result"])


def checked(row: dict[str, Any]) -> dict[str, Any]:
    """A row that is as documented."""
    assert {name: type(row[name]) for name in ROW} == ROW
    assert all({name: type(button[name]) for name in BUTTON} == BUTTON for button in row["buttons"])
    assert row["status"] in STATUSES
    return row


@pytest.mark.parametrize("preset", ["fuhuapi", "deerapi"])
def test_the_guide_of_fuhuapi_and_deerapi(play: Callable[..., Any], preset: str) -> None:
    with play(preset) as scene:
        host, key = scene.ringback.url, ("-H", f"Authorization: {API_KEY}", "-H", "Content-Type: application/json")

        def post(path: str, body: str) -> str:
            return submitted(curl("--request", "POST", f"{host}{path}", *key, "--data", body))

        def fetch(task_id: str) -> dict[str, Any]:
            form = ("-H", "Content-Type: application/x-www-form-urlencoded")
            return checked(curl(f"{host}/mj/task/{task_id}/fetch", *key[:2], *form))

        imagine = '{\n    "base64Array": [],\n    "notifyHook": "",\n    "prompt": "Cat",\n    "state": ""\n}'
        grid = post("/mj/submit/imagine", imagine)
        fetch(grid)
        scene.ended(grid)
        row = fetch(grid)
        assert (row["id"], row["status"], row["progress"]) == (grid, "SUCCESS", "100%")
        assert all(isinstance(row[name], str) for name in ("customId", "botType", "maskBase64"))
        assert row["properties"].keys() >= {"finalPrompt", "finalZhPrompt"}
        change = (
            '{\n    "action": "UPSCALE",\n    "index": 1,\n    "notifyHook": "",\n    "state": "",\n'
            f'    "taskId": "{grid}"\n}}'
        )
        single = post("/mj/submit/change", change)
        scene.ended(single)
        assert (fetch(single)["action"], fetch(single)["buttons"][0]["emoji"]) == ("UPSCALE", "upscale_1")
        window = post("/mj/submit/action", json.dumps({"customId": INPAINT, "taskId": single}))
        assert fetch(window)["status"] == "MODAL"
        modal = f'{{\n    "maskBase64": "",\n    "prompt": "",\n    "taskId": "{window}"\n}}'
        assert post("/mj/submit/modal", modal) == window
        assert scene.ended(window)["status"] == "SUCCESS"


def test_the_guide_of_kuaiwenwen(play: Callable[..., Any], png: str) -> None:
    with play("kuaiwenwen") as scene:
        host = scene.ringback.url
        key = ("--header", f"Authorization: Bearer {API_KEY}", "-H", "Content-Type: application/json")

        def post(path: str, body: str) -> str:
            # The page has the method in small letters.
            return submitted(curl("--request", "post", "--url", f"{host}{path}", *key, "--data", body))

        def fetch(task_id: str) -> dict[str, Any]:
            return checked(curl("--request", "GET", "--url", f"{host}/fast/mj/task/{task_id}/fetch", *key))

        grid = post("/fast/mj/submit/imagine", '{\n  "base64Array": [],\n  "prompt": "black cat"\n}')
        scene.ended(grid)
        row = fetch(grid)
        assert [button["label"] for button in row["buttons"]] == ["U1", "U2", "U3", "U4", "", "V1", "V2", "V3", "V4"]
        texts = ("botType", "finalPrompt", "messageContent", "messageHash", "messageId", "nonce", "notifyHook")
        assert all(isinstance(row["properties"][name], str) for name in (*texts, "progressMessageId"))
        numbers = ("discordChannelId", "discordInstanceId", "flags")
        assert all(isinstance(row["properties"][name], int) for name in numbers)
        assert row["properties"]["notifyHook"] == "", "ours is nobody else's business"
        post("/mj-relax/mj/submit/imagine", '{\n  "base64Array": [],\n  "prompt": "Cat"\n}')
        blend = f'{{\n  "base64Array": [\n    "{png}",\n    "{png}"\n  ],\n  "dimensions": "SQUARE"\n}}'
        post("/mj-fast/mj/submit/blend", blend)
        post("/mj/submit/describe", f'{{\n  "base64": "{png}"\n}}')
        post("/mj/submit/shorten", '{\n  "prompt": "Cat"\n}')
        custom_id = "MJ::JOB::upsample::2::3dbbd469-36af-4a0f-8f02-df6c579e7011"  # the page's, and none of this grid's
        clicked = post("/mj/submit/action", f'{{\n  "customId": "{custom_id}",\n  "taskId": "{grid}"\n}}')
        assert scene.ended(clicked)["action"] == "UPSCALE"


def test_pictures_that_are_placeholders_are_told_so(ringback: Any) -> None:
    key = ("-H", f"Authorization: {API_KEY}", "-H", "Content-Type: application/json")
    printed = '{\n  "base64": "data:image/png;base64,xxx"\n}'
    answer = curl(f"{ringback.url}/mj/submit/describe", *key, "--data", printed)
    assert {name: type(answer[name]) for name in ENVELOPE} == ENVELOPE
    assert answer["code"] == 4
