"""The service as a whole, in one process: what its parts keep from each other, and from everybody else."""

import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from starlette.responses import JSONResponse
from structlog.testing import capture_logs

from hooks.seal import Sealer
from hooks.token import TOKEN_PATTERN
from storage.webhook_secrets import list_sealed

pytestmark = pytest.mark.journey
PATIENCE = 10.0  # seconds until a test gives up waiting


def read_database(ringback: Any) -> bytes:
    """Every byte that the ledger has on the disk."""
    files = ringback.database.parent.glob(f"{ringback.database.name}*")
    return b"".join(file.read_bytes() for file in files if not file.name.endswith(".keys"))


def test_a_hook_that_a_gateway_echoes_is_kept_nowhere(start_ringback: Callable[..., Any]) -> None:
    with start_ringback(RINGBACK_SILENT_AFTER="0.2") as ringback:
        gateway = ringback.gateway

        def echo(body: dict[str, Any]) -> JSONResponse:
            properties = {"notifyHook": body["notifyHook"], "nested": [{body["notifyHook"]: body["notifyHook"]}]}
            if body.get("prompt") == "refuse":
                said = f"cannot call {body['notifyHook']}"
                return JSONResponse({"code": 4, "description": said, "properties": properties})
            row = {
                "id": gateway.ids[body["state"]],
                "status": "IN_PROGRESS",
                "progress": "3%",
                "properties": properties,
            }
            gateway.rows.append(row | {"prompt": f"x {body['notifyHook']}", "notifyHook": body["notifyHook"]})
            return JSONResponse({"code": 1, "result": gateway.ids[body["state"]], "properties": properties})

        gateway.answer = echo
        silent, refused, grid = ringback.open(), ringback.open(prompt="refuse"), ringback.open(then=["U1"])
        ringback.get(f"/v1/tasks/{refused['id']}", wait=10)
        hook = gateway.wait_for(grid["id"])["notifyHook"]
        ringback.succeed(grid["id"], failReason=hook, description=hook, imageUrl=f"https://cdn.example/?{hook}")
        fetched = ringback.get("/v1/events", task=silent["id"], type="task.progressed", wait=10).json()["events"]
        assert fetched[0]["data"]["source"] == "fetch"
        child = ringback.get(f"/v1/tasks/{grid['id']}/chain").json()["tasks"][1]
        gateway.wait_for(child["id"])
        ringback.post(f"/v1/tasks/{silent['id']}/reconcile")

        tokens = [submitted["notifyHook"].rpartition("/")[2] for submitted in gateway.submitted.values()]
        assert len(tokens) == 4
        assert all(TOKEN_PATTERN.fullmatch(token) for token in tokens)
        shown = ringback.get("/v1/events", limit=1000).text + ringback.get("/v1/tasks", limit=1000).text
        shown += "".join(ringback.get(f"/v1/tasks/{task['id']}/firings").text for task in (grid, child))
        stored = read_database(ringback)
        assert grid["id"].encode() in stored
        for token in tokens:
            signature = token.rpartition(".")[2]
            assert signature not in shown
            assert signature.encode() not in stored
        assert TOKEN_PATTERN.search(shown) is None


def test_no_key_is_in_the_ledger(start_ringback: Callable[..., Any]) -> None:
    key = "gateway-key-0123456789"
    with start_ringback() as ringback:
        ringback.gateway.answer = lambda _: JSONResponse({"code": 4, "description": f"bad key {key}"})
        task = ringback.get(f"/v1/tasks/{ringback.open()['id']}", wait=10).json()
        assert task["fail_reason"] == "bad key …"
        ringback.gateway.answer = None
        grid = ringback.open()
        ringback.gateway.wait_for(grid["id"])
        ringback.succeed(grid["id"], failReason=key.replace("-", "%2D"), description=f"{key} is bad", **{key: [key]})
        said = ringback.get(f"/v1/tasks/{grid['id']}", wait=10).json()
        assert (said["fail_reason"], said["properties"]["description"]) == ("…", "… is bad")
        stored = read_database(ringback)
        for secret in (key, "api-0123456789abcdef", "secret-0123456789abcdef"):
            assert secret.encode() not in stored


def test_without_a_public_url_it_works_by_asking(start_ringback: Callable[..., Any]) -> None:
    with start_ringback(RINGBACK_PUBLIC_URL="", RINGBACK_SILENT_AFTER="0.1") as ringback:
        assert ringback.get("/readyz").json()["hooks"] == "none: no public URL"
        task = ringback.open()
        assert "notifyHook" not in ringback.gateway.wait_for(task["id"])
        ringback.gateway.rows.append({"id": ringback.gateway.ids[task["id"]], "status": "SUCCESS", "progress": "100%"})
        ended = ringback.get(f"/v1/tasks/{task['id']}", wait=10).json()
        assert ended["status"] == "SUCCESS"


def test_a_worker_that_fails_is_told_of_by_readyz_and_the_rest_goes_on(
    start_ringback: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: Any, **__: Any) -> Any:
        raise RuntimeError("sk-secret")

    monkeypatch.setattr("service.workers.FIRST_RETRY", 0.02)
    monkeypatch.setattr("service.workers.LONGEST_RETRY", 0.02)
    with start_ringback(RINGBACK_SILENT_AFTER="0.2") as ringback:
        with monkeypatch.context() as broken:
            broken.setattr("service.gateways.reconciler.list_silent", break_down)
            answer = wait_for_status(ringback, 503)
            assert answer.json()["checks"]["workers"] == "reconciler of midjourney-proxy"
            assert "sk-secret" not in answer.text  # it is open to strangers
            assert ringback.grid()["status"] == "SUCCESS"
        assert wait_for_status(ringback, 200).json()["status"] == "ready"


def wait_for_status(ringback: Any, status: int) -> Any:
    deadline = time.monotonic() + 10
    while (answer := ringback.get("/readyz")).status_code != status:
        assert time.monotonic() < deadline, answer.text
    return answer


def test_what_a_dead_process_was_sending_is_in_doubt_and_never_sent_again(
    start_ringback: Callable[..., Any], tmp_path: Any
) -> None:
    database = str(tmp_path / "shared.db")
    gate = threading.Event()
    with start_ringback(RINGBACK_DATABASE=database) as ringback:

        def hang(body: dict[str, Any]) -> JSONResponse:
            gate.wait(10)  # in the gateway's own loop: it answers nobody meanwhile
            return JSONResponse({"code": 1, "result": "1"})

        ringback.gateway.answer = hang
        task = ringback.open()
        ringback.gateway.wait_for(task["id"])
        ringback.stop()
        gate.set()
    with start_ringback(RINGBACK_DATABASE=database) as ringback:
        told = ringback.get("/v1/events", task=task["id"], wait=10).json()["events"]
        assert [event["type"] for event in told] == ["task.unknown"]
        assert ringback.task(task["id"])["submission"] == "unknown"
        assert task["id"] not in ringback.gateway.submitted  # and never sent again


def test_the_log_tells_of_the_start_what_happened_and_why_it_stopped(start_ringback: Callable[..., Any]) -> None:
    with capture_logs() as lines, start_ringback() as ringback:
        grid = ringback.grid()
    lines = [line for line in lines if line["log_level"] == "info" and line["event"] != "reconciled"]
    started, submitted, ended, settled, stopped = lines
    assert (started["event"], started["gateways"], started["rules"]) == ("started", "midjourney-proxy", 0)
    assert started["ledger"].endswith("ringback.db")
    assert (submitted["event"], submitted["task"]) == ("submitted", grid["id"])
    assert (ended["event"], ended["task"], ended["by"]) == ("ended", grid["id"], "callback")
    assert (settled["event"], settled["root"]) == ("chain settled", grid["id"])
    assert (stopped["event"], stopped["why"]) == ("stopped", "SIGTERM")


def test_a_service_whose_ledger_was_taken_over_says_so_and_sends_nothing_more(
    start_ringback: Callable[..., Any],
) -> None:
    with start_ringback() as ringback:
        grid = ringback.grid()
        sent = len(ringback.gateway.submitted)
        with closing(sqlite3.connect(ringback.database)) as other:  # as `storage.holder` does, in another process
            other.execute("UPDATE holder SET mark = 'the other one'")
            other.execute("UPDATE submissions SET state = 'planned', next_at = 0")
            other.commit()
        for answer in (
            ringback.post("/v1/tasks", {"prompt": "x"}),
            ringback.post(f"/v1/tasks/{grid['id']}/click", {"button": "U1"}),
            ringback.call_back(grid["id"], "SUCCESS", progress="100%"),
            ringback.get("/readyz"),
        ):
            assert answer.status_code == 503
        assert "Another process has taken this ledger over" in answer.json()["checks"]["ledger"]
        assert ringback.task(grid["id"])["status"] == "SUCCESS", "what is there may still be read"
        assert len(ringback.gateway.submitted) == sent


def test_a_gateway_that_hangs_keeps_no_question_to_another_waiting(
    start_ringback: Callable[..., Any], tmp_path: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(20) as callers:
        silent.settimeout(PATIENCE)
        config = tmp_path / "ringback.yaml"
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        config.write_text(
            f"gateways: [{{name: hangs, preset: midjourney-proxy, url: '{url}', key: second-key-0123456789}}]\n"
        )
        with start_ringback(RINGBACK_CONFIG=str(config)) as ringback:
            ringback.gateway.rows.append({"id": "1741531578009999", "status": "SUCCESS", "progress": "100%"})
            hung = [
                callers.submit(ringback.post, "/v1/tasks/adopt", {"ids": [f"x{number}"], "gateway": "hangs"})
                for number in range(12)
            ]
            lines = [silent.accept()[0] for _ in range(8)]  # as many as one client opens
            try:
                told = ringback.post("/v1/tasks/adopt", {"ids": ["1741531578009999"], "gateway": "midjourney-proxy"})
                assert told.json()["adopted"][0]["result"] == "adopted"
                assert not any(each.done() for each in hung)
            finally:
                silent.close()
                for line in lines:
                    line.close()


def subscribe(ringback: Any, url: str, **fields: Any) -> Any:
    answer = ringback.post("/v1/subscriptions", {"url": url, "events": ["task.submitted"]} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_no_secret_of_a_subscription_is_in_the_ledger_or_the_log(
    start_ringback: Callable[..., Any], box: Any, subscriber: Any
) -> None:
    other = subscriber.open_box()
    box.status, box.said = 500, b"no: t0k3n-in-the-url and h3ader-value"
    other.status, other.said = 500, b"no: t0k3n-in-the-url"
    url = f"{box.url}?token=t0k3n-in-the-url"
    with capture_logs() as lines, start_ringback(RINGBACK_ALLOW_TARGETS="127.0.0.1") as ringback:
        own = ringback.get("/v1/webhook-secret").json()["secret"]
        made = subscribe(ringback, url, headers={"Authorization": "Bearer h3ader-value"})
        ringback.open(webhook_url=f"{other.url}?token=t0k3n-in-the-url", webhook_events=["task.*"])
        box.wait()
        other.wait()
        ringback.post(f"/v1/subscriptions/{made['id']}/test")
        ringback.post(f"/v1/subscriptions/{made['id']}/rotate")
        ringback.post(f"/v1/subscriptions/{made['id']}/disable")
        shown = "".join(
            ringback.get(f"/v1/deliveries/{each['id']}").text
            for each in ringback.get("/v1/deliveries").json()["deliveries"]
        )
        shown += ringback.get("/v1/events", limit=1000).text
    told = f"{lines} {shown}".encode()
    stored = read_database(ringback)
    for secret in (own, made["secret"], "t0k3n-in-the-url", "h3ader-value"):
        assert secret.removeprefix("whsec_").encode() not in told
        assert secret.removeprefix("whsec_").encode() not in stored
    assert b"127.0.0.1:" in told, "the host is told"


def test_a_new_secret_key_takes_over_what_the_old_one_sealed(
    start_ringback: Callable[..., Any], tmp_path: Any, box: Any
) -> None:
    database, old, new = str(tmp_path / "kept.db"), "old-0123456789abcdef", "new-0123456789abcdef"
    settings = {"RINGBACK_DATABASE": database, "RINGBACK_ALLOW_TARGETS": "127.0.0.1"}
    with start_ringback(RINGBACK_SECRET_KEYS=old, **settings) as ringback:
        made = subscribe(ringback, box.url)
        own = ringback.get("/v1/webhook-secret").json()
    with start_ringback(RINGBACK_SECRET_KEYS=f"{old},{new}", **settings) as ringback:
        wait_until_sealed_by(ringback, new)
    with start_ringback(RINGBACK_SECRET_KEYS=new, **settings) as ringback:
        ringback.open()
        box.wait()[0].verify(made["secret"])
        assert ringback.get("/v1/webhook-secret").json()["secret"] == own["secret"]
        assert ringback.get(f"/v1/subscriptions/{made['id']}").json()["url"] == box.url


def wait_until_sealed_by(ringback: Any, key: str) -> None:
    prefix, deadline = Sealer([key]).prefix, time.monotonic() + PATIENCE
    while ringback.service.store.query(list_sealed, prefix):
        assert time.monotonic() < deadline, "something is still under the old key"
        time.sleep(0.01)


def test_a_secret_key_that_is_gone_disables_what_it_sealed_and_says_so(
    start_ringback: Callable[..., Any], tmp_path: Any, box: Any
) -> None:
    settings = {"RINGBACK_DATABASE": str(tmp_path / "kept.db"), "RINGBACK_ALLOW_TARGETS": "127.0.0.1"}
    with start_ringback(**settings) as ringback:
        made = subscribe(ringback, box.url)
        path = f"/v1/subscriptions/{made['id']}"
    with start_ringback(RINGBACK_SECRET_KEYS="another-0123456789abcdef", **settings) as ringback:
        assert ringback.get("/v1/events", type="subscription.disabled", wait=10).json()["events"]
        shown = ringback.get(path).json()
        assert (shown["state"], shown["url"], shown["host"]) == ("disabled", None, made["host"])
        assert "RINGBACK_SECRET_KEYS" in shown["reason"]
        for answer in (ringback.get("/v1/webhook-secret"), ringback.post(f"{path}/test")):
            assert answer.status_code == 409
            assert "RINGBACK_SECRET_KEYS" in answer.json()["detail"]
        assert ringback.post("/v1/webhook-secret/rotate").status_code == 200
        own = ringback.get("/v1/webhook-secret").json()
        assert own["previous"] == [], "what cannot be opened cannot sign, and keeps nothing from being signed"
        ringback.open(webhook_url=box.url, webhook_events=["task.submitted"])
        box.wait()[0].verify(own["secret"])
        moved = ringback.http.patch(path, json={"url": box.url, "headers": {}})
        assert (moved.status_code, moved.json()["url"]) == (200, box.url), "what was sealed is written anew"
        new = ringback.post(f"{path}/rotate").json()["secret"]
        assert ringback.post(f"{path}/enable").json()["state"] == "active"
        ringback.post(f"{path}/test")
        box.posts[-1].verify(new)


def test_a_hook_that_an_older_version_kept_in_plain_is_sealed_and_called(
    start_ringback: Callable[..., Any], tmp_path: Any, box: Any
) -> None:
    settings = {"RINGBACK_DATABASE": str(tmp_path / "old.db"), "RINGBACK_ALLOW_TARGETS": "127.0.0.1"}
    with start_ringback(**settings) as ringback:
        task, ended = ringback.open(), ringback.grid()
        hook = ringback.gateway.wait_for(task["id"])["notifyHook"]
        gateway_id = ringback.gateway.ids[task["id"]]
    with closing(sqlite3.connect(ringback.database)) as other:
        other.execute("UPDATE tasks SET notify_hook = ?", (f"{box.url}?of=a-client",))
        other.execute("UPDATE tasks SET notify_hook = 'no url' WHERE id = ?", (ended["id"],))
        other.commit()
    with start_ringback(**settings) as ringback:
        path = "/hooks/" + hook.rpartition("/")[2]
        assert ringback.http.post(path, json={"id": gateway_id, "status": "SUCCESS"}).status_code == 200
        (post,) = box.wait(lambda post: post.json["status"] == "SUCCESS")
        assert post.json["id"] == task["id"]
        assert ringback.service.store.query(
            lambda db: db.execute("SELECT count(*) FROM tasks WHERE notify_hook IS NOT NULL").fetchone()
        ) == (0,)


def test_what_was_under_way_when_it_stopped_is_delivered_after_the_next_start(
    start_ringback: Callable[..., Any], tmp_path: Any, box: Any
) -> None:
    settings = {"RINGBACK_DATABASE": str(tmp_path / "kept.db"), "RINGBACK_ALLOW_TARGETS": "127.0.0.1"}
    with socket.create_server(("127.0.0.1", 0)) as silent, start_ringback(**settings) as ringback:
        silent.settimeout(PATIENCE)
        made = subscribe(ringback, f"http://127.0.0.1:{silent.getsockname()[1]}/")
        task = ringback.open()
        line, _ = silent.accept()  # it is being told, and never answers
        ringback.stop()
        line.close()
    with start_ringback(**settings) as ringback:
        ringback.http.patch(f"/v1/subscriptions/{made['id']}", json={"url": box.url})
        (found,) = ringback.get(f"/v1/tasks/{task['id']}/deliveries").json()["deliveries"]
        ringback.post(f"/v1/deliveries/{found['id']}/redeliver")
        box.wait()[0].verify(made["secret"])
        tried = ringback.get(f"/v1/deliveries/{found['id']}").json()["tried"]
        assert tried[0]["error"] == "interrupted"
