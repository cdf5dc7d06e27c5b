"""The door of the facade: its addresses, its keys, and what comes of bodies that nobody should send."""

import json
import socket
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web.facade.routes import is_facade

pytestmark = pytest.mark.journey

API_KEY = "api-0123456789abcdef"
PREFIXES = ("", "/mj-fast", "/mj-relax", "/mj-turbo", "/fast", "/relax", "/turbo")
POSTED = [
    *(
        f"/mj/submit/{name}"
        for name in (
            *("imagine", "blend", "describe", "shorten", "change", "simple-change", "action", "modal"),
            *("edits", "edit", "retexture", "video", "upload-discord-images"),
        )
    ),
    *("/mj/insight-face/swap", "/mj/task/list-by-condition", "/mj/task/list-by-ids", "/mj/task/query"),
]
PICTURELESS = ("shorten", "action", "change", "simple-change")
JSON = {"content-type": "application/json"}
ASKED = ["/mj/task/404/fetch", "/mj/task/list", "/mj/task/queue", "/mj/task/404/image-seed", "/mj/image/404"]


def assert_front(answer: httpx.Response, status: int) -> None:
    """A refusal of our own front: JSON that every kind of client can show, and no code of the protocol's."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
    body = answer.json()
    assert body.keys() == {"description", "type", "error"}
    assert body["description"] == body["error"]["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": API_KEY},
        {"Authorization": f"Bearer {API_KEY}"},
        {"Authorization": f"bearer {API_KEY}"},
        {"mj-api-secret": API_KEY},
        {"Mj-Api-Secret": f"Bearer {API_KEY}"},
        {"Authorization": "midjourney-proxy", "mj-api-secret": API_KEY},
        {"Authorization": "another-0123456789abcdef"},
    ],
)
def test_each_form_of_a_key_opens(ringback: Any, headers: dict[str, str]) -> None:
    with ringback.stranger(**headers) as client:
        assert client.get("/mj/task/list").status_code == 200
        assert client.post("/mj/submit/imagine", json={}).json()["description"] == "prompt不能为空"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no key"),
        pytest.param({"Authorization": f"{API_KEY}x"}, id="longer key"),
        pytest.param({"Authorization": "Bearer"}, id="blank key"),
        pytest.param({"Authorization": f"Basic {API_KEY}"}, id="wrong scheme"),
        pytest.param({"mj-api-secret": "gateway-key-0123456789"}, id="the gateway's key"),
        pytest.param({"X-Api-Key": API_KEY}, id="wrong header"),
    ],
)
def test_strangers_are_refused_at_every_address(ringback: Any, headers: dict[str, str]) -> None:
    with ringback.stranger(**headers) as stranger:
        for path in (*POSTED, "/mj/task/404/cancel", "/mj/nowhere"):
            assert_front(stranger.post(path, json={"prompt": "x"}), 401)
        for path in (*ASKED, "/mj/", "/mj/account/list"):
            assert_front(stranger.get(path), 401)
        assert stranger.get("/mj/task/list", params={"key": API_KEY}).status_code == 401


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_call_is_there_behind_each_prefix(ringback: Any, client: Any, prefix: str) -> None:
    for path in POSTED:
        assert client.http.post(prefix + path, json={"pageSize": 1}).status_code == 200, path
    for path in ASKED:
        assert client.http.get(prefix + path).status_code in (200, 400, 404), path
        assert "content-type" in client.http.get(prefix + path).headers
    assert client.http.post(f"{prefix}/mj/task/404/cancel").json()["code"] == 3


@pytest.mark.parametrize(
    "path", ["/mj", "/mjx/submit/imagine", "/slow/mj/task/list", "/x/mj/task/list", "/fast/task/list"]
)
def test_other_addresses_are_none_of_the_facades(path: str) -> None:
    assert not is_facade(path)


@pytest.mark.parametrize("path", ["/mj/", "/mj/nowhere", "/mj/submit/imagine/", "/mj/submit/show", "/mj/mj/task/list"])
def test_an_address_that_is_none_is_404(client: Any, path: str) -> None:
    assert_front(client.http.post(path, json={}), 404)


def test_a_wrong_method_is_refused(client: Any) -> None:
    answer = client.http.get("/mj/submit/imagine")
    assert_front(answer, 405)
    assert (answer.headers["allow"], "POST" in answer.json()["description"]) == ("POST", True)
    assert_front(client.http.put("/mj-fast/mj/task/list"), 405)


def test_a_body_must_say_that_it_is_json(client: Any) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        headers = {"content-type": media_type} if media_type else {}
        assert_front(client.http.post("/mj/submit/imagine", content=b'{"prompt":"x"}', headers=headers), 415)


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'"x"', b"null", b"1", b'{"prompt":', b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused_as_gateways_do(client: Any, body: bytes) -> None:
    answer = client.http.post("/mj/submit/imagine", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, 4)


def test_a_body_that_only_asks_is_bounded(client: Any) -> None:
    large = {"prompt": "x", "remark": "x" * (2 * 1024 * 1024)}
    for path in ("task/query", "task/list-by-ids", *(f"submit/{name}" for name in PICTURELESS)):
        assert_front(client.http.post(f"/mj/{path}", json=large), 413)
    for name in ("blend", "modal"):
        assert client.http.post(f"/mj/submit/{name}", json=large).json()["code"] == 4, "it may bring pictures"
    assert_front(client.http.post("/mj/submit/modal", content=b" " * (22 * 1024 * 1024), headers=JSON), 413)


def test_a_submit_with_too_much_is_refused_before_it_is_read(ringback: Any) -> None:
    url = httpx.URL(ringback.url)
    with socket.create_connection((url.host, url.port), timeout=10) as it, it.makefile("rb") as answer:
        length = 64 * 1024 * 1024 + 1
        head = f"Authorization: {API_KEY}\r\nContent-Type: application/json\r\nContent-Length: {length}"
        it.sendall(f"POST /mj/submit/imagine HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        assert answer.readline().split()[1] == b"413"


def test_a_fault_of_ours_is_500_without_a_word_of_it(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: Any, **__: Any) -> Any:
        raise RuntimeError("sk-secret in a traceback")

    monkeypatch.setattr("service.web.facade.lookups.list_tasks", break_down)
    answer = client.http.get("/mj/task/list")
    assert_front(answer, 500)
    assert "sk-secret" not in answer.text


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**63, max_value=10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["8000000000000001", "1" * 300, "\0", "data:image/png;base64,", "http://[", "R", "1 U1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_NAMES = (
    *("prompt", "base64Array", "base64", "image", "link", "taskId", "customId", "action", "index", "content", "state"),
    *("notifyHook", "botType", "dimensions", "accountFilter", "maskBase64", "ids", "id", "status", "statusSet", "sort"),
    *("pageSize", "pageNumber", "description", "x"),
)


@given(st.sampled_from(POSTED), st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=6))
def test_no_body_is_a_fault_of_ours(client: Any, path: str, body: dict[str, Any]) -> None:
    sent = json.dumps(body).encode()
    answer = client.http.post(path, content=sent, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 400), answer.text
    answer.json()


@given(st.text(max_size=20))
def test_no_name_of_a_task_is_a_fault_of_ours(client: Any, name: str) -> None:
    for path in ("/mj/task/{}/fetch", "/mj/image/{}", "/mj/task/{}/image-seed"):
        answer = client.http.get(path.format(httpx.QueryParams({"n": name}).__str__()[2:].replace("+", "%20")))
        assert answer.status_code in (200, 302, 400, 404), answer.text
