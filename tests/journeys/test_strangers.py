"""What a stranger, a second process and a talkative gateway get from a live service: nothing."""

import json
import signal

import httpx
import pytest

from hooks.token import TOKEN_PATTERN, TokenSigner
from storage.store import make_nonce
from tests.journeys.processes import wait_until

pytestmark = pytest.mark.fault
SECRET_KEY = "secret-0123456789abcdef"


def call(hook, body):
    return httpx.post(hook, json=body, trust_env=False, verify=False).status_code


def test_a_strangers_callback_changes_nothing(stage):
    # Nothing but what the test itself sends comes to the hooks, and nothing is asked for.
    vices = {"drop": 1, "grid_seconds": 0}
    gateway, service = stage.play("midjourney-proxy", vices, RINGBACK_SILENT_AFTER="600")
    first, second = service.submit_many(2)
    accepted = "SELECT id, gateway_id FROM tasks WHERE submission = 'accepted' ORDER BY id"
    tasks = wait_until(lambda: (rows := service.ledger.rows(accepted))[1:] and rows, "both are accepted")
    assert [task["id"] for task in tasks] == [first, second]
    rows = [gateway.fetch(task["gateway_id"]) for task in tasks]
    door, _, token = rows[0]["properties"]["notifyHook"].rpartition("/")
    true_body, foreign_body = rows
    before = service.ledger.dump()

    signer, stranger = TokenSigner([SECRET_KEY]), TokenSigner(["another service's secret"])
    name, nonce = token.split(".")[0].split("-", 1)
    assert name == first
    other = "A" if token[-1] != "A" else "E"
    forged = {
        token[:-1] + other: 401,  # another signature
        token[:-4]: 401,  # cut short
        token + "A": 401,
        token.replace(first, second): 401,  # of the other task
        stranger.mint(first, nonce): 401,  # of another service
        TokenSigner([SECRET_KEY], clock=lambda: 1_600_000_000).mint(first, nonce): 410,  # expired long ago
        signer.mint(first, make_nonce()): 410,  # ours, and of no submission
        signer.mint("8000000000000001", nonce): 410,  # ours, and of no task in this ledger
        "": 401,
        "../v1/tasks": 401,
    }
    answers = {forged_token: call(f"{door}/{forged_token}", true_body) for forged_token in forged}
    # httpx resolves the dots itself: that one ends at the API, which wants its key.
    assert answers == forged
    # The right token with a task of somebody else: accepted as mail, and without effect.
    assert call(f"{door}/{token}", foreign_body) == 200
    assert call(f"{door}/{token}", {**true_body, "id": "1799999999999999"}) == 200
    # The right token with what is no task at all.
    assert call(f"{door}/{token}", ["SUCCESS"]) == 422
    assert httpx.get(f"{door}/{token}", trust_env=False, verify=False).status_code == 405
    # The API without its key, or with a wrong one.
    for headers in ({}, {"authorization": "Bearer api-0123456789abcdeF"}, {"authorization": f"Bearer {token}"}):
        for method, path in (("POST", f"/v1/tasks/{first}/click"), ("GET", "/v1/events"), ("GET", "/openapi.json")):
            answer = httpx.request(method, service.url + path, headers=headers, trust_env=False, verify=False)
            assert answer.status_code == 401, path
    assert service.ledger.dump() == before

    # And the true callback does count: the silence above was no accident.
    assert call(f"{door}/{token}", true_body) == 200
    assert service.task(first)["status"] == "SUCCESS"


def test_a_second_serve_on_the_same_ledger_leaves_at_once_and_says_who_holds_it(stage):
    gateway = stage.gateway()
    first = stage.service(gateway)
    first.await_ready()
    second = stage.service(gateway)
    assert second.wait() == 2
    assert f"process {first.pid} " in second.log
    assert len(second.log.strip().splitlines()) == 1  # one clear line, no traceback
    assert first.http.get("/readyz").status_code == 200
    # The kernel frees the lock of a process however it ends.
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    second.restart()


def test_a_gateway_that_echoes_hooks_teaches_the_service_no_token(stage):
    # The hook stands in properties.notifyHook of every callback and of every row that the reconciler fetches.
    gateway, service = stage.play("midjourney-proxy", {"echo_hook": "on", "drop": 0.5}, RINGBACK_LOG="debug")
    ids = service.submit_many(5)
    books = stage.audit(gateway, service, ids)
    assert service.http.post(f"/v1/tasks/{ids[0]}/reconcile", json={}).status_code == 200
    hooks = [gateway.fetch(submission["id"])["properties"]["notifyHook"] for submission in books["submissions"]]
    tokens = [hook.rpartition("/")[2] for hook in hooks]
    assert len(set(tokens)) == 10
    assert all(TOKEN_PATTERN.fullmatch(token) for token in tokens)

    assert "event=callback " in service.log  # debug lines are there
    answers = [
        service.http.get(path).text
        for path in ("/v1/tasks", "/v1/events?limit=1000", *(f"/v1/tasks/{each}/events" for each in ids))
    ]
    assert all(json.loads(answer) for answer in answers)
    assert service.end(signal.SIGTERM) in (0, -signal.SIGTERM)
    files = {path.name: path.read_bytes().decode("latin-1") for path in service.directory.glob("ringback.db*")}
    assert len(files["ringback.db"]) > 10_000
    for name, text in [("the API", "\n".join(answers)), ("the log", service.log), *files.items()]:
        assert not TOKEN_PATTERN.search(text), name
        # Not in part either: the signature and the nonce are the secret.
        leaked = [token for token in tokens if token in text or token.rpartition(".")[2] in text]
        assert leaked == [], name
