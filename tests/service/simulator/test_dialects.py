"""How the gateways differ, seen from outside."""

import pytest

from service.simulator.app import create_simulator
from service.simulator.dialects import DIALECTS, UnknownDialect, find_dialect
from service.simulator.options import SimulatorOptions
from service.simulator.postman import expand_hook

pytestmark = pytest.mark.journey

KEY = "sk-0123456789abcdef"
U1 = "MJ::JOB::upsample::1::26d56b92-4ed6-45e2-8561-563797923135"


@pytest.mark.parametrize(
    ("dialect", "headers", "status"),
    [
        ("midjourney-proxy", {"mj-api-secret": KEY}, 200),
        ("midjourney-proxy", {"mj-api-secret": "wrong"}, 401),
        ("midjourney-proxy", {"authorization": KEY}, 401),
        ("midjourney-proxy", {}, 401),
        ("trueai", {"authorization": KEY}, 200),
        ("trueai", {"mj-api-secret": KEY}, 200),
        ("trueai", {"authorization": f"Bearer {KEY}", "mj-api-secret": KEY}, 401),
        ("new-api", {"authorization": KEY}, 200),
        ("new-api", {"authorization": f"Bearer {KEY}"}, 200),
        ("new-api", {"authorization": f"Bearer {KEY.removeprefix('sk-')}"}, 200),
        ("new-api", {"mj-api-secret": KEY}, 200),
        ("new-api", {"authorization": "Bearer sk-wrong"}, 401),
        ("fuhuapi", {"authorization": KEY}, 200),
        ("fuhuapi", {"authorization": f"Bearer {KEY}"}, 401),
        ("deerapi", {"authorization": KEY}, 200),
        ("deerapi", {"mj-api-secret": KEY}, 401),
        ("kuaiwenwen", {"authorization": f"Bearer {KEY}"}, 200),
        ("kuaiwenwen", {"authorization": KEY}, 401),
        ("kuaiwenwen", {"authorization": f"Digest {KEY}"}, 401),
    ],
)
def test_each_gateway_reads_its_own_header(unserved, dialect, headers, status):
    gateway = unserved(dialect, key=KEY, headers=headers, grid_seconds=60)
    assert gateway.submit("imagine", prompt="猫").status_code == status
    assert gateway.counts()["submissions"] == (status == 200)


@pytest.mark.parametrize(
    ("dialect", "start"),
    [
        ("midjourney-proxy", ""),
        ("trueai", "Authorization header missing."),
        ("new-api", '{"error":{"message":"无效的令牌'),
    ],
)
def test_a_stranger_is_refused_in_its_own_words(unserved, dialect, start):
    gateway = unserved(dialect, key=KEY)
    for answer in (gateway.submit("imagine", prompt="猫"), gateway.http.get("/mj/task/17/fetch")):
        assert answer.status_code == 401
        assert answer.text.startswith(start)
        assert start or not answer.text


@pytest.mark.parametrize(
    ("dialect", "status", "body"),
    [
        ("midjourney-proxy", 200, b""),
        ("trueai", 204, b""),
        ("new-api", 400, b'{"description":"task_no_found ","type":"upstream_error","code":4}'),
    ],
)
def test_an_unknown_id_is_answered_in_its_own_words(unserved, dialect, status, body):
    answer = unserved(dialect).http.get("/mj/task/1320098173412546/fetch")
    assert (answer.status_code, answer.content) == (status, body)


PROXY, RELAY = "midjourney-proxy-plus", "new-api"


@pytest.mark.parametrize(
    ("dialect", "endpoint", "body", "status", "code", "description"),
    [
        (PROXY, "imagine", {}, 200, 4, "prompt不能为空"),
        (PROXY, "imagine", {"prompt": "  "}, 200, 4, "prompt不能为空"),
        (PROXY, "shorten", {}, 200, 4, "prompt不能为空"),
        (PROXY, "describe", {}, 200, 4, "base64不能为空"),
        (PROXY, "blend", {"base64Array": ["a"]}, 200, 4, "base64List参数错误"),
        (PROXY, "action", {"taskId": "17"}, 200, 4, "参数错误"),
        (PROXY, "action", {"taskId": "17", "customId": "MJ::BOOKMARK::x"}, 200, 4, "未知的 Action 类型"),
        (PROXY, "action", {"taskId": "17", "customId": U1}, 200, 3, "关联任务不存在或已失效"),
        (PROXY, "change", {"action": "REROLL"}, 200, 4, "taskId不能为空"),
        (PROXY, "change", {"taskId": "17", "action": "ZOOM"}, 200, 4, "action参数错误"),
        (PROXY, "change", {"taskId": "17", "action": "UPSCALE"}, 200, 4, "index参数错误"),
        (PROXY, "change", {"taskId": "17", "action": "REROLL"}, 200, 3, "关联任务不存在或已失效"),
        (PROXY, "simple-change", {"content": "17 U9"}, 200, 4, "content参数错误"),
        ("trueai", "action", {"taskId": "17", "customId": U1}, 404, 3, "关联任务不存在或已失效"),
        ("trueai", "imagine", {"prompt": "猫", "state": "s" * 256}, 200, 4, "State参数过长，最大255字符"),
        ("trueai", "imagine", {"prompt": "猫", "notifyHook": "h" * 2001}, 200, 4, "NotifyHook参数过长，最大2000字符"),
        (RELAY, "imagine", {}, 400, 4, "prompt_is_required "),
        (RELAY, "action", {"taskId": "17", "customId": U1}, 400, 4, "task_not_found "),
        (RELAY, "change", {"taskId": "17", "action": "REROLL"}, 400, 4, "index_is_required "),
    ],
)
def test_a_bad_request_is_refused_in_its_own_words(unserved, dialect, endpoint, body, status, code, description):
    gateway = unserved(dialect)
    answer = gateway.submit(endpoint, **body)
    assert (answer.status_code, answer.json()["code"], answer.json()["description"]) == (status, code, description)
    counts = gateway.counts()
    assert (counts["refused"], counts["submissions"]) == (1, 0)


@pytest.mark.parametrize(("dialect", "code"), [(PROXY, 4), ("trueai", 4), (RELAY, 4)])
def test_an_unfinished_task_cannot_be_clicked(simulate, dialect, code):
    gateway = simulate(dialect, grid_seconds=60)
    task_id = gateway.accepted("imagine", prompt="猫")
    answer = gateway.submit("action", taskId=task_id, customId=U1)
    words = "task_status_not_success " if dialect == RELAY else "关联任务状态错误"
    assert (answer.json()["code"], answer.json()["description"]) == (code, words)


def test_an_upscale_cannot_be_changed(simulate):
    gateway = simulate(settled=True)
    single = gateway.accepted(
        "change", taskId=gateway.grid(), action="UPSCALE", index=1, notifyHook=gateway.receiver.hook("u")
    )
    assert (
        gateway.submit("change", taskId=single, action="UPSCALE", index=1).json()["description"]
        == "关联任务不允许执行变化"
    )


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(unserved, content):
    assert unserved().http.post("/mj/submit/imagine", content=content).status_code == 400


def test_new_api_refuses_clicks_that_it_has_no_word_for(unserved):
    answer = unserved(RELAY).submit("action", taskId="17", customId='MJ::Job::PicReader::1"')
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": 'Invalid request, unknown_action:MJ::Job::PicReader::1"',
        "type": "new_api_error",
    }


def test_new_api_hides_that_a_task_is_queued(simulate):
    gateway = simulate(RELAY, slots=1, grid_seconds=60)
    answers = [gateway.submit("imagine", prompt="猫").json() for _ in range(2)]
    assert [answer["code"] for answer in answers] == [1, 1]
    assert answers[1]["description"] == "排队中，前面还有1个任务"


def test_rows_of_new_api_lag_and_are_its_own(simulate, receiver, clock):
    gateway = simulate(RELAY, clock=clock)
    grid = gateway.grid("一只猫", state="s")
    callback = receiver.wait_for("grid", "SUCCESS")
    fresh = gateway.fetch(grid)
    assert (fresh["status"], fresh["progress"], fresh["promptEn"]) == ("", "0%", "")
    assert (fresh["startTime"], fresh["finishTime"], fresh["imageUrl"], fresh["failReason"]) == (0, 0, "", "")
    refused = gateway.submit("action", taskId=grid, customId=U1)
    assert refused.status_code == 400
    assert refused.json() == {"code": 4, "description": "task_status_not_success ", "type": "upstream_error"}
    clock.now += 14.9
    assert gateway.fetch(grid)["status"] == ""
    clock.now += 0.2
    row = gateway.fetch(grid)
    assert (row["status"], row["promptEn"], row["state"]) == ("SUCCESS", "一只猫", "s")
    assert row["imageUrl"] == f"{gateway.url}/mj/image/{grid}"
    assert callback["imageUrl"].startswith(f"{gateway.url}/attachments/{grid}/")
    assert row["properties"] == {"finalPrompt": "一只猫", "finalZhPrompt": ""}
    assert callback["properties"]["notifyHook"] == receiver.hook("grid")
    assert row["buttons"] == callback["buttons"]
    assert gateway.accepted("action", taskId=grid, customId=U1)


def test_new_api_shows_a_failure_at_a_hundred_percent(simulate, receiver):
    gateway = simulate(RELAY, settled=True, vices={"lag": 0.0, "fail": 1.0})
    task_id = gateway.accepted("imagine", prompt="猫", notifyHook=receiver.hook("a"))
    assert receiver.wait_for("a", "FAILURE")["progress"] == ""
    row = gateway.fetch(task_id)
    assert (row["status"], row["progress"]) == ("FAILURE", "100%")
    assert row["failReason"]


def test_rows_of_new_api_have_its_own_actions(simulate, receiver):
    gateway = simulate(RELAY, settled=True, vices={"lag": 0.0})
    task_id = gateway.accepted(
        "action",
        taskId=gateway.grid(),
        customId=U1.replace("upsample", "high_variation"),
        notifyHook=receiver.hook("v"),
    )
    assert receiver.wait_for("v", "SUCCESS")["action"] == "VARIATION"
    assert gateway.fetch(task_id)["action"] == "HIGH_VARIATION"


@pytest.mark.parametrize(("vices", "notifies"), [({}, True), ({"strip_hook": 1.0}, False)])
def test_new_api_says_whether_it_notifies(unserved, vices, notifies):
    gateway = unserved("fuhuapi", key=KEY, vices=vices)
    assert gateway.http.get("/api/status").json()["data"]["mj_notify_enabled"] is notifies
    assert unserved().http.get("/api/status").status_code == 404


@pytest.mark.parametrize(
    ("prefix", "mode"),
    [("", None), ("/mj-fast", "fast"), ("/mj-relax", "relax"), ("/fast", "fast"), ("/relax", "relax")],
)
def test_kuaiwenwen_takes_the_mode_from_the_path(simulate, prefix, mode):
    gateway = simulate("kuaiwenwen", grid_seconds=60)
    answer = gateway.http.post(f"{prefix}/mj/submit/imagine", json={"prompt": "black cat"}).json()
    assert answer["code"] == 1
    assert gateway.http.get(f"{prefix}/mj/task/{answer['result']}/fetch").json()["id"] == answer["result"]
    assert gateway.books()["submissions"][0]["mode"] == mode


def test_kuaiwenwen_shows_raw_properties(simulate, receiver):
    gateway = simulate("kuaiwenwen", settled=True, vices={"lag": 0.0})
    properties = gateway.fetch(gateway.grid())["properties"]
    assert properties["discordChannelId"] == 8774786694361674000
    assert properties["notifyHook"] == receiver.hook("grid")


@pytest.mark.parametrize(
    ("dialect", "method", "path"),
    [
        ("midjourney-proxy", "POST", "/mj/submit/action"),
        ("midjourney-proxy", "POST", "/mj/submit/modal"),
        ("midjourney-proxy", "POST", "/mj/task/query"),
        ("midjourney-proxy", "POST", "/mj-fast/mj/submit/imagine"),
        ("trueai", "POST", "/mj/submit/change"),
        ("trueai", "POST", "/fast/mj/submit/imagine"),
        ("new-api", "POST", "/mj/submit/simple-change"),
        ("new-api", "GET", "/mj/task/list"),
        ("kuaiwenwen", "POST", "/mj/task/list-by-condition"),
        ("midjourney-proxy", "POST", "/mj/submit/edits"),
        ("midjourney-proxy", "POST", "/mj/insight-face/swap"),
        ("midjourney-proxy", "POST", "/mj/task/17/cancel"),
        ("midjourney-proxy-plus", "POST", "/mj/submit/video"),
        ("trueai", "GET", "/mj/task/queue"),
        ("new-api", "POST", "/mj/submit/retexture"),
        ("new-api", "POST", "/mj/task/17/cancel"),
        ("new-api", "POST", "/mj/task/list-by-ids"),
        ("fuhuapi", "POST", "/mj/insight-face/swap"),
        ("kuaiwenwen", "POST", "/mj/submit/video"),
    ],
)
def test_what_a_gateway_does_not_have_is_not_found(unserved, dialect, method, path):
    assert unserved(dialect).http.request(method, path, json={"prompt": "猫"}).status_code == 404


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_tells_the_whole_story(simulate, receiver, dialect):
    gateway = simulate(dialect, settled=True, vices={"lag": 0.0})
    assert gateway.fetch(gateway.grid("一只猫 in the rain"))["status"] == "SUCCESS"
    assert receiver.wait_for("grid", "SUCCESS")["prompt"] == "一只猫 in the rain"


def test_a_mistaken_dialect_is_answered_with_advice():
    with pytest.raises(UnknownDialect, match="did you mean new-api"):
        find_dialect("newapi")
    with pytest.raises(UnknownDialect, match="there are: midjourney-proxy"):
        create_simulator(SimulatorOptions(dialect="???"))


@pytest.mark.parametrize(
    ("hook", "called"),
    [
        ("http://a.test/hooks/abc-DEF_1.2~3?x=1&y=/", "http://a.test/hooks/abc-DEF_1.2~3?x=1&y=/"),
        ("http://a.test/hooks/a%2Fb", "http://a.test/hooks/a%252Fb"),
        ("http://a.test//hooks///a", "http://a.test/hooks/a"),
        ("http://a.test/hooks/{id}", None),
    ],
)
def test_spring_takes_a_hook_for_a_template(hook, called):
    assert expand_hook(hook) == called


def test_a_hook_that_is_a_broken_template_is_lost(simulate, receiver):
    gateway = simulate(settled=True)
    gateway.accepted("imagine", prompt="猫", notifyHook=receiver.hook("{id}"))
    counts = gateway.counts()
    assert (counts["callbacks_made"], counts["lost"]) == (9, 9)
