"""Who is told, and checks what it is told."""

import http.client
import json
import time

import pytest

from hooks.signature import make_secret, sign
from service.cli.demo.subscriber import open_subscriber

BODY = json.dumps({"type": "task.succeeded", "data": {"id": "evt_1", "seq": 1}}).encode()


@pytest.fixture
def subscriber():
    with open_subscriber() as running:
        yield running


def post(subscriber, secret, body=BODY):
    address, _, path = subscriber.url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("POST", f"/{path}", body=body, headers=sign([secret], "evt_1", int(time.time()), BODY))
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_what_is_genuine_is_taken_and_kept_as_it_came(subscriber):
    assert post(subscriber, subscriber.secret) == 204
    (heard,) = subscriber.heard
    assert (heard.id, heard.genuine, heard.body, heard.data) == ("evt_1", True, BODY, {"id": "evt_1", "seq": 1})


def test_what_is_not_is_refused_and_kept_as_evidence(subscriber):
    assert post(subscriber, make_secret()) == 400
    assert post(subscriber, subscriber.secret, body=BODY + b" ") == 400
    assert [heard.genuine for heard in subscriber.heard] == [False, False]
