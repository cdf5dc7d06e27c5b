"""Events as they come."""

from itertools import islice

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.failures import Refused, Unreachable
from service.cli.stream import follow_events, read_frames


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
    assert [each.data["prompt"] for each in read_frames([*chunks, rest])] == prompts


def test_a_prompt_with_the_line_separators_of_unicode_is_one_event():
    text = "a\u2028b\u2029c\x85d"
    assert [each.data["prompt"] for each in read_frames([frame(1, prompt=text)])] == [text]


def test_comments_say_nothing():
    told = read_frames([b": ringback\nretry: 1000\n\n", b": still here\n\n", b"event: goodbye\ndata: {}\n\n", frame(7)])
    assert list(told) == [("goodbye", {}), ("task.progressed", {"seq": 7, "type": "task.progressed"})]


def test_a_farewell_is_no_event(make_api, answers):
    goodbye = httpx.Response(200, content=frame(3) + b"event: goodbye\ndata: {}\n\n")
    assert take(follow_events(make_api(answers(goodbye, stream(4))), after=2, retry=0), 2) == [3, 4]


def test_half_an_event_is_not_told(make_api):
    assert list(read_frames([frame(1), frame(2)[:-1]])) == [("task.progressed", {"seq": 1, "type": "task.progressed"})]


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


def test_a_gap_is_told_and_the_stream_goes_on_after_it(make_api, answers, capsys):
    gap = b'id: 4\nevent: gap\ndata: {"after":900,"next":4,"reason":"restored"}\n\n'
    wire = answers(httpx.Response(200, content=gap), stream(5))
    assert take(follow_events(make_api(wire), after=900, retry=0), 1) == [5]
    assert [request.headers["last-event-id"] for request in wire.requests] == ["900", "4"]
    said = "There is no event 900 yet: an older ledger must have been put back. It goes on after 4.\n"
    assert capsys.readouterr().err == said


def test_a_page_that_begins_after_a_gap_says_so(make_api, answers, capsys):
    page = {"events": [], "next": 40, "gap": {"after": 7, "next": 40, "reason": "removed"}}
    assert list(make_api(answers(httpx.Response(200, json=page))).list_events(after=7)) == []
    assert capsys.readouterr().err == "The events after 7 are not kept any more. It goes on after 40.\n"


def test_who_names_no_place_begins_with_the_oldest_event(make_api, answers):
    wire = answers(stream(3))
    assert take(follow_events(make_api(wire), after=None), 1) == [3]
    assert wire.requests[0].headers["last-event-id"] == "earliest"
