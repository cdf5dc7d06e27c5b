"""The service as the command line sees it."""

import json

import click
import httpx
import pytest

from service.cli.client import Api, connect
from service.cli.failures import Misused, Refused, Unreachable


def problem(status, detail):
    return httpx.Response(
        status, json={"title": "x", "detail": detail}, headers={"content-type": "application/problem+json"}
    )


def page(*ids, following=None):
    return httpx.Response(200, json={"tasks": [{"id": each} for each in ids], "next": following})


def test_a_service_that_is_not_there_is_one_clear_line():
    api = Api("http://127.0.0.1:9", None)
    with pytest.raises(Unreachable) as failed:
        api.get("/v1/tasks")
    api.close()
    assert failed.value.message == "Cannot reach http://127.0.0.1:9: is `ringback serve` running?"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ReadTimeout("x"), "http://service did not answer in time."),
        (httpx.ReadError("x"), "The connection to http://service broke: is `ringback serve` still running?"),
        (httpx.RemoteProtocolError("x"), "The connection to http://service broke: is `ringback serve` still running?"),
    ],
)
def test_a_broken_connection_is_one_clear_line(make_api, answers, error, said):
    with pytest.raises(Unreachable) as failed:
        make_api(answers(error)).get("/v1/tasks")
    assert failed.value.message == said


def test_a_refusal_is_what_its_problem_says(make_api, answers):
    with pytest.raises(Refused) as refused:
        make_api(answers(problem(422, "prompt: 太长了"))).get("/v1/tasks")
    assert (refused.value.message, refused.value.status) == ("prompt: 太长了", 422)


def test_a_refusal_that_quotes_a_gateway_does_not_move_the_cursor(make_api, answers):
    with pytest.raises(Refused) as refused:
        make_api(answers(problem(409, "no button \x1b[2J\x9b1m猫; there are: U1\r\n"))).get("/v1/tasks")
    assert refused.value.message.isprintable()
    assert "猫; there are: U1" in refused.value.message


@pytest.mark.parametrize(("key", "said"), [("k" * 16, "does not accept this API key"), (None, "wants an API key")])
def test_a_wrong_key_and_no_key_are_told_apart(make_api, answers, key, said):
    with pytest.raises(Refused, match=said) as refused:
        make_api(answers(problem(401, "An API key is needed.")), key).get("/v1/tasks")
    assert "RINGBACK_API_KEY" in refused.value.message


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="nothing here"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, content=b"[1]"),
        httpx.Response(200, content=b'{"a": "\xff"}'),
        httpx.Response(502, content=b"[" * 100_000, headers={"content-type": "application/problem+json"}),
    ],
)
def test_a_stranger_is_named_as_one(make_api, answers, answer):
    with pytest.raises(Refused, match="is RINGBACK_URL right"):
        make_api(answers(answer)).get("/v1/tasks")


def test_a_broken_post_is_tried_again_under_the_same_key(make_api, answers):
    wire = answers(httpx.ReadError("x"), httpx.ConnectTimeout("x"), httpx.Response(202, json={"id": "8"}))
    assert make_api(wire).post("/v1/tasks", {"prompt": "猫", "gateway": None}, key="once") == {"id": "8"}
    assert [request.headers["idempotency-key"] for request in wire.requests] == ["once"] * 3
    assert {request.content for request in wire.requests} == {'{"prompt":"猫"}'.encode()}


@pytest.mark.parametrize(("status", "new"), [(202, True), (200, False)])
def test_a_click_tells_whether_it_was_the_first(make_api, answers, status, new):
    wire = answers(httpx.ReadError("x"), httpx.Response(status, json={"id": "9"}))
    click = {"button": "🔄", "origin": "cli"}
    assert make_api(wire).create("/v1/tasks/8/click", click, key="once") == ({"id": "9"}, new)
    assert wire.requests[1].url.path == "/v1/tasks/8/click"
    assert json.loads(wire.requests[1].content) == {"button": "🔄", "origin": "cli"}


def test_a_post_that_finds_nobody_is_not_tried_again(make_api, answers):
    wire = answers(httpx.ConnectError("x"))
    with pytest.raises(Unreachable, match="Cannot reach"):
        make_api(wire).post("/v1/tasks", {"prompt": "猫"}, key="once")
    assert len(wire.requests) == 1


def test_a_post_that_stays_broken_is_given_up(make_api, answers):
    wire = answers(httpx.ReadError("x"))
    with pytest.raises(Unreachable):
        make_api(wire).post("/v1/tasks", {"prompt": "猫"}, key="once")
    assert len(wire.requests) == 4


def test_a_patient_get_outlives_a_restart(make_api, answers):
    wire = answers(httpx.ReadError("x"), httpx.ConnectError("x"), page("1"))
    assert make_api(wire).get("/v1/tasks", patience=60)["tasks"] == [{"id": "1"}]


def test_a_get_without_patience_fails_at_once(make_api, answers):
    wire = answers(httpx.ConnectError("x"))
    with pytest.raises(Unreachable):
        make_api(wire).get("/v1/tasks")
    assert len(wire.requests) == 1


def test_tasks_come_page_by_page_up_to_the_limit(make_api, answers):
    first, second = [str(each) for each in range(300, 200, -1)], ["200", "199"]
    wire = answers(page(*first, following="201"), page(*second, following="199"))
    assert [task["id"] for task in make_api(wire).list_tasks(limit=102, q="猫", status=())] == first + second
    assert [dict(request.url.params) for request in wire.requests] == [
        {"q": "猫", "limit": "100"},
        {"q": "猫", "limit": "2", "cursor": "201"},
    ]


def test_the_last_page_ends_the_list(make_api, answers):
    wire = answers(page("2", "1"))
    assert len(list(make_api(wire).list_tasks(limit=1000))) == 2
    assert len(wire.requests) == 1


def test_a_strange_task_id_stays_one_part_of_the_path(make_api, answers):
    wire = answers(httpx.Response(200, json={}))
    make_api(wire).read_task("../events?x=1")
    assert wire.requests[0].url.raw_path == b"/v1/tasks/..%2Fevents%3Fx%3D1"


@pytest.fixture
def settled(monkeypatch, tmp_path):
    """Sets the environment of a command line that runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOST", "PORT", "RINGBACK_URL", "RINGBACK_API_KEY", "RINGBACK_API_KEYS", "RINGBACK_DATABASE"):
        monkeypatch.delenv(name, raising=False)

    def make(**settings):
        seen = []
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("service.cli.client.api_client", lambda url, key: seen.append((url, key)))
        connect(click.Context(click.Command("verb")))
        return seen[0]

    return make


def test_the_service_is_found_where_it_listens_by_default(settled):
    assert settled() == ("http://127.0.0.1:8000", None)


def test_url_and_key_are_those_named_for_the_command_line(settled):
    found = settled(RINGBACK_URL="http://far/ringback/", RINGBACK_API_KEY="named", RINGBACK_API_KEYS="c" * 16)
    assert found == ("http://far/ringback", "named")


def test_the_first_configured_key_comes_next(settled):
    assert settled(PORT="81", RINGBACK_API_KEYS=f"{'a' * 16},{'b' * 16}") == ("http://127.0.0.1:81", "a" * 16)


def test_a_made_key_comes_last(settled, tmp_path):
    kept = {"api_keys": ["m" * 16], "secret_keys": ["s" * 16]}
    (tmp_path / "other.db.keys").write_text(json.dumps(kept))
    (tmp_path / "other.db.keys").chmod(0o600)
    assert settled(RINGBACK_DATABASE="other.db") == ("http://127.0.0.1:8000", "m" * 16)


def test_a_key_is_never_made(settled, tmp_path):
    settled()
    assert list(tmp_path.iterdir()) == []


def test_settings_that_cannot_be_used_are_told(settled):
    with pytest.raises(Misused, match="RINGBACK_URL: a URL begins with"):
        settled(RINGBACK_URL="ftp://x")


def test_bytes_that_the_locale_cannot_read_are_mended_or_marked(make_api, answers):
    wire = answers(httpx.Response(200, json={}))
    hidden = "一只猫".encode().decode("ascii", "surrogateescape")
    make_api(wire).post("/v1/tasks", {"prompt": hidden, "tags": ("\udcff",), "state": "猫"}, key="once")
    assert json.loads(wire.requests[0].content) == {"prompt": "一只猫", "tags": ["�"], "state": "猫"}
    make_api(wire).read_task("\udcff")
    assert wire.requests[1].url.path == "/v1/tasks/�"
