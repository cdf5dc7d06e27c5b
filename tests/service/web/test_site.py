"""The door: who may enter, what is refused, and that every refusal is a problem that a program can read."""

import json
import re
from typing import Any

import httpx
import pytest
import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from service.web.problems import explain
from service.web.site import list_calls
from storage.errors import LedgerBusy, LedgerUnavailable

API_KEY = "api-0123456789abcdef"
PROBLEM = "application/problem+json"


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    body = answer.json()
    assert body["status"] == status
    assert body["type"] == "about:blank"
    assert body["title"] and body["detail"]
    assert "Traceback" not in answer.text
    return dict(body)


def every_route(ringback: Any) -> list[tuple[str, str, bool]]:
    """Method, path and whether it is open, as the code routes it."""
    return [(call.method, re.sub(r"{\w+}", "8000000000000001", call.path), call.public) for call in list_calls(None)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no key"),
        pytest.param({"Authorization": "Bearer wrong-0123456789abcdef"}, id="wrong key"),
        pytest.param({"Authorization": f"Bearer {API_KEY}x"}, id="longer key"),
        pytest.param({"Authorization": f"Bearer {API_KEY[:-1]}"}, id="shorter key"),
        pytest.param({"Authorization": "Bearer"}, id="blank key"),
        pytest.param({"Authorization": API_KEY}, id="no scheme"),
        pytest.param({"Authorization": f"Basic {API_KEY}"}, id="wrong scheme"),
        pytest.param({"mj-api-secret": API_KEY}, id="wrong header"),
        pytest.param({"Authorization": "Bearer gateway-key-0123456789"}, id="the gateway's key"),
        pytest.param({"Authorization": "Bearer secret-0123456789abcdef"}, id="the secret key"),
    ],
)
def test_every_route_but_the_open_ones_refuses_strangers(ringback: Any, headers: dict[str, str]) -> None:
    routes = every_route(ringback)
    assert len(routes) >= 11
    pages = ["/", "/nowhere", "/hooks", "//healthz"]
    unrouted = [*(("GET", page) for page in pages), ("DELETE", "/v1/tasks")]
    with ringback.stranger(**headers) as stranger:
        for method, path, public in [*routes, *((*each, False) for each in unrouted)]:
            answer = stranger.request(method, path)
            if path in pages and "Authorization" not in headers:  # it may be a browser
                assert answer.status_code == 303
                assert answer.headers["location"].startswith("/sign-in")
                continue
            if public:
                assert answer.status_code == 200, path
            else:
                assert_problem(answer, 401)
                assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "An API key is needed"),
        ({"Authorization": "Basic eDp5"}, "An API key is needed"),
        ({"Authorization": "Bearer"}, "An API key is needed"),
        ({"Authorization": "Bearer rb_wrong"}, "That API key is not known"),
    ],
)
def test_a_stranger_is_told_whether_a_key_is_missing_or_wrong(
    ringback: Any, headers: dict[str, str], says: str
) -> None:
    with ringback.stranger(**headers) as stranger:
        assert stranger.get("/v1/tasks").json()["detail"].startswith(f"{says}: send one of this service's as")


def test_health_may_be_asked_past_a_cache(ringback: Any) -> None:
    with ringback.stranger() as stranger:
        assert stranger.get("/healthz?nocache=1").status_code == 200


def test_only_health_is_open(ringback: Any) -> None:
    assert {path for _, path, public in every_route(ringback) if public} == {"/healthz", "/readyz"}


@pytest.mark.parametrize("key", [API_KEY, "another-0123456789abcdef"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_each_key_opens_whatever_the_schemes_case(ringback: Any, scheme: str, key: str) -> None:
    with ringback.stranger(Authorization=f"{scheme} {key}") as client:
        assert client.get("/v1/tasks").status_code == 200


def test_a_key_in_the_address_opens_nothing(ringback: Any) -> None:
    with ringback.stranger() as client:
        assert client.get("/v1/tasks", params={"api_key": API_KEY, "access_token": API_KEY}).status_code == 401


@pytest.mark.parametrize("path", ["/", "/nowhere", "/v1", "/v1/tasks/8/9/10", "/v2/tasks", "/mj/../v1"])
def test_an_address_that_is_none_is_404(ringback: Any, path: str) -> None:
    assert "/openapi.json" in assert_problem(ringback.get(path), 404)["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/tasks", {"GET", "HEAD", "POST"}),
        ("PUT", "/v1/tasks/8000000000000001", {"GET", "HEAD"}),
        ("GET", "/v1/tasks/8000000000000001/click", {"POST"}),
        ("POST", "/v1/events", {"GET", "HEAD"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_is_told_of_every_right_one(ringback: Any, method: str, path: str, allowed: set[str]) -> None:
    answer = ringback.http.request(method, path)
    assert_problem(answer, 405)
    assert set(re.split(r",\s*", answer.headers["allow"])) == allowed


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/tasks/8000000000000001/click"])
@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "json"]
)
def test_a_body_must_say_that_it_is_json(ringback: Any, path: str, media_type: str) -> None:
    body = b'{"prompt":"x","button":"U1"}'
    headers = {"content-type": media_type} if media_type else {}
    assert "Content-Type" in assert_problem(ringback.http.post(path, content=body, headers=headers), 415)["detail"]


def test_a_body_that_is_too_large_is_413_whether_it_says_so_or_not(ringback: Any) -> None:
    body = json.dumps({"prompt": "x" * (1024 * 1024)}).encode()
    headers = {"content-type": "application/json"}
    assert_problem(ringback.http.post("/v1/tasks/adopt", content=body, headers=headers), 413)
    assert_problem(
        ringback.http.post("/v1/tasks/adopt", content=iter([body[:700_000], body[700_000:]]), headers=headers), 413
    )


def test_a_head_that_is_too_long_is_431(ringback: Any) -> None:
    assert_problem(ringback.http.get("/healthz", headers={"X": "x" * 70_000}), 431)


def test_a_fault_of_ours_is_500_without_a_word_of_it(ringback: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: Any, **__: Any) -> Any:
        raise RuntimeError("sk-secret in a traceback")

    monkeypatch.setattr("service.web.api.tasks.list_tasks", break_down)
    answer = ringback.get("/v1/tasks")
    assert_problem(answer, 500)
    assert "sk-secret" not in answer.text
    assert "RuntimeError" not in answer.text
    monkeypatch.undo()
    assert ringback.get("/v1/tasks").status_code == 200  # over the same connection, which nobody cut


@pytest.mark.parametrize("error", [LedgerBusy(), LedgerUnavailable("disk full")])
def test_a_ledger_that_cannot_write_is_503_with_a_time_to_come_back(
    ringback: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr("service.web.api.orders.open_task", refuse)
    answer = ringback.post("/v1/tasks", {"prompt": "x"})
    assert assert_problem(answer, 503)["detail"] == str(error)
    assert answer.headers["retry-after"] == "1"


def test_a_caller_that_left_is_no_fault_of_ours() -> None:
    with structlog.testing.capture_logs() as logs:
        assert explain(ClientDisconnect()).status_code < 500
        assert logs == []
        assert explain(RuntimeError("x")).status_code == 500
        assert [line["event"] for line in logs] == ["request failed"]


@pytest.mark.parametrize("path", ["/hooks/", "/hooks/x", "/hooks/%2e%2e", "/hooks/x/y", f"/hooks/{API_KEY}"])
def test_a_hook_that_is_none_of_ours_is_401(ringback: Any, path: str) -> None:
    answer = ringback.http.post(path, json={"id": "1", "status": "SUCCESS"})
    assert_problem(answer, 401)


def test_health_tells_what_works(ringback: Any) -> None:
    assert ringback.get("/healthz").json() == {"status": "alive"}
    ready = ringback.get("/readyz")
    assert ready.status_code == 200
    body = ready.json()
    assert body["status"] == "ready"
    assert body["checks"] == {"ledger": "ok", "workers": "ok", "stopping": "ok"}
    assert body["hooks"] == "on"


def test_a_ledger_that_cannot_write_is_not_ready(ringback: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> None:
        raise LedgerUnavailable("disk full")

    monkeypatch.setattr("service.web.health._touch", refuse)
    ready = ringback.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"]["ledger"] == "disk full"


def test_a_wait_within_the_ledgers_answers_is_bounded(ringback: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.web.health.ROUND_TRIP", 0.0)
    assert "did not answer" in ringback.get("/readyz").json()["checks"]["ledger"]


def test_a_gateways_login_page_is_no_task(ringback: Any) -> None:
    ringback.gateway.answer = lambda _: JSONResponse("<html>login</html>", 200)
    try:
        task = ringback.open()
        page = ringback.get("/v1/events", task=task["id"], wait=10).json()
    finally:
        ringback.gateway.answer = None
    assert [event["type"] for event in page["events"]] == ["task.unknown"]
