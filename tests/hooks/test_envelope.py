"""What is sent of an event, in each format, and that it is what each format promises."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import assume, given
from hypothesis import strategies as st

from hooks.blanker import Blanker
from hooks.envelope import LONGEST, Letter, show_task, suits, write_letter
from hooks.errors import Unsuited
from hooks.wire import parse_progress
from storage.records import EVENT_TYPES, Button, Event, Task
from storage.records_of_deliveries import GATEWAY_EVENTS, Format
from tests.events import TEXTS, events

SOURCE = "https://ringback.example"
WIRE = Path(__file__).parents[1] / "wire"
FORMATS: tuple[Format, ...] = get_args(Format)
STRANGE = '一只猫 👩\u200d🚀\u2028\u2029\0\x1b\ufeff \\ " </script>'


def make_task(**given: Any) -> Task:
    values = {
        "id": "8000000000000001",
        "root_id": "8000000000000001",
        "gateway": "main",
        "action": "IMAGINE",
        "status": "SUCCESS",
        "progress": 100,
        "prompt": "a cat",
        "origin": "api",
        "created_at": 1_790_000_000_000,
        "updated_at": 1_790_000_000_001,
        "properties": {"messageId": "12"},
    }
    return Task(**values | given)


def make_event(event_type: str = "task.succeeded", **given: Any) -> Event:
    values = {"seq": 17, "id": "evt_01a2b3", "type": event_type, "time": 1_790_000_000_123, "task": make_task()}
    return Event(**values | {"data": {"source": "callback"}} | given)


def write(event: Event, form: Format = "standard") -> Letter:
    return write_letter(event, form, source=SOURCE)


def read(letter: Letter) -> Any:
    return json.loads(letter.body)


def test_the_standard_body_is_type_timestamp_and_data() -> None:
    event = make_event("chain.settled", data={"source": "service", "chain": {"root_id": "8000000000000001"}})
    letter = write(event)
    assert (letter.id, letter.headers) == ("evt_01a2b3", {"Content-Type": "application/json"})
    assert read(letter) == {
        "type": "chain.settled",
        "timestamp": "2026-09-21T14:13:20.123Z",
        "data": {
            "seq": 17,
            "id": "evt_01a2b3",
            "task": as_shown(event),
            "source": "service",
            "chain": {"root_id": "8000000000000001"},
        },
    }
    assert letter.body.startswith(b'{"type":"chain.settled","timestamp":')


def test_an_event_about_no_task_says_so() -> None:
    assert read(write(make_event("rule.paused", task=None)))["data"]["task"] is None


def test_no_data_of_an_event_replaces_what_every_delivery_says() -> None:
    data = read(write(make_event(data={"seq": 1, "id": "x", "task": {}, "source": "fetch"})))["data"]
    assert (data["seq"], data["id"], data["task"]["id"]) == (17, "evt_01a2b3", "8000000000000001")


@given(events(), st.sampled_from(FORMATS))
def test_every_event_can_be_told_in_every_format_that_suits_it(event: Event, form: Format) -> None:
    assume(suits(form, event.type, has_task=event.task is not None))
    letter = write(event, form)
    assert letter.id == event.id
    assert len(letter.body) <= LONGEST
    read(letter)
    for name, value in letter.headers.items():
        assert f"{name}{value}".isascii() and f"{name}{value}".isprintable()


@given(events())
def test_the_same_event_gives_the_same_bytes_however_it_was_put_together(event: Event) -> None:
    def turn(value: Any) -> Any:
        """The same value, with its keys in another order."""
        return {name: turn(value[name]) for name in reversed(value)} if isinstance(value, dict) else value

    task = event.task
    if task is not None:
        task = msgspec.structs.replace(task, properties=turn(task.properties), params=turn(task.params))
    turned = msgspec.structs.replace(event, task=task, data=turn(event.data))
    for form in FORMATS:
        if suits(form, event.type, has_task=task is not None):
            assert write(turned, form) == write(event, form)


def test_another_process_writes_the_same_bytes() -> None:
    code = (
        "import sys, msgspec; from hooks.envelope import write_letter; from storage.records import Event\n"
        "event = msgspec.json.decode(sys.stdin.buffer.read(), type=Event)\n"
        f"for form in {FORMATS!r}: print(write_letter(event, form, source={SOURCE!r}))"
    )
    event = make_event(task=make_task(prompt=STRANGE, properties=dict.fromkeys("qwertyuiop", STRANGE)))
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=msgspec.json.encode(event),
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert done.stdout.decode().splitlines() == [str(write(event, form)) for form in FORMATS]


@pytest.mark.parametrize("form", FORMATS)
def test_strange_prompts_survive(form: Format) -> None:
    body = read(write(make_event(task=make_task(prompt=STRANGE)), form))
    inner = {"standard": lambda: body["data"]["task"], "cloudevents": lambda: body["data"]["task"]}
    task = inner.get(form, lambda: body.get("task", body))()
    assert task["prompt"] == STRANGE


class TestCloudEvents:
    @given(events(), TEXTS.map(lambda text: f"https://r.example/{text}"))
    def test_the_sdk_reads_both_modes_alike(self, event: Event, source: str) -> None:
        notice = read(write(event))
        for form in ("cloudevents", "cloudevents-binary"):
            letter = write_letter(event, form, source=source)  # type: ignore[arg-type]
            parsed = from_http_event(HTTPMessage(headers=letter.headers, body=letter.body))
            assert isinstance(parsed, CloudEvent)  # which has checked every attribute
            assert (parsed.get_id(), parsed.get_source()) == (event.id, source)
            assert parsed.get_type() == f"ringback.{event.type}"
            assert parsed.get_datacontenttype() == "application/json"
            assert parsed.get_time().timestamp() * 1000 == pytest.approx(event.time)
            task_id = None if event.task is None else event.task.id
            assert (parsed.get_subject(), parsed.get_extension("partitionkey")) == (task_id, task_id)
            assert int(parsed.get_extension("sequence")) == event.seq
            assert parsed.get_data() == notice["data"]

    def test_sequences_sort_as_the_numbers_do(self) -> None:
        seqs = (1, 9, 10, 2**53, 2**63 - 1)
        told = [read(write(make_event(seq=seq), "cloudevents"))["sequence"] for seq in seqs]
        assert told == sorted(told)
        assert {len(each) for each in told} == {19}

    def test_what_has_no_task_has_no_subject(self) -> None:
        event = make_event("rule.paused", task=None)
        assert not {"subject", "partitionkey"} & read(write(event, "cloudevents")).keys()
        assert not {"ce-subject", "ce-partitionkey"} & write(event, "cloudevents-binary").headers.keys()

    def test_headers_are_those_that_the_sdk_writes(self) -> None:
        event = make_event()
        source = 'https://r.example/猫 "100%"?a=b'
        letters = {form: write_letter(event, form, source=source) for form in ("cloudevents", "cloudevents-binary")}
        parsed = from_http_event(HTTPMessage(headers={}, body=letters["cloudevents"].body))
        binary, structured = to_binary_event(parsed), to_structured_event(parsed)
        ours = {name.lower(): value for name, value in letters["cloudevents-binary"].headers.items()}
        theirs = binary.headers | {"ce-time": ours["ce-time"]}  # the SDK writes microseconds
        assert ours == theirs
        assert letters["cloudevents"].headers["Content-Type"].startswith(structured.headers["content-type"])
        assert letters["cloudevents"].headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"


class TestGateway:
    @pytest.mark.parametrize("path", sorted(WIRE.glob("*.json")), ids=lambda path: path.stem)
    def test_who_reads_a_gateways_callback_reads_the_same_from_us(self, path: Path) -> None:
        body = path.read_bytes()
        said = parse_progress(body, Blanker())
        shown = {name: getattr(said, name) for name in said.__struct_fields__ if hasattr(Task, name)}
        written = json.loads(body)
        action = {"action": written["action"]} if "action" in written else {}
        task = make_task(**shown | action | {"prompt": written.get("prompt"), "gateway_id": said.gateway_id})
        letter = write(make_event(task=task), "gateway")
        assert letter.headers == {"Content-Type": "application/json"}
        heard = parse_progress(letter.body, Blanker())
        assert heard.gateway_id == task.id
        for name in ("status", "progress", "image_url", "video_urls", "buttons", "fail_reason", "started_at"):
            assert getattr(heard, name) == getattr(said, name), name
        row = json.loads(letter.body)
        for name in written.keys() & row.keys() - {"videoUrl", "videoUrls", "buttons"}:
            if written[name] not in (None, "") and row[name] != "":
                assert type(row[name]) is type(written[name]), name

    @pytest.mark.parametrize("name", ["fuhuapi_upscale_success", "kuaiwenwen_imagine_success"])
    def test_the_documented_rows_go_out_as_they_came_in(self, name: str) -> None:
        body = (WIRE / f"{name}.json").read_bytes()
        written, said = json.loads(body), parse_progress(body, Blanker())
        shown = {each: getattr(said, each) for each in said.__struct_fields__ if hasattr(Task, each)}
        row = read(write(make_event(task=make_task(**shown | {"prompt": written["prompt"]})), "gateway"))
        same = {each: row[each] for each in written.keys() - {"id", "properties"}}
        assert same == {each: written[each] for each in same}
        assert row["properties"] == {"finalZhPrompt": ""} | written["properties"]

    def test_it_is_the_task_as_it_was_with_the_clients_own_state(self) -> None:
        row = read(write(make_event(task=make_task(state="mine", status="IN_PROGRESS", progress=31)), "gateway"))
        assert (row["id"], row["state"]) == ("8000000000000001", "mine")
        assert (row["status"], row["progress"]) == ("IN_PROGRESS", "31%")

    @pytest.mark.parametrize("event_type", EVENT_TYPES)
    def test_only_what_gateways_call_back_about_suits_it(self, event_type: str) -> None:
        assert suits("gateway", event_type, has_task=True) == (event_type in GATEWAY_EVENTS)
        assert not suits("gateway", event_type, has_task=False)
        for form in FORMATS[:3]:
            assert suits(form, event_type, has_task=True) and suits(form, event_type, has_task=False)

    @pytest.mark.parametrize("event", [make_event("chain.settled"), make_event("rule.paused", task=None)])
    def test_what_does_not_suit_is_not_written(self, event: Event) -> None:
        with pytest.raises(Unsuited, match=event.type):
            write(event, "gateway")


class TestLength:
    def test_properties_are_left_out_first(self) -> None:
        buttons = (Button(label="U1", kind="upsample", index=1),)
        event = make_event(task=make_task(properties={"raw": "x" * 30_000}, buttons=buttons))
        data = read(write(event))["data"]
        assert (data["task"]["properties"], data["truncated"]) == ({}, True)
        assert data["task"] | {"properties": None} == as_shown(event) | {"properties": None}

    def test_what_has_room_is_whole(self) -> None:
        event = make_event(task=make_task(properties={"raw": "x" * 15_000}))
        assert "truncated" not in read(write(event))["data"]
        assert read(write(event))["data"]["task"] == as_shown(event)

    def test_a_long_prompt_is_cut_and_says_so(self) -> None:
        prompt = "一只猫😀" * 10_000
        task = read(write(make_event(task=make_task(prompt=prompt))))["data"]["task"]
        assert task["prompt"].endswith("…")
        assert prompt.startswith(task["prompt"][:-1])
        assert len(task["prompt"].encode()) > LONGEST * 0.9, "no more is cut than has to be"

    def test_a_long_chain_shows_its_first_pictures(self) -> None:
        pictures = [
            {"task_id": str(number), "image_url": f"https://cdn.example/{number:0300d}"} for number in range(200)
        ]
        chain = {"root_id": "8", "succeeded": {"IMAGINE": 200}, "pictures": pictures}
        data = read(write(make_event("chain.settled", data={"source": "service", "chain": chain})))["data"]
        assert data["truncated"] is True
        shown = data["chain"]["pictures"]
        assert shown == pictures[: len(shown)]
        assert len(shown) > 40
        assert data["chain"]["succeeded"] == {"IMAGINE": 200}
        assert data["task"]["prompt"] == "a cat"

    @pytest.mark.parametrize("name", ["image_url", "gateway_id", "state"])
    def test_no_address_and_no_id_is_cut_in_two(self, name: str) -> None:
        task = read(write(make_event(task=make_task(**{name: "https://cdn.example/" + "x" * 30_000}))))["data"]["task"]
        assert task[name] is None

    def test_a_gateways_row_says_so_among_its_properties(self) -> None:
        row = read(write(make_event(task=make_task(properties={"maskBase64": "x" * 30_000})), "gateway"))
        assert row["maskBase64"] == ""
        assert row["properties"] == {"finalPrompt": "a cat", "finalZhPrompt": "", "truncated": True}

    @given(st.data(), st.sampled_from(FORMATS))
    def test_whatever_is_long_there_is_always_a_letter_and_it_is_short_enough(
        self, data: st.DataObject, form: Format
    ) -> None:
        texts = st.builds(lambda text, times: text * times, TEXTS, st.sampled_from((1, 100, 2000)))
        buttons = st.lists(st.builds(Button, label=texts, kind=texts), max_size=3).map(tuple)
        task = make_task(
            prompt=data.draw(texts),
            fail_reason=data.draw(texts),
            image_url=data.draw(texts),
            status=data.draw(texts),
            buttons=data.draw(buttons),
            tags=tuple(data.draw(st.lists(texts, max_size=3))),
            params=data.draw(st.dictionaries(texts, texts, max_size=2)),
            properties=data.draw(st.dictionaries(texts, texts, max_size=2)),
        )
        event = make_event(task=task, data={"source": "callback", "claim": {"prompt": data.draw(texts)}})
        letter = write(event, form)
        assert len(letter.body) <= LONGEST
        assert letter == write(event, form)


def as_shown(event: Event) -> Any:
    assert event.task is not None
    return json.loads(msgspec.json.encode(show_task(event.task)))
