"""What a subscriber is sent: one event as the body and the headers of a POST, in the format that it asked for. Pure.

The same event gives the same bytes, at every attempt and in every process. Signing is not done here.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import msgspec

from hooks.abridgement import TRUNCATED, abridge
from hooks.errors import Unsuited
from hooks.rows import show_row
from storage.records import JSON, Event, Task
from storage.records_of_deliveries import GATEWAY_EVENTS, Format

LONGEST: Final = 20_000  # bytes of a body: Standard Webhooks advises less than 20 KB
TASK_TIMES: Final = ("created_at", "updated_at", "submitted_at", "started_at", "finished_at")

_JSON_TYPE: Final = "application/json"
_CLOUDEVENTS_TYPE: Final = "application/cloudevents+json; charset=utf-8"
_SEQ_DIGITS: Final = 19  # of the largest `seq` there can be, 2^63 - 1: with zeros before them, texts sort as numbers do
# What stays as it is in a `ce-` header: printable ASCII but for the blank, the quote and the percent sign
# (CloudEvents 1.0.2, HTTP protocol binding, 3.1.3.2).
_PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')

_encode: Final = msgspec.json.Encoder(order="deterministic").encode  # the keys of dicts are sorted


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What one event is as a POST, but for its signature."""

    id: str  # the event's, and so the same at every attempt: `webhook-id`
    body: bytes
    headers: dict[str, str]


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """The body in the format `standard`: that of Standard Webhooks."""

    type: str
    timestamp: str  # of the event, RFC 3339
    data: JSON


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body in the format `cloudevents`, and without `data` the headers in `cloudevents-binary`."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str | None = None  # the task's id
    time: str
    datacontenttype: str
    sequence: str  # the extension of that name: `seq`, as a text that sorts as the number does
    partitionkey: str | None = None  # the extension of that name: the task's id, since order is kept per task
    data: JSON = {}


def format_time(milliseconds: int | None) -> str | None:
    """Give RFC 3339 in UTC, to the millisecond."""
    return None if milliseconds is None else _write_time(milliseconds)


def show_task(task: Task) -> JSON:
    """Give a Task as `/v1`, streams and subscribers see it."""
    shown = msgspec.structs.asdict(task)
    for name in TASK_TIMES:
        shown[name] = format_time(shown[name])
    return shown


def show_event(event: Event) -> JSON:
    """Give an Event as `/v1` and streams show it."""
    return {
        "seq": event.seq,
        "id": event.id,
        "type": event.type,
        "time": format_time(event.time),
        "task": None if event.task is None else show_task(event.task),
        "data": event.data,
    }


def suits(form: Format, event_type: str, *, has_task: bool) -> bool:
    """Whether an event can be told in a format: that of the gateways knows what becomes of tasks, and nothing else."""
    return form != "gateway" or (has_task and event_type in GATEWAY_EVENTS)


def write_letter(event: Event, form: Format, *, source: str) -> Letter:
    """Give what is sent of an event, with at most LONGEST bytes of body: for more, something is left out.

    `source` is our public URL, or another name of this service, and not empty. Raises Unsuited for an event that the
    format has no words for.
    """
    write = _WRITERS[form]
    body, headers = write(event, source)
    while len(body) > LONGEST and (shorter := abridge(event, len(body) - LONGEST)) is not None:
        event = shorter
        body, headers = write(event, source)
    return Letter(id=event.id, body=body, headers=headers)


def _write_standard(event: Event, _source: str) -> tuple[bytes, dict[str, str]]:
    notice = Notice(type=event.type, timestamp=_write_time(event.time), data=_show_data(event))
    return _encode(notice), {"Content-Type": _JSON_TYPE}


def _write_cloudevents(event: Event, source: str) -> tuple[bytes, dict[str, str]]:
    written = msgspec.structs.replace(_describe(event, source), data=_show_data(event))
    return _encode(written), {"Content-Type": _CLOUDEVENTS_TYPE}


def _write_binary(event: Event, source: str) -> tuple[bytes, dict[str, str]]:
    attributes = msgspec.to_builtins(_describe(event, source))
    headers = {"Content-Type": attributes.pop("datacontenttype")}
    headers |= {f"ce-{name}": quote(value, safe=_PLAIN) for name, value in attributes.items()}
    return _encode(_show_data(event)), headers


def _write_gateway(event: Event, _source: str) -> tuple[bytes, dict[str, str]]:
    if event.task is None or event.type not in GATEWAY_EVENTS:
        raise Unsuited(f"The format gateway has no words for {event.type}.")
    row = show_row(event.task)
    if TRUNCATED in event.data:
        row["properties"][TRUNCATED] = True
    return _encode(row), {"Content-Type": _JSON_TYPE}


_WRITERS: Final[dict[Format, Callable[[Event, str], tuple[bytes, dict[str, str]]]]] = {
    "standard": _write_standard,
    "cloudevents": _write_cloudevents,
    "cloudevents-binary": _write_binary,
    "gateway": _write_gateway,
}


def _show_data(event: Event) -> JSON:
    """What an event says, in any format but the gateways'."""
    ours = {"seq": event.seq, "id": event.id, "task": None if event.task is None else show_task(event.task)}
    return event.data | ours


def _describe(event: Event, source: str) -> CloudEvent:
    """The attributes that go with the data."""
    task_id = None if event.task is None else event.task.id
    return CloudEvent(
        specversion="1.0",
        id=event.id,
        source=source,
        type=f"ringback.{event.type}",
        subject=task_id,
        time=_write_time(event.time),
        datacontenttype=_JSON_TYPE,
        sequence=f"{event.seq:0{_SEQ_DIGITS}d}",
        partitionkey=task_id,
    )


def _write_time(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
