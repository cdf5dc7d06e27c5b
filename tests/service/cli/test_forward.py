"""Events posted to a program on this machine: as the courier would, each until it is taken."""

from typing import get_args

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from hooks.envelope import show_event, suits, write_letter
from hooks.signature import make_secret
from service.cli import forward
from service.cli.forward import LONGEST_PAUSE, Forwarder, read_event
from storage.records_of_deliveries import Format
from tests.events import events

SOURCE = "https://ringback.example"
SECRET, OLDER = make_secret(), make_secret()


def as_shown(event):
    """What a stream brings of it."""
    return msgspec.json.decode(msgspec.json.encode(show_event(event)))


@given(event=events(), form=st.sampled_from(get_args(Format)))
def test_a_letter_is_the_same_byte_for_byte_written_from_the_ledger_and_from_a_stream(event, form):
    assume(suits(form, event.type, has_task=event.task is not None))
    event = read_event(as_shown(event))  # as the ledger gives it: JSON has been through it
    assert write_letter(read_event(as_shown(event)), form, source=SOURCE) == write_letter(event, form, source=SOURCE)


@given(event=events())
def test_an_event_that_was_shown_is_shown_the_same_again(event):
    assert as_shown(read_event(as_shown(event))) == as_shown(event)


def test_an_event_of_another_release_is_a_mistake(shown):
    with pytest.raises(msgspec.ValidationError):
        read_event(shown | {"task": {"id": "8000000000000001"}})


@pytest.fixture
def shown(a_task):
    task = a_task(gateway="g", updated_at="2026-11-23T01:00:00.123Z")
    return {
        "seq": 7, "id": "evt_7", "type": "task.succeeded", "time": "2026-11-23T01:00:00.123Z", "task": task,
        "data": {"source": "callback"},
    }  # fmt: skip


@pytest.fixture
def forwarder(box):
    with Forwarder(box.url, "standard", secrets=[SECRET, OLDER], source=SOURCE) as made:
        yield made


def refuse(*_):
    raise AssertionError("it was taken at once")


def test_it_is_signed_with_every_secret_in_force(forwarder, box, shown):
    answer = forwarder.forward(shown, on_failure=refuse)
    assert (answer.status, answer.error) == (204, None)
    (post,) = box.posts
    post.verify(SECRET)
    post.verify(OLDER)
    assert (post.headers["webhook-id"], post.headers["user-agent"]) == ("evt_7", "Ringback")
    assert post.body == write_letter(read_event(shown), "standard", source=SOURCE).body
    assert Webhook(SECRET).verify(post.body, post.headers)["data"]["task"]["prompt"] == "一只猫"


def test_it_goes_out_again_until_it_is_taken_and_says_why(forwarder, box, shown, monkeypatch):
    monkeypatch.setattr(forward, "FIRST_PAUSE", 0.01)
    box.status = 500
    said = []

    def on_failure(answer, pause):
        said.append((answer.detail, pause))
        if len(said) == 3:
            box.status = 200

    assert forwarder.forward(shown, on_failure=on_failure).status == 200
    assert said == [("127.0.0.1 answers HTTP 500 Internal Server Error", pause) for pause in (0.01, 0.02, 0.04)]
    first, *others = box.posts
    assert {(post.headers["webhook-id"], post.body) for post in others} == {("evt_7", first.body)}
    assert len(others) == 3


def test_nobody_there_is_a_reason_to_try_again(shown, subscriber, monkeypatch):
    monkeypatch.setattr(forward, "FIRST_PAUSE", 0.01)

    class GivenUp(Exception):
        pass

    def give_up(answer, _):
        assert answer.error == "unreachable"
        raise GivenUp

    with Forwarder("http://127.0.0.1:9", "standard", secrets=[SECRET], source=SOURCE) as made, pytest.raises(GivenUp):
        made.forward(shown, on_failure=give_up)


def test_a_pause_that_is_asked_for_is_kept_within_reason(forwarder, box, shown, monkeypatch):
    box.status, box.headers["retry-after"] = 503, "86400"
    paused = []

    def pause(seconds):
        paused.append(seconds)
        box.status = 204

    monkeypatch.setattr(forward.time, "sleep", pause)
    forwarder.forward(shown, on_failure=lambda *_: None)
    assert paused == [LONGEST_PAUSE]


def test_what_a_format_cannot_tell_is_not_sent(box, shown):
    with Forwarder(box.url, "gateway", secrets=[SECRET], source=SOURCE) as made:
        assert made.suits(shown)
        assert not made.suits(shown | {"type": "chain.settled"})
        assert not made.suits(shown | {"task": None})
