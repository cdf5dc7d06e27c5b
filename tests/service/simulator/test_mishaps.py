"""What happens to any request on its way back."""

import http.client
import json
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
import pytest

pytestmark = pytest.mark.fault


def test_a_question_can_hang(simulate, receiver):
    gateway = simulate(vices={"hang": 1.0})
    with pytest.raises(httpx.ReadTimeout):
        gateway.http.get("/mj/task/17/fetch", timeout=0.2)
    with pytest.raises(httpx.ReadTimeout):
        gateway.http.post("/mj/submit/imagine", json={"prompt": "猫", "notifyHook": receiver.hook("a")}, timeout=0.2)
    assert receiver.wait_for("a", "SUCCESS")
    assert (gateway.counts()["fetches"], gateway.counts()["spoiled"]) == (1, 2)


def test_the_connection_can_break_in_the_middle_of_an_answer(simulate):
    gateway = simulate(vices={"cut": 1.0})
    for ask in (lambda: gateway.submit("imagine", prompt="猫"), lambda: gateway.http.get("/mj/task/list")):
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            ask()
    assert (gateway.counts()["submissions"], gateway.counts()["spoiled"]) == (1, 2)


def envelope_of(answer):
    """The code of an answer, or None where it is none."""
    try:
        body = json.loads(answer.content)
    except ValueError:
        return None
    return body.get("result") if isinstance(body, dict) and body.get("code") == 1 else None


def test_garbage_is_never_the_answer(simulate):
    seen = set()
    for seed in range(1, 25):
        gateway = simulate(seed=seed, vices={"garbage": 1.0}, grid_seconds=60)
        answer = gateway.submit("imagine", prompt="猫")
        assert envelope_of(answer) is None
        assert gateway.counts()["submissions"] == 1  # it was carried out all the same
        seen.add((answer.status_code, answer.headers["content-type"].split(";")[0]))
    assert {(200, "application/json"), (200, "text/html"), (502, "text/html")} <= seen


def test_a_kept_connection_can_be_closed_without_a_word(simulate):
    gateway = simulate(vices={"close_idle": 0.1})
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=10)
    connection.request("GET", "/mj/task/list")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"[]")
    assert answer.getheader("connection") != "close"
    assert not answer.will_close
    with pytest.raises(ConnectionError):
        connection.request("GET", "/mj/task/list")
        connection.getresponse()
    connection.close()
    assert gateway.counts()["lists"] == 1  # the second one was closed unread


def test_until_then_whatever_comes_on_that_connection_is_held_back(simulate):
    gateway = simulate(vices={"close_idle": 600.0})
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=0.2)
    connection.request("GET", "/mj/task/list")
    assert connection.getresponse().read() == b"[]"
    with pytest.raises(TimeoutError):
        connection.request("GET", "/mj/task/list")
        connection.getresponse()
    connection.close()
    assert gateway.counts()["lists"] == 1


def test_an_answer_that_breaks_off_is_not_mended_by_another_vice(simulate):
    gateway = simulate(vices={"hang_up": 1.0, "close_idle": 600.0})
    with pytest.raises(httpx.RemoteProtocolError):
        gateway.submit("imagine", prompt="猫")


@pytest.mark.parametrize("skew", [0.0, 3600.0, -90.0])
def test_a_wrong_clock_dates_answers_and_tasks(simulate, clock, skew):
    gateway = simulate(clock=clock, vices={"skew": skew}, settled=True)
    answer = gateway.submit("imagine", prompt="猫")
    assert [parsedate_to_datetime(date).timestamp() for date in answer.headers.get_list("date")] == [clock.now + skew]
    assert gateway.fetch(answer.json()["result"])["submitTime"] == (clock.now + skew) * 1000
    assert gateway.http.get("/simulator/health").headers["date"] == answer.headers["date"]
