"""Events as they come."""

from itertools import islice

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.failures import Refused, Unreachable
from service.cli.stream import follow_events, read_events


def frame(seq, **more):
    event = {"seq": seq, "type": "task.progressed"} | more
    return f"id: {seq}\nevent: task.progressed\ndata: {msgspec.json.encode(event).decode()}\n\n".encode()


def stream(*seqs):
    return httpx.Response(200, content=b": ringback\nretry: 1000\n\n" + b"".join(map(frame, seqs)))


def take(events, count):
    return [event["seq"] for event in islice(events, count)]


@given(st.lists(st.text(max_size=20), max_size=5), st.lists(st.integers(1, 40), max_size=20))
def test_events_are_read_however_the_bytes_are_cut(prompts, lengths):
    whole = b": hello\n\n" + b"".join(frame(seq, prompt=prompt) for seq, prompt in enumerate(prompts))
    chunks, rest = [], whole
    for length in lengths:
        chunks.append(rest[:length])
        rest = rest[length:]
    assert [event["prompt"] for event in read_events([*chunks, rest])] == prompts


def test_a_prompt_with_the_line_separators_of_unicode_is_one_event():
    text = "a\u2028b\u2029c\x85d"
    assert [event["prompt"] for event in read_events([frame(1, prompt=text)])] == [text]


def test_comments_and_farewells_are_no_events():
    assert list(read_events([b": still here\n\n", b"event: goodbye\ndata: {}\n\n", frame(7)])) == [
        {"seq": 7, "type": "task.progressed"}
    ]


def test_half_an_event_is_not_told(make_api):
    assert list(read_events([frame(1), frame(2)[:-1]])) == [{"seq": 1, "type": "task.progressed"}]


def test_a_broken_stream_goes_on_after_the_last_event(make_api, answers):
    wire = answers(stream(3, 4), httpx.ConnectError("x"), httpx.Response(503), stream(), stream(5))
    breaks = []
    events = follow_events(make_api(wire), after=2, retry=0, on_break=breaks.append, type=("task.*",), task=None)
    assert take(events, 3) == [3, 4, 5]
    assert [request.headers["last-event-id"] for request in wire.requests] == ["2", "4", "4", "4", "4"]
    assert {request.headers["accept"] for request in wire.requests} == {"text/event-stream"}
    assert {str(request.url.query, "ascii") for request in wire.requests} == {"type=task.%2A"}
    assert breaks == ["http://service ended the stream."] * 2  # once for each stream, not for each try


def test_the_first_stream_must_open(make_api, answers):
    with pytest.raises(Unreachable, match="Cannot reach"):
        take(follow_events(make_api(answers(httpx.ConnectError("x"))), after=0), 1)


def test_a_refused_key_ends_a_stream_that_was_open(make_api, answers):
    events = follow_events(make_api(answers(stream(1), httpx.Response(401))), after=0, retry=0)
    with pytest.raises(Refused, match="does not accept"):
        take(events, 2)
