"""`/v1/tasks` over real HTTP."""

import threading
import time
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from storage.tasks import list_chain

UNKNOWN = "8999999999999999"


def test_a_task_is_opened_and_answered_before_the_gateway_is(ringback: Any) -> None:
    answer = ringback.post(
        "/v1/tasks", {"prompt": "  一只猫 --ar 16:9 --tile", "tags": ["a", "b", "a"], "state": "theirs", "then": ["U1"]}
    )
    assert answer.status_code == 202
    task = answer.json()
    assert task["id"].startswith("8") and len(task["id"]) == 16
    assert (task["status"], task["submission"], task["gateway"]) == ("NOT_START", "planned", "midjourney-proxy")
    assert task["params"] == {"ar": "16:9", "tile": True}
    assert (task["tags"], task["state"], task["origin"]) == (["a", "b"], "theirs", "api")
    assert (task["root_id"], task["parent_id"], task["depth"]) == (task["id"], None, 0)
    assert task["created_at"].endswith("Z")
    submitted = ringback.gateway.wait_for(task["id"])
    assert submitted["prompt"] == "  一只猫 --ar 16:9 --tile"
    assert submitted["state"] == task["id"]  # ours; the client's own comes back from us alone
    assert submitted["notifyHook"].startswith(f"{ringback.url}/hooks/")


def test_a_task_is_followed_to_its_ending(ringback: Any) -> None:
    task = ringback.open()
    assert ringback.call_back(task["id"], "IN_PROGRESS", progress="31%").json() == {"ok": True}
    assert ringback.task(task["id"])["progress"] == 31
    ended = ringback.succeed(task["id"], failReason="")
    assert (ended["status"], ended["progress"], ended["submission"]) == ("SUCCESS", 100, "accepted")
    assert ended["gateway_id"] == ringback.gateway.ids[task["id"]]
    assert [button["label"] for button in ended["buttons"][:4]] == ["U1", "U2", "U3", "U4"]
    assert ended["finished_at"] is not None


def test_a_refusal_of_the_gateway_fails_the_task(ringback: Any) -> None:
    ringback.gateway.answer = lambda _: JSONResponse({"code": 24, "description": "可能包含敏感词", "result": None})
    try:
        task = ringback.open()
        ended = ringback.get(f"/v1/tasks/{task['id']}", wait=10).json()
    finally:
        ringback.gateway.answer = None
    assert (ended["status"], ended["submission"]) == ("FAILURE", "rejected")
    assert (ended["fail_kind"], ended["fail_reason"]) == ("moderation", "可能包含敏感词")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "   "}, "prompt: it is blank"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": "x" * 20_001}, "prompt"),
        ({"promt": "x"}, "promt"),
        ({"prompt": "x", "colour": 1}, "There is no field `colour`"),
        ({"prompt": "x", "gateway": "nowhere"}, "'nowhere' is not configured; there is midjourney-proxy"),
        ({"prompt": "x", "action": "DANCE"}, "action"),
        ({"prompt": "x", "tags": [""]}, "tags"),
        ({"prompt": "x", "tags": ["t"] * 33}, "tags"),
        ({"prompt": "x", "tags": "t"}, "tags"),
        ({"prompt": "x", "state": "s" * 1001}, "state"),
        ({"prompt": "x", "origin": "rule:x"}, "origin"),
        ({"prompt": "x", "then": ["U9"]}, "then"),
        ({"prompt": "x", "then": ["U1"] * 9}, "then"),
        ([], "The body: expected an object, found a list"),
        ("x", "found text"),
        (None, "null"),
    ],
)
def test_what_cannot_be_opened_is_explained(ringback: Any, body: Any, says: str) -> None:
    answer = ringback.http.post("/v1/tasks", json=body) if body is not None else post_raw(ringback, b"null")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


def test_every_mistake_of_a_body_is_told_at_once(ringback: Any) -> None:
    body = {"promt": "x", "action": "DANCE", "tags": ["a", 1], "then": "U1", "state": None}
    answer = ringback.post("/v1/tasks", body)
    assert answer.status_code == 422
    said = answer.json()
    assert [each.partition(":")[0] for each in said["errors"]] == [
        "There is no field `promt` (did you mean 'prompt'?)",
        *("tags", "then"),
    ]
    assert said["detail"] == "; ".join(said["errors"])
    meant = {"gateway": "nowhere", "then": ["U9", "V7"], "images": ["x"] * 6, "options": {"bot": 1, "mode": "slow"}}
    errors = ringback.post("/v1/tasks", meant).json()["errors"]
    assert sorted(each.partition(":")[0] for each in errors) == sorted(
        [*("gateway", "prompt", "then", "then", "images", "options", "options")]
    )


def post_raw(ringback: Any, body: bytes, media_type: str = "application/json") -> Any:
    return ringback.http.post("/v1/tasks", content=body, headers={"content-type": media_type})


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b'{"prompt": "\\ud800"}', b"[" * 100_000, b'{"prompt":"a"} x']
)
def test_what_is_no_json_is_422(ringback: Any, body: bytes) -> None:
    answer = post_raw(ringback, body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"].startswith("The body")


# --- the list


def test_tasks_are_listed_newest_first_page_by_page(ringback: Any) -> None:
    opened = [ringback.open(tags=["paged"])["id"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = ringback.get("/v1/tasks", tag="paged", limit=2, **({"cursor": cursor} if cursor else {})).json()
        assert len(page["tasks"]) <= 2
        seen += [task["id"] for task in page["tasks"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == opened[::-1]


def test_tasks_are_found_by_each_filter(ringback: Any) -> None:
    grid = ringback.grid(prompt="Ein Häuschen 在山上", tags=["filtered"], state="s-1")
    child = ringback.post(f"/v1/tasks/{grid['id']}/click", {"button": "U1"}).json()
    other = ringback.open(prompt="a house", tags=["filtered"], state="s-2")

    def found(**query: Any) -> set[str]:
        return {task["id"] for task in ringback.get("/v1/tasks", **query).json()["tasks"]}

    assert found(tag="filtered") == {grid["id"], child["id"], other["id"]}
    assert found(tag="filtered", status="SUCCESS") == {grid["id"]}
    assert found(tag="filtered", status="SUCCESS,NOT_START") == {grid["id"], child["id"], other["id"]}
    assert found(tag="filtered", action="UPSCALE") == {child["id"]}
    assert found(tag="filtered", gateway="elsewhere") == set()
    assert found(tag="filtered", gateway="midjourney-proxy", state="s-2") == {other["id"]}
    assert found(root=grid["id"]) == {grid["id"], child["id"]}
    assert found(tag="filtered", q="在山") == {grid["id"], child["id"]}
    assert found(tag="filtered", q="HOUSE") == {other["id"]}
    assert found(tag="filtered", q="%") == set()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"colour": "red"}, "colour: no such parameter"),
        ({"limits": "5"}, "did you mean 'limit'?"),
        ({"limit": "0"}, "limit: expected 1 to 1000"),
        ({"limit": "1001"}, "limit: expected 1 to 1000"),
        ({"limit": "many"}, "limit: expected a number"),
        ({"limit": "1.5"}, "limit: expected a number"),
        ({"status": "SUCCES"}, "status: there is no 'SUCCES' (did you mean 'SUCCESS'?)"),
        ({"status": "FAILURE,success"}, "status: there is no 'success' (did you mean 'SUCCESS'?)"),
        ({"action": "imagin,upscal"}, "action: there is no 'imagin' (did you mean 'IMAGINE'?), there is no 'upscal'"),
    ],
)
def test_a_wrong_query_is_named(ringback: Any, query: dict[str, str], says: str) -> None:
    answer = ringback.get("/v1/tasks", **query)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert len(answer.json()["errors"]) == 1


def test_a_gateways_own_words_are_looked_for(ringback: Any) -> None:
    task = ringback.open()
    assert ringback.call_back(task["id"], "宇宙", progress="1%").status_code == 200
    found = ringback.get("/v1/tasks", status="宇宙,QUEUED_UP").json()["tasks"]
    assert [each["id"] for each in found] == [task["id"]]
    assert ringback.get("/v1/tasks", action="DANCE").json()["tasks"] == []


def test_every_mistake_of_a_query_is_named_at_once(ringback: Any) -> None:
    assert len(ringback.get("/v1/tasks", limit="x", colour="y").json()["errors"]) == 2


@pytest.mark.parametrize("path", ["", "/events", "/chain", "/firings", "/submissions"])
def test_a_task_that_is_none_is_404(ringback: Any, path: str) -> None:
    for task_id in (UNKNOWN, "x", "%00", "..%2F..", "1 OR 1=1"):
        answer = ringback.get(f"/v1/tasks/{task_id}{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


# --- waiting


def test_a_wait_is_answered_when_the_task_ends(ringback: Any) -> None:
    task = ringback.open()
    ringback.gateway.wait_for(task["id"])
    timer = threading.Timer(0.1, lambda: ringback.succeed(task["id"]))
    timer.start()
    began = time.monotonic()
    ended = ringback.get(f"/v1/tasks/{task['id']}", wait=10).json()
    assert ended["status"] == "SUCCESS"
    assert time.monotonic() - began < 5
    timer.join()
    assert ringback.get(f"/v1/tasks/{task['id']}", wait=10).elapsed.total_seconds() < 5  # it has ended already


def test_a_wait_is_answered_when_the_time_is_up(ringback: Any) -> None:
    task = ringback.open()
    answer = ringback.get(f"/v1/tasks/{task['id']}", wait=0.1)
    assert answer.json()["status"] == "NOT_START"
    assert answer.elapsed.total_seconds() >= 0.1


@pytest.mark.parametrize("wait", ["-1", "61", "nan", "inf", "soon"])
def test_a_wait_that_makes_no_sense_is_422(ringback: Any, wait: str) -> None:
    assert ringback.get(f"/v1/tasks/{UNKNOWN}", wait=wait).status_code == 422
    assert ringback.get(f"/v1/tasks/{UNKNOWN}", **{"for": "tea"}).status_code == 422


def test_waiting_for_a_chain_waits_for_its_follow_ups(ringback: Any) -> None:
    root = ringback.open(then=["U1"])
    ringback.succeed(root["id"])
    path = f"/v1/tasks/{root['id']}"
    assert ringback.get(path, wait=0.1).elapsed.total_seconds() < 0.1
    waited = ringback.get(path, wait=0.1, **{"for": "chain"})
    assert waited.elapsed.total_seconds() >= 0.1
    child = ringback.get(f"{path}/chain").json()["tasks"][1]
    timer = threading.Timer(0.05, lambda: ringback.succeed(child["id"]))
    timer.start()
    began = time.monotonic()
    assert ringback.get(path, wait=10, **{"for": "chain"}).status_code == 200
    assert time.monotonic() - began < 5
    timer.join()
    assert ringback.task(child["id"])["status"] == "SUCCESS"


def test_who_waits_for_a_task_or_its_chain_looks_only_when_that_moves(
    ringback: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, listeners, answers = [], ringback.service.store.bell._listeners, []

    def look(db: Any, task_id: str) -> Any:
        looked.append(task_id)
        return list_chain(db, task_id)

    monkeypatch.setattr("service.web.api.tasks.list_chain", look)
    root, other = ringback.grid(), ringback.open()
    first = ringback.post(f"/v1/tasks/{root['id']}/click", {"button": "U1"}).json()
    ringback.gateway.wait_for(first["id"])

    def wait() -> None:
        answers.append(ringback.get(f"/v1/tasks/{root['id']}", wait=10, **{"for": "chain"}))

    def wait_until_heard(task_id: str) -> None:
        deadline = time.monotonic() + 10
        while task_id not in listeners:
            assert time.monotonic() < deadline, "nobody listens to that task"

    waiting = threading.Thread(target=wait)
    waiting.start()
    wait_until_heard(first["id"])
    second = ringback.post(f"/v1/tasks/{root['id']}/click", {"button": "U2"}).json()
    ringback.gateway.wait_for(second["id"])
    for percent in range(1, 40):
        ringback.call_back(other["id"], "IN_PROGRESS", progress=f"{percent}%")
    ringback.succeed(first["id"])
    wait_until_heard(second["id"])  # it was clicked after the wait began, and silently
    assert answers == []
    ringback.succeed(second["id"])
    waiting.join(10)
    assert answers[0].status_code == 200
    assert len(looked) < 20, "it looked for the sake of another task"


# --- history, chain, firings, submissions


def test_a_history_is_told_in_order_with_the_task_as_it_was(ringback: Any) -> None:
    task = ringback.open()
    ringback.call_back(task["id"], "IN_PROGRESS", progress="31%")
    ringback.succeed(task["id"])
    page = ringback.get(f"/v1/tasks/{task['id']}/events").json()
    told = ["task.submitted", "task.progressed", "task.succeeded", "chain.settled"]
    assert [event["type"] for event in page["events"]] == told
    assert [event["task"]["progress"] for event in page["events"]] == [None, 31, 100, 100]
    seqs = [event["seq"] for event in page["events"]]
    assert seqs == sorted(seqs)
    rest = ringback.get(f"/v1/tasks/{task['id']}/events", after=seqs[0], limit=1).json()
    assert ([event["seq"] for event in rest["events"]], rest["next"]) == ([seqs[1]], seqs[1])


def test_a_chain_and_what_was_decided_about_it_are_shown(ringback: Any) -> None:
    root = ringback.grid(then=["U1", "U2"])
    chain = ringback.get(f"/v1/tasks/{root['id']}/chain").json()
    assert [task["button"] for task in chain["tasks"]] == [None, "U1", "U2"]
    child = chain["tasks"][1]
    assert (child["parent_id"], child["root_id"], child["depth"], child["origin"]) == (
        root["id"],
        root["id"],
        1,
        "then",
    )
    of_child = ringback.get(f"/v1/tasks/{child['id']}/chain").json()["tasks"]
    assert [task["id"] for task in of_child] == [task["id"] for task in chain["tasks"]]
    firing = ringback.get(f"/v1/tasks/{root['id']}/firings").json()["firings"][0]
    assert (firing["rule"], firing["outcome"]) == ("then", "fired")
    assert [action["task_id"] for action in firing["actions"]] == [task["id"] for task in chain["tasks"][1:]]


def test_what_the_gateway_answered_to_each_paid_post_is_shown_without_its_hook(ringback: Any) -> None:
    task = ringback.open()
    hook = ringback.gateway.wait_for(task["id"])["notifyHook"]
    assert ringback.get("/v1/events", task=task["id"], wait=10).json()["events"]  # the answer is written down
    answer = ringback.get(f"/v1/tasks/{task['id']}/submissions")
    (submission,) = answer.json()["submissions"]
    assert (submission["kind"], submission["state"], submission["attempts"]) == ("submit", "accepted", 1)
    assert submission["created_at"] <= submission["sent_at"] < submission["expires_at"]
    said = submission["answer"]
    assert (said["http_status"], said["code"], said["description"]) == (200, 1, "提交成功")
    assert not {"nonce", "request"} & submission.keys()
    assert hook.rpartition("/")[2].split("-", 1)[1][:11] not in answer.text


# --- clicks


def test_a_click_opens_a_child_once(ringback: Any) -> None:
    grid = ringback.grid(tags=["t"], state="theirs")
    first = ringback.post(f"/v1/tasks/{grid['id']}/click", {"button": "U1"})
    assert first.status_code == 202
    child = first.json()
    assert (child["action"], child["button"], child["index"], child["parent_id"]) == ("UPSCALE", "U1", 1, grid["id"])
    assert (child["tags"], child["state"]) == (["t"], "theirs")
    for button in ("U1", "u1", "MJ::JOB::upsample::1::x"):
        again = ringback.post(f"/v1/tasks/{grid['id']}/click", {"button": button})
        assert (again.status_code, again.json()["id"]) == (200, child["id"])
    assert ringback.post(f"/v1/tasks/{grid['id']}/click", {"button": "U2"}).json()["id"] != child["id"]
    submitted = ringback.gateway.wait_for(child["id"])
    assert submitted["path"] == "/mj/submit/action"
    assert (submitted["customId"], submitted["taskId"]) == ("MJ::JOB::upsample::1::x", grid["gateway_id"])


def test_a_button_is_clicked_by_its_emoji(ringback: Any) -> None:
    grid = ringback.grid()
    assert ringback.post(f"/v1/tasks/{grid['id']}/click", {"button": "🔄"}).json()["action"] == "REROLL"


def test_a_grid_without_buttons_is_clicked_by_a_change(ringback: Any) -> None:
    grid = ringback.succeed(ringback.open()["id"], buttons=None)
    child = ringback.post(f"/v1/tasks/{grid['id']}/click", {"button": "V3"}).json()
    submitted = ringback.gateway.wait_for(child["id"])
    assert submitted["path"] == "/mj/submit/change"
    assert (submitted["action"], submitted["index"]) == ("VARIATION", 3)


@pytest.mark.parametrize(
    ("button", "says"),
    [
        ("U7", "there is no button 'U7' on this task; there is: U1, U2, U3, U4, 🔄, Vary (Region)"),
        ("", "button"),
    ],
)
def test_a_click_that_cannot_be_made_is_explained(ringback: Any, button: str, says: str) -> None:
    grid = ringback.grid()
    answer = ringback.post(f"/v1/tasks/{grid['id']}/click", {"button": button})
    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert len(ringback.get(f"/v1/tasks/{grid['id']}/chain").json()["tasks"]) == 1


def test_a_button_that_no_request_can_press_fails_its_task_and_says_why(ringback: Any) -> None:
    grid = ringback.succeed(ringback.open()["id"], buttons=[{"label": "Dance"}])
    child = ringback.post(f"/v1/tasks/{grid['id']}/click", {"button": "Dance"}).json()
    ended = ringback.get(f"/v1/tasks/{child['id']}", wait=10).json()
    assert (ended["status"], ended["submission"]) == ("FAILURE", "rejected")
    assert "'Dance' came without a customId" in ended["fail_reason"]


def test_only_what_has_succeeded_has_buttons(ringback: Any) -> None:
    task = ringback.open()
    answer = ringback.post(f"/v1/tasks/{task['id']}/click", {"button": "U1"})
    assert answer.status_code == 409
    assert "NOT_START" in answer.json()["detail"]
    assert ringback.post(f"/v1/tasks/{UNKNOWN}/click", {"button": "U1"}).status_code == 404


# --- asking the gateway


def test_a_task_is_reconciled_on_demand(ringback: Any) -> None:
    task = ringback.open()
    wait_until_accepted(ringback, task["id"])
    ringback.gateway.rows.append({"id": ringback.gateway.ids[task["id"]], "status": "IN_PROGRESS", "progress": "7%"})
    answer = ringback.post(f"/v1/tasks/{task['id']}/reconcile")
    assert (answer.status_code, answer.json()["progress"]) == (200, 7)


def wait_until_accepted(ringback: Any, task_id: str) -> None:
    page = ringback.get("/v1/events", task=task_id, type="task.submitted", wait=10).json()
    assert len(page["events"]) == 1


def test_what_cannot_be_reconciled_says_why(ringback: Any) -> None:
    task = ringback.open()
    wait_until_accepted(ringback, task["id"])
    ringback.gateway.list_status = 401
    try:
        answer = ringback.post(f"/v1/tasks/{task['id']}/reconcile")
    finally:
        ringback.gateway.list_status = 200
    assert answer.status_code == 502
    assert "HTTP 401" in answer.json()["detail"]
    assert ringback.post(f"/v1/tasks/{UNKNOWN}/reconcile").status_code == 404
    ringback.gateway.answer = lambda _: JSONResponse({"code": 4, "description": "no"})
    try:
        refused = ringback.get(f"/v1/tasks/{ringback.open()['id']}", wait=10).json()
    finally:
        ringback.gateway.answer = None
    answer = ringback.post(f"/v1/tasks/{refused['id']}/reconcile")
    assert answer.status_code == 409
    assert "rejected" in answer.json()["detail"]


def test_what_a_gateway_never_named_can_be_neither_clicked_nor_found_and_says_what_to_do(ringback: Any) -> None:
    ringback.gateway.answer = lambda _: Response(status_code=502)
    try:
        task = ringback.open()
        ringback.gateway.wait_for(task["id"])
        page = ringback.get("/v1/events", task=task["id"], type="task.unknown", wait=10).json()
        assert len(page["events"]) == 1
    finally:
        ringback.gateway.answer = None
    assert ringback.succeed(task["id"], id=None)["status"] == "SUCCESS"
    answer = ringback.post(f"/v1/tasks/{task['id']}/click", {"button": "U1"})
    assert answer.status_code == 409
    assert "never named it" in answer.json()["detail"]
    path = f"/v1/tasks/{task['id']}/reconcile"
    assert f"POST {path}" in answer.json()["detail"]
    answer = ringback.post(path)
    assert answer.status_code == 502
    assert answer.json()["detail"].endswith("to look for it was in vain: it has no /task/list")


# --- the same request twice


def test_one_key_and_body_give_the_first_answer_again(ringback: Any) -> None:
    body = {"prompt": "once", "tags": ["idempotent"]}
    first = ringback.post("/v1/tasks", body, **{"Idempotency-Key": "键-1".encode().hex()})
    ringback.succeed(first.json()["id"])
    again = ringback.post("/v1/tasks", body, **{"Idempotency-Key": "键-1".encode().hex()})
    assert (again.status_code, again.content) == (202, first.content)
    # Written another way, it is the same request.
    raw = b'{"tags":["idempotent"],  "action":"IMAGINE", "prompt":"once"}'
    headers = {"content-type": "application/json; charset=utf-8", "Idempotency-Key": "键-1".encode().hex()}
    assert ringback.http.post("/v1/tasks", content=raw, headers=headers).content == first.content
    assert len(ringback.get("/v1/tasks", tag="idempotent").json()["tasks"]) == 1


def test_one_key_with_another_body_is_409(ringback: Any) -> None:
    grid = ringback.grid()
    ringback.post("/v1/tasks", {"prompt": "a"}, **{"Idempotency-Key": "key-2"})
    assert ringback.post("/v1/tasks", {"prompt": "b"}, **{"Idempotency-Key": "key-2"}).status_code == 409
    elsewhere = ringback.post(f"/v1/tasks/{grid['id']}/click", {"button": "U1"}, **{"Idempotency-Key": "key-2"})
    assert elsewhere.status_code == 409
    assert elsewhere.headers["content-type"] == "application/problem+json"


def test_one_key_means_one_address(ringback: Any) -> None:
    first, second = ringback.grid(), ringback.grid()
    key = {"Idempotency-Key": "key-6"}
    assert ringback.post(f"/v1/tasks/{first['id']}/click", {"button": "U1"}, **key).status_code == 202
    assert ringback.post(f"/v1/tasks/{second['id']}/click", {"button": "U1"}, **key).status_code == 409


def test_a_key_belongs_to_its_client(ringback: Any) -> None:
    first = ringback.post("/v1/tasks", {"prompt": "a"}, **{"Idempotency-Key": "key-3"}).json()
    with ringback.stranger(Authorization="Bearer another-0123456789abcdef") as other:
        theirs = other.post("/v1/tasks", json={"prompt": "b"}, headers={"Idempotency-Key": "key-3"})
    assert theirs.status_code == 202
    assert theirs.json()["id"] != first["id"]


def test_a_refused_request_uses_up_no_key(ringback: Any) -> None:
    task = ringback.open()
    path, headers = f"/v1/tasks/{task['id']}/click", {"Idempotency-Key": "key-4"}
    assert ringback.post(path, {"button": "U1"}, **headers).status_code == 409
    ringback.succeed(task["id"])
    assert ringback.post(path, {"button": "U1"}, **headers).status_code == 202


def test_one_key_twice_at_once_opens_one_task(ringback: Any) -> None:
    answers = []
    gate = threading.Barrier(8)

    def send() -> None:
        gate.wait()
        answers.append(ringback.post("/v1/tasks", {"prompt": "x", "tags": ["at once"]}, **{"Idempotency-Key": "key-5"}))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert len(ringback.get("/v1/tasks", tag="at once").json()["tasks"]) == 1


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_of_no_use_is_422(ringback: Any, key: str) -> None:
    assert ringback.post("/v1/tasks", {"prompt": "x"}, **{"Idempotency-Key": key}).status_code == 422
