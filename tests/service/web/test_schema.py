"""`/openapi.json` against the code that it describes, and against what real calls answer."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from service.web.site import list_calls

pytestmark = pytest.mark.journey

UNKNOWN = "8999999999999999"


@pytest.fixture(scope="module")
def document(ringback: Any) -> dict[str, Any]:
    answer = ringback.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return dict(answer.json())


def test_it_is_openapi(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_every_route_is_described_and_every_description_is_routed(ringback: Any, document: dict[str, Any]) -> None:
    routed = {(call.method.lower(), call.path) for call in list_calls(None)}  # type: ignore[arg-type]
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert described == routed | {("post", "/hooks/{token}")}
    for method, path in described:
        answer = ringback.http.request(method, re.sub(r"{\w+}", UNKNOWN, path))
        missing = answer.status_code == 404 and answer.json()["detail"].startswith(
            ("There is no task", "There is no rule", "There is no subscription", "There is no delivery")
        )
        assert missing or answer.status_code not in (404, 405), path
    ringback.post("/v1/resume")  # everything was asked for, a pause too


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [method["operationId"] for path in document["paths"].values() for method in path.values()]
    assert len(names) == len(set(names))


def test_what_needs_a_key_says_so(document: dict[str, Any]) -> None:
    assert document["security"] == [{"key": []}]
    open_paths = {
        path for path, methods in document["paths"].items() for each in methods.values() if each.get("security") == []
    }
    assert open_paths == {"/healthz", "/readyz", "/hooks/{token}"}
    for path in document["paths"].keys() - open_paths:
        assert all("401" in each["responses"] for each in document["paths"][path].values()), path


def calls_about_subscriptions(http: httpx.Client) -> Iterator[tuple[str, httpx.Response]]:
    path, one = "/v1/subscriptions", "/v1/subscriptions/{id}"
    body = {"url": "https://1.1.1.1/", "events": ["chain.settled"], "match": {"action": "VIDEO"}, "headers": {"x": "1"}}
    made = http.post(path, json=body)
    yield path, made
    yield path, http.post(path, json=body | {"events": []})
    yield path, http.post(path, json=body | {"format": "x"})
    yield path, http.get(path)
    yield path, http.get(path, params={"limit": 0})
    for subscription in (made.json()["id"], "nowhere"):
        here = f"{path}/{subscription}"
        yield one, http.get(here)
        yield one, http.patch(here, json={"rate": 2.5})
        yield one, http.patch(here, json={"events": ["x"]})
        yield f"{one}/rotate", http.post(f"{here}/rotate", json={"overlap": 0})
        yield f"{one}/rotate", http.post(f"{here}/rotate", json={"secret": "x"})
        yield f"{one}/disable", http.post(f"{here}/disable")
        yield f"{one}/recover", http.post(f"{here}/recover", json={"since": "2026-01-01"})
        yield f"{one}/recover", http.post(f"{here}/recover", json={"since": "2026-01-01", "dry_run": True})
        yield f"{one}/recover", http.post(f"{here}/recover", json={})
        yield f"{one}/enable", http.post(f"{here}/enable")
        yield f"{one}/deliveries", http.get(f"{here}/deliveries", params={"state": "held"})
        yield f"{one}/deliveries", http.get(f"{here}/deliveries", params={"state": "x"})
        yield one, http.delete(here)
    yield "/v1/webhook-secret/rotate", http.post("/v1/webhook-secret/rotate")
    yield "/v1/webhook-secret", http.get("/v1/webhook-secret")


def calls_about_deliveries(ringback: Any, box: Any) -> Iterator[tuple[str, httpx.Response]]:
    """Real ones: what was delivered, and what was refused."""
    http, one = ringback.http, "/v1/deliveries/{id}"
    box.status = 500
    task = ringback.open(webhook_url=box.url, webhook_events=["task.submitted"])
    box.wait()
    page = http.get("/v1/deliveries", params={"task": task["id"]})
    yield "/v1/deliveries", page
    yield "/v1/deliveries", http.get("/v1/deliveries", params={"limit": 0})
    yield "/v1/tasks/{id}/deliveries", http.get(f"/v1/tasks/{task['id']}/deliveries")
    yield "/v1/tasks/{id}/deliveries", http.get(f"/v1/tasks/{UNKNOWN}/deliveries")
    (delivery,) = page.json()["deliveries"]
    path = f"/v1/subscriptions/{delivery['subscription_id']}"
    yield "/v1/subscriptions/{id}", http.get(path)
    yield "/v1/subscriptions/{id}/test", http.post(f"{path}/test")
    yield "/v1/subscriptions/{id}/rotate", http.post(f"{path}/rotate")
    for number in (delivery["id"], 0):
        yield one, http.get(f"/v1/deliveries/{number}")
        yield f"{one}/redeliver", http.post(f"/v1/deliveries/{number}/redeliver")
    box.wait(count=2)
    yield one, http.get(f"/v1/deliveries/{delivery['id']}")
    http.post(f"{path}/disable")
    yield f"{one}/redeliver", http.post(f"/v1/deliveries/{delivery['id']}/redeliver")


def calls(ringback: Any) -> Iterator[tuple[str, httpx.Response]]:
    """Real calls, good and bad, each with the path that describes it."""
    http = ringback.http
    root = ringback.grid(tags=["schema"], state="s", then=["U1"])
    child = ringback.get(f"/v1/tasks/{root['id']}/chain").json()["tasks"][1]
    failed = ringback.open()
    ringback.call_back(failed["id"], "FAILURE", failReason="执行超时", properties={"a": 1})
    one = "/v1/tasks/{id}"
    for task in (root, child, failed, {"id": UNKNOWN}):
        path = f"/v1/tasks/{task['id']}"
        yield one, http.get(path)
        yield f"{one}/events", http.get(f"{path}/events")
        yield f"{one}/chain", http.get(f"{path}/chain")
        yield f"{one}/firings", http.get(f"{path}/firings")
        yield f"{one}/submissions", http.get(f"{path}/submissions")
        yield f"{one}/click", http.post(f"{path}/click", json={"button": "U1"})
        yield f"{one}/click", http.post(f"{path}/click", json={"button": "U2"}, headers={"Idempotency-Key": task["id"]})
        yield f"{one}/click", http.post(f"{path}/click", json={"button": "U3"}, headers={"Idempotency-Key": task["id"]})
        yield f"{one}/click", http.post(f"{path}/click", json={"knob": 1})
        yield f"{one}/click", http.post(f"{path}/click", content=b"x")
        yield f"{one}/reconcile", http.post(f"{path}/reconcile")
        yield f"{one}/modal", http.post(f"{path}/modal", json={"prompt": "x"})
        yield f"{one}/modal", http.post(f"{path}/modal", json={"mask": "!"})
        yield f"{one}/cancel", http.post(f"{path}/cancel")
        yield f"{one}/resubmit", http.post(f"{path}/resubmit")
        yield f"{one}/tags", http.post(f"{path}/tags", json={"add": ["x"]})
        yield f"{one}/tags", http.post(f"{path}/tags", json={"ad": ["x"]})
        yield f"{one}/image-seed", http.get(f"{path}/image-seed")
    yield one, http.get(f"/v1/tasks/{root['id']}", params={"wait": "x"})
    yield "/v1/tasks", http.get("/v1/tasks", params={"tag": "schema"})
    yield "/v1/tasks", http.get("/v1/tasks", params={"limit": 1})
    yield "/v1/tasks", http.get("/v1/tasks", params={"limit": 0})
    yield "/v1/tasks", http.post("/v1/tasks", json={"prompt": "x"})
    yield "/v1/tasks", http.post("/v1/tasks", json={"prompt": ""})
    yield "/v1/tasks", http.post("/v1/tasks", content=b"")
    yield "/v1/tasks", http.post("/v1/tasks", content=b"x" * 1_100_000, headers={"content-type": "application/json"})
    yield "/v1/tasks", http.post("/v1/tasks", json={"prompt": "x", "state": "s", "once": True})
    yield "/v1/tasks", http.post("/v1/tasks", json={"action": "VIDEO", "options": {"loop": "?"}})
    yield "/v1/tasks/adopt", http.post("/v1/tasks/adopt", json={"ids": ["1", ringback.gateway.ids[root["id"]]]})
    yield "/v1/tasks/adopt", http.post("/v1/tasks/adopt", json={"all": True})
    yield "/v1/tasks/adopt", http.post("/v1/tasks/adopt", json={})
    yield "/v1/rules", http.get("/v1/rules")
    for rule, task in (("then", root["id"]), ("then", UNKNOWN), ("nowhere", root["id"])):
        yield "/v1/rules/{id}/why", http.get(f"/v1/rules/{rule}/why", params={"task": task})
    yield "/v1/rules/{id}/why", http.get("/v1/rules/then/why")
    for task in (root["id"], UNKNOWN):
        yield f"{one}/why", http.get(f"{one}/why".format(id=task))
    for more in ({}, {"diff": True}, {"rules": "rules: []"}, {"rules": "rules: x"}, {"since": "x"}):
        yield "/v1/rules/backtest", http.post("/v1/rules/backtest", json={"since": "2026-01-01"} | more)
    yield "/v1/rules/{id}/apply", http.post("/v1/rules/nowhere/apply", json={"since": "2026-01-01"})
    yield "/v1/firings", http.get("/v1/firings")
    yield "/v1/firings", http.get("/v1/firings", params={"outcome": "x"})
    for rule in ("then", "nowhere"):
        yield "/v1/rules/{id}/firings", http.get(f"/v1/rules/{rule}/firings")
        yield "/v1/rules/{id}/pause", http.post(f"/v1/rules/{rule}/pause")
        yield "/v1/rules/{id}/resume", http.post(f"/v1/rules/{rule}/resume", json={})
    for state in ("failed", "x"):
        yield "/v1/effects", http.get("/v1/effects", params={"state": state})
    for rule in (None, "nowhere", 1):
        yield "/v1/effects/retry", http.post("/v1/effects/retry", json={"rule": rule})
    yield from calls_about_subscriptions(http)
    yield "/v1/pause", http.post("/v1/pause", json={"detail": "x"})
    yield "/v1/pauses", http.get("/v1/pauses")
    yield "/v1/pause", http.post("/v1/pause", json={"detail": 1})
    yield "/v1/resume", http.post("/v1/resume")
    for by in ("day", "tag", "rule", "moon"):
        yield "/v1/usage", http.get("/v1/usage", params={"by": by})
    yield "/v1/gateways", http.get("/v1/gateways")
    yield "/v1/events", http.get("/v1/events", params={"limit": 1000})
    yield "/v1/events", http.get("/v1/events", params={"after": "x"})
    yield "/healthz", http.get("/healthz")
    yield "/readyz", http.get("/readyz")
    yield "/openapi.json", http.get("/openapi.json")
    yield "/hooks/{token}", http.post("/hooks/x", json={})
    hook = ringback.gateway.wait_for(root["id"])["notifyHook"]
    yield "/hooks/{token}", http.post(hook, json={})
    yield "/hooks/{token}", ringback.call_back(root["id"], "SUCCESS")
    with ringback.stranger() as stranger:
        yield one, stranger.get(f"/v1/tasks/{UNKNOWN}")


def require_described(document: dict[str, Any], path: str, answer: httpx.Response) -> None:
    method = answer.request.method.lower()
    what = f"{method} {path} {answer.status_code}"
    described = document["paths"][path][method]["responses"]
    assert str(answer.status_code) in described, f"{what} is not described"
    content = described[str(answer.status_code)].get("content")
    if content is None:
        assert answer.content == b"", f"{what} came with a body"
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in content, f"{what} came as {media_type}"
    schema = content[media_type]["schema"] | {"components": document["components"]}
    errors = list(Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(answer.json()))
    assert errors == [], f"{what}: {errors[0].message} at {errors[0].json_path}"


def test_real_answers_are_as_described(ringback: Any, document: dict[str, Any]) -> None:
    seen = set()
    for path, answer in calls(ringback):
        require_described(document, path, answer)
        seen.add((path, answer.status_code))
    assert len(seen) > 25


def test_what_is_answered_about_deliveries_is_as_described(allowing: Any, document: dict[str, Any], box: Any) -> None:
    seen = set()
    for path, answer in calls_about_deliveries(allowing, box):
        require_described(document, path, answer)
        seen.add((path, answer.status_code))
    assert len(seen) == 12


def test_the_description_is_strict_enough_to_notice_a_missing_field(ringback: Any, document: dict[str, Any]) -> None:
    task = ringback.open()
    schema = {"$ref": "#/components/schemas/Task", "components": document["components"]}
    validator = Draft202012Validator(schema)
    assert validator.is_valid(task)
    for name in task:
        assert not validator.is_valid({key: value for key, value in task.items() if key != name}), name


def test_every_query_parameter_is_described_as_it_is_read(ringback: Any, document: dict[str, Any]) -> None:
    for call in list_calls(None):  # type: ignore[arg-type]
        described = document["paths"][call.path][call.method.lower()]["parameters"]
        assert {each["name"] for each in described if each["in"] == "query"} == {each.name for each in call.parameters}


def test_what_rules_do_is_answered_as_it_is_described(
    start_ringback: Any, document: dict[str, Any], tmp_path: Path
) -> None:
    config = tmp_path / "ringback.yaml"
    match = "{action: IMAGINE, any: [{tags: a}, {not: {tags: b}}]}"
    config.write_text(f"rules: [{{id: one, on: task.succeeded, match: {match}, do: [click: U1]}}]")
    with start_ringback(RINGBACK_CONFIG=str(config)) as ringback:
        task, http = ringback.grid()["id"], ringback.http
        since = {"since": "2026-01-01"}
        for path, name, answer in (
            ("/v1/rules", "RulePage", http.get("/v1/rules")),
            ("/v1/rules/{id}/why", "Explanation", http.get("/v1/rules/one/why", params={"task": task})),
            ("/v1/tasks/{id}/why", "ExplanationPage", http.get(f"/v1/tasks/{task}/why")),
            ("/v1/rules/{id}/firings", "FiringPage", http.get("/v1/rules/one/firings")),
            ("/v1/rules/backtest", "Backtest", http.post("/v1/rules/backtest", json=since)),
            ("/v1/rules/{id}/apply", "Applied", http.post("/v1/rules/one/apply", json=since)),
            ("/v1/rules/{id}/pause", "RulePauseChange", http.post("/v1/rules/one/pause")),
        ):
            assert answer.status_code == 200, path
            schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
            errors = list(Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(answer.json()))
            assert errors == [], f"{path}: {errors[0].message} at {errors[0].json_path}"
