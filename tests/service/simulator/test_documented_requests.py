"""The requests that the pages of three resellers show, with what they say of the answers.

Read in the call guides of FuhuAPI and DeerAPI, which agree but for the host, and of KuaiWenWen.
"""

import pytest

CLICK = {"customId": "MJ::JOB::upsample::2::3dbbd469-36af-4a0f-8f02-df6c579e7011"}
WINDOW = "MJ::Inpaint::1::3dbbd469-36af-4a0f-8f02-df6c579e7011::SOLO"
ENVELOPE = {"code": int, "description": str, "properties": dict}
ROW = {
    **dict.fromkeys(("action", "description", "failReason", "id", "imageUrl", "progress"), str),
    **dict.fromkeys(("prompt", "promptEn", "state", "status"), str),
    **dict.fromkeys(("finishTime", "startTime", "submitTime"), int),
    "buttons": list,
    "properties": dict,
}
BUTTON = {"customId": str, "emoji": str, "label": str, "style": int, "type": int}
KEY = "sk-0123456789abcdef"


def answered(response):
    """The id in an answer that is as documented."""
    body = response.json()
    assert response.status_code == 200
    assert {name: type(body[name]) for name in ENVELOPE} == ENVELOPE
    assert body["code"] in (1, 21, 22)
    assert str(body["result"]).isdecimal()
    return str(body["result"])


def fetched(gateway, path):
    """A row that is as documented, once its task has ended."""
    gateway.until(lambda: gateway.http.get(path).json()["progress"] == "100%")
    row = gateway.http.get(path).json()
    assert {name: type(row[name]) for name in ROW} == ROW
    assert all({name: type(button[name]) for name in BUTTON} == BUTTON for button in row["buttons"])
    return row


@pytest.mark.parametrize("numeric", [0.0, 1.0])
@pytest.mark.parametrize("dialect", ["fuhuapi", "deerapi"])
def test_fuhuapi_and_deerapi_answer_what_their_guide_asks(simulate, dialect, numeric):
    vices = {"lag": 0.0, "numeric_result": numeric}
    gateway = simulate(dialect, key=KEY, headers={"Authorization": KEY}, vices=vices)

    def submit(endpoint, body):
        return answered(gateway.http.post(f"/mj/submit/{endpoint}", json=body))

    grid = submit("imagine", {"base64Array": [], "notifyHook": "", "prompt": "Cat", "state": ""})
    row = fetched(gateway, f"/mj/task/{grid}/fetch")
    assert (row["id"], row["status"], row["customId"], row["botType"]) == (grid, "SUCCESS", "", "")
    assert (row["maskBase64"], set(row["properties"])) == ("", {"finalPrompt", "finalZhPrompt"})
    assert row["imageUrl"] == f"{gateway.url}/mj/image/{grid}"
    change = {"action": "UPSCALE", "index": 1, "notifyHook": "", "state": "", "taskId": grid}
    single = fetched(gateway, f"/mj/task/{submit('change', change)}/fetch")
    assert (single["action"], single["buttons"][0]["emoji"]) == ("UPSCALE", "upscale_1")
    submit("action", {**CLICK, "taskId": grid})
    window = submit("action", {"customId": WINDOW, "taskId": grid})
    assert submit("modal", {"maskBase64": "", "prompt": "", "taskId": window}) == window
    # Their menus name these beside the guide.
    picture = "data:image/png;base64,xxx"
    submit("blend", {"base64Array": [picture, picture]})
    submit("describe", {"base64": picture})
    submit("video", {"prompt": "Cat", "image": picture})
    submit("edits", {"prompt": "Cat", "image": picture})
    assert gateway.http.post("/mj/task/query", json={"pageNumber": 0, "pageSize": 3}).json()["totalElements"] == 8


@pytest.mark.parametrize("mode", ["/fast", "/mj-fast", "/mj-relax"])
def test_kuaiwenwen_answers_what_its_guide_asks(simulate, mode):
    gateway = simulate("kuaiwenwen", key=KEY, headers={"Authorization": f"Bearer {KEY}"}, vices={"lag": 0.0})

    def submit(endpoint, body):
        return answered(gateway.http.post(f"{mode}/mj/submit/{endpoint}", json=body))

    grid = submit("imagine", {"base64Array": [], "prompt": "black cat"})
    row = fetched(gateway, f"{mode}/mj/task/{grid}/fetch")
    assert [button["label"] for button in row["buttons"]] == ["U1", "U2", "U3", "U4", "", "V1", "V2", "V3", "V4"]
    texts = ("botType", "finalPrompt", "messageContent", "messageHash", "messageId", "nonce", "notifyHook")
    assert all(isinstance(row["properties"][name], str) for name in (*texts, "progressMessageId"))
    numbers = ("discordChannelId", "discordInstanceId", "flags")
    assert all(isinstance(row["properties"][name], int) for name in numbers)
    pictures = ["data:image/png;base64,xxx1", "data:image/png;base64,xxx2"]
    submit("blend", {"base64Array": pictures, "dimensions": "SQUARE"})
    submit("describe", {"base64": "data:image/png;base64,xxx"})
    submit("shorten", {"prompt": "Cat"})
    submit("action", {**CLICK, "taskId": grid})
    window = submit("action", {"customId": WINDOW, "taskId": grid})
    assert submit("modal", {"maskBase64": "", "prompt": "", "taskId": window}) == window
    assert {each["mode"] for each in gateway.books()["submissions"]} == {mode.removeprefix("/").removeprefix("mj-")}
