"""What begins something, field by field: taken as documented, or refused word for word."""

import pytest

PICTURE = "data:image/png;base64,iVBORw0KGgo="
OTHER = "data:image/png;base64,iVBORw0KGg8="
JAVA, PLUS, TRUEAI, RELAY = "midjourney-proxy", "midjourney-proxy-plus", "trueai", "new-api"


@pytest.mark.parametrize(
    ("dialect", "endpoint", "body", "status", "code", "description"),
    [
        (JAVA, "submit/imagine", {"prompt": "猫", "base64Array": ["x"]}, 200, 4, "base64格式错误"),
        (JAVA, "submit/imagine", {"prompt": "猫", "base64": "x"}, 200, 4, "base64格式错误"),
        (RELAY, "submit/imagine", {"prompt": "猫", "base64Array": [PICTURE, 7]}, 200, 4, "base64格式错误"),
        (JAVA, "submit/describe", {"base64": "x"}, 200, 4, "base64格式错误"),
        (JAVA, "submit/describe", {"link": "https://a.test/a.png"}, 200, 4, "base64不能为空"),
        (TRUEAI, "submit/describe", {}, 200, 4, "base64或link不能为空"),
        (TRUEAI, "submit/describe", {"link": "a.png"}, 200, 4, "链接格式错误"),
        (PLUS, "submit/blend", {"base64Array": [PICTURE] * 6}, 200, 4, "base64List参数错误"),
        (TRUEAI, "submit/blend", {"base64Array": [PICTURE]}, 200, 4, "图片参数错误，2~5张图片"),
        (JAVA, "submit/blend", {"base64Array": [PICTURE, OTHER], "dimensions": None}, 200, 4, "dimensions参数错误"),
        (JAVA, "submit/blend", {"base64Array": [PICTURE, "x"]}, 200, 4, "base64格式错误"),
        (TRUEAI, "submit/edits", {"prompt": "猫"}, 200, 4, "image或prompt不能为空"),
        (TRUEAI, "submit/retexture", {"image": PICTURE}, 200, 4, "image或prompt不能为空"),
        (TRUEAI, "submit/edit", {"prompt": "猫", "image": "???"}, 200, 4, "base64格式错误"),
        (TRUEAI, "submit/video", {"image": PICTURE}, 200, 4, "Prompt 不能为空"),
        (TRUEAI, "submit/video", {"prompt": "猫", "endImage": "???"}, 200, 4, "base64格式错误"),
        (TRUEAI, "insight-face/swap", {"targetBase64": PICTURE}, 200, 4, "人脸图片不能为空"),
        (TRUEAI, "insight-face/swap", {"sourceUrl": "https://a.test/a.png"}, 200, 4, "目标图片不能为空"),
        (
            TRUEAI,
            "insight-face/swap",
            {"sourceBase64": PICTURE, "targetBase64": PICTURE},
            200,
            4,
            "人脸图片和目标图片不能相同",
        ),
        (
            RELAY,
            "insight-face/swap",
            {"sourceBase64": PICTURE, "targetUrl": "https://a.test/a.png"},
            400,
            4,
            "sour_base64_and_target_base64_is_required ",
        ),
    ],
)
def test_a_bad_request_is_refused_in_its_own_words(unserved, dialect, endpoint, body, status, code, description):
    gateway = unserved(dialect)
    answer = gateway.http.post(f"/mj/{endpoint}", json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["description"]) == (status, code, description)
    assert gateway.counts()["refused"] == 1


def test_a_dimension_that_is_none_is_a_bad_request(unserved):
    body = {"base64Array": [PICTURE, OTHER], "dimensions": "ROUND"}
    assert unserved().submit("blend", **body).status_code == 400


def test_long_states_are_refused_by_whoever_catches_the_exception(unserved):
    state = "s" * 256
    caught = unserved("trueai").submit("imagine", prompt="猫", state=state).json()
    thrown = unserved("trueai").submit("shorten", prompt="猫", state=state).json()
    assert (caught["code"], caught["description"]) == (4, "State参数过长，最大255字符")
    assert (thrown["success"], thrown["code"], thrown["message"]) == (False, 0, "State参数过长，最大255字符")


def test_uploads_are_counted(unserved):
    gateway = unserved(grid_seconds=60)
    gateway.accepted("imagine", prompt="猫", base64Array=[PICTURE, OTHER], base64=PICTURE)
    gateway.accepted("blend", base64Array=[PICTURE, OTHER], dimensions="PORTRAIT")
    gateway.accepted("describe", base64=PICTURE)
    books = gateway.books()
    assert [each["uploads"] for each in books["submissions"]] == [3, 2, 1]
    assert [each["dimensions"] for each in books["submissions"]] == [None, "PORTRAIT", None]
    assert books["counts"]["uploads"] == 6


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("imagine", {"prompt": "猫", "base64Array": [PICTURE]}),
        ("describe", {"base64": PICTURE}),
        ("edits", {"prompt": "猫", "image": PICTURE}),
        ("upload-discord-images", {"base64Array": [PICTURE]}),
    ],
)
def test_trueai_may_forbid_uploads(unserved, endpoint, body):
    forbidding = unserved("trueai", vices={"no_uploads": 1.0})
    assert forbidding.submit(endpoint, **body).json()["description"] == "禁止上传"
    assert forbidding.submit("imagine", prompt="猫", base64Array=[]).json()["code"] == 1
    assert forbidding.submit("blend", base64Array=[PICTURE, OTHER]).json()["code"] == 1


def test_a_picture_may_be_a_link_where_the_gateway_takes_links(unserved):
    gateway, link = unserved("trueai", upscale_seconds=60), "https://a.test/a.png"
    gateway.accepted("describe", link=link)
    gateway.accepted("edits", prompt="猫", image=link)
    gateway.accepted("edit", prompt="猫", image="iVBORw0KGgo=")
    swap = {"sourceUrl": link, "targetBase64": PICTURE}
    assert gateway.http.post("/mj/insight-face/swap", json=swap).json()["code"] == 1
    assert [each["uploads"] for each in gateway.books()["submissions"]] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("dialect", "endpoint", "action", "row_action"),
    [
        (TRUEAI, "edits", "EDIT", "EDIT"),
        (TRUEAI, "edit", "EDIT", "EDIT"),
        (TRUEAI, "retexture", "RETEXTURE", "RETEXTURE"),
        (RELAY, "edits", "EDIT", "EDITS"),
    ],
)
def test_edits_and_retextures_make_grids(simulate, receiver, dialect, endpoint, action, row_action):
    gateway = simulate(dialect, settled=True, vices={"lag": 0.0})
    task_id = gateway.accepted(endpoint, prompt="戴帽子", image=PICTURE, notifyHook=receiver.hook("e"))
    done = receiver.wait_for("e", "SUCCESS")
    assert (done["action"], done["buttons"][0]["label"]) == (action, "U1")
    assert gateway.fetch(task_id)["action"] == row_action


def test_a_swapped_face_is_one_picture_without_buttons(simulate, receiver):
    body = {"sourceBase64": PICTURE, "targetBase64": OTHER, "notifyHook": receiver.hook("s")}
    assert simulate(PLUS, settled=True).http.post("/mj/insight-face/swap", json=body).json()["code"] == 1
    assert sorted(receiver.steps("s")) == [("SUBMITTED", "0%"), ("SUCCESS", "100%")]
    done = receiver.wait_for("s", "SUCCESS")
    assert (done["action"], done["buttons"]) == ("SWAP_FACE", [])


@pytest.mark.parametrize(
    ("dialect", "path", "body", "mode"),
    [
        (TRUEAI, "/mj", {"accountFilter": {"modes": ["RELAX", "FAST"]}}, "relax"),
        (TRUEAI, "/mj-turbo/mj", {"accountFilter": {"modes": ["RELAX"]}}, "turbo"),
        (TRUEAI, "/mj", {"prompt": "a fast cat --turbo --fast"}, "turbo"),
        (PLUS, "/mj", {"accountFilter": {"modes": ["FAST"], "remix": True, "instanceId": "1"}}, "fast"),
        (PLUS, "/mj", {"accountFilter": "FAST", "mode": "fast", "noStorage": True}, None),
        (JAVA, "/mj", {"accountFilter": {"modes": ["FAST"]}}, None),
        (RELAY, "/mj", {"accountFilter": {"modes": ["FAST"]}, "mode": "fast"}, None),
    ],
)
def test_the_mode_comes_from_the_path_or_the_filter_or_the_prompt(unserved, dialect, path, body, mode):
    gateway = unserved(dialect)
    assert gateway.http.post(f"{path}/submit/imagine", json={"prompt": "猫", **body}).json()["code"] == 1
    assert gateway.books()["submissions"][0]["mode"] == mode


@pytest.mark.parametrize(
    ("given", "shown"),
    [("NIJI_JOURNEY", "NIJI_JOURNEY"), ("niji", "NIJI_JOURNEY"), ("mj", "MID_JOURNEY"), ("?", "MID_JOURNEY")],
)
def test_a_click_inherits_the_bot(simulate, given, shown):
    gateway = simulate(TRUEAI, settled=True)
    grid = gateway.grid(botType=given)
    custom_id = gateway.fetch(grid)["buttons"][0]["customId"]
    child = gateway.accepted("action", taskId=grid, customId=custom_id)
    assert {gateway.fetch(each)["properties"]["botType"] for each in (grid, child)} == {shown}


@pytest.mark.parametrize(("dialect", "told"), [(JAVA, True), (TRUEAI, True), (PLUS, False)])
def test_what_describe_found_stands_in_the_prompt_of_some(simulate, dialect, told):
    gateway = simulate(dialect, upscale_seconds=0.0)
    task_id = gateway.accepted("describe", base64=PICTURE)
    gateway.until(lambda: gateway.fetch(task_id)["status"] == "SUCCESS")
    row = gateway.fetch(task_id)
    assert row["properties"]["finalPrompt"].count("️⃣") == 4
    assert row["prompt"] == row["promptEn"] == (row["properties"]["finalPrompt"] if told else "")
