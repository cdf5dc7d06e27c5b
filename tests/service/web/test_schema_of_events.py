"""Events as they are described, in OpenAPI and in AsyncAPI, against events as they are written."""

import json
import re
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from hooks.envelope import show_event, write_letter
from hooks.signature import make_secret, sign
from service.web.asyncapi import describe_channels
from service.web.frames import frame_event
from service.web.schema import describe_calls, describe_schemas
from service.web.site import list_calls
from storage.records import EVENT_TYPES, Event
from tests.events import events


@cache
def openapi() -> dict[str, Any]:
    return describe_calls(list_calls(None))  # type: ignore[arg-type]


@cache
def asyncapi(public_url: str | None = "https://ringback.example") -> dict[str, Any]:
    schemas = describe_schemas(list_calls(None))  # type: ignore[arg-type]
    return json.loads(json.dumps(describe_channels(schemas, public_url)))


@cache
def webhook(event_type: str) -> Draft202012Validator:
    content = openapi()["webhooks"][event_type]["post"]["requestBody"]["content"]
    schema = content["application/json"]["schema"] | {"components": openapi()["components"]}
    return Draft202012Validator(schema, format_checker=FormatChecker())


@cache
def message(channel: str, event_type: str, part: str) -> Draft7Validator:
    """What AsyncAPI says of a message's payload, or of its headers. Its schemas are a dialect of draft 7."""
    components = asyncapi()["components"]
    schema = components["messages"][f"{channel}.{event_type}"][part] | {"components": components}
    return Draft7Validator(schema, format_checker=FormatChecker())


def test_openapi_with_its_webhooks_is_openapi() -> None:
    validate(json.loads(json.dumps(openapi())))


def test_every_type_of_event_is_described() -> None:
    assert tuple(openapi()["webhooks"]) == EVENT_TYPES
    channels = asyncapi()["channels"]
    assert tuple(channels["deliveries"]["messages"]) == EVENT_TYPES
    assert tuple(channels["events"]["messages"]) == (*EVENT_TYPES, "gap", "goodbye")


def test_every_operation_has_a_name_of_its_own() -> None:
    described = [*openapi()["paths"].values(), *openapi()["webhooks"].values()]
    names = [method["operationId"] for path in described for method in path.values()]
    assert len(names) == len(set(names))


@given(events())
def test_what_is_delivered_is_as_it_is_described(event: Event) -> None:
    letter = write_letter(event, "standard", source="https://ringback.example")
    body, headers = json.loads(letter.body), sign([make_secret(), make_secret()], letter.id, 1_790_000_000, letter.body)
    assert not list(webhook(event.type).iter_errors(body))
    assert not list(message("deliveries", event.type, "payload").iter_errors(body))
    assert not list(message("deliveries", event.type, "headers").iter_errors(headers))


@given(events())
def test_what_is_streamed_is_as_it_is_described(event: Event) -> None:
    framed = re.search(rb"^data: (.+)$", frame_event(event), re.MULTILINE)
    assert framed is not None
    shown = json.loads(framed[1])
    assert shown == json.loads(msgspec.json.encode(show_event(event)))
    assert not list(message("events", event.type, "payload").iter_errors(shown))


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_description_is_strict_enough_to_notice_what_is_missing(event_type: str) -> None:
    other = next(each for each in EVENT_TYPES if each != event_type)
    body = {"type": event_type, "timestamp": "2026-11-23T08:00:00.000Z", "data": {}}
    assert not webhook(event_type).is_valid(body)
    missing = {error.message for error in webhook(event_type).iter_errors(body)}
    assert {"'seq' is a required property", "'task' is a required property"} <= missing
    assert any("was expected" in error.message for error in webhook(event_type).iter_errors(body | {"type": other}))


def test_a_long_event_is_described_too() -> None:
    example = msgspec.convert(
        {
            "seq": 1,
            "id": "evt_1",
            "type": "chain.settled",
            "time": 1_790_000_000_000,
            "task": {
                "id": "8000000000000001",
                "root_id": "8000000000000001",
                "gateway": "main",
                "action": "IMAGINE",
                "origin": "api",
                "created_at": 1,
                "updated_at": 1,
                "prompt": "一只猫 " * 3000,
                "image_url": "https://cdn.example/" + "x" * 30_000,
                "properties": {"raw": "x" * 30_000},
            },
            "data": {"source": "service", "chain": make_chain()},
        },
        Event,
    )
    body = json.loads(write_letter(example, "standard", source="s").body)
    assert body["data"]["truncated"] is True
    assert not list(webhook("chain.settled").iter_errors(body))


def make_chain() -> dict[str, Any]:
    picture = {"task_id": "8", "action": "UPSCALE", "index": 1, "image_url": "https://cdn.example/" + "x" * 500}
    counts: dict[str, Any] = {name: {} for name in ("succeeded", "failed", "cancelled", "retried")}
    return counts | {"root_id": "8", "tasks": 99, "lost": 0, "cost": None, "pictures": [picture] * 99}


def test_the_server_is_the_public_url() -> None:
    assert asyncapi(None)["servers"] == {}
    assert asyncapi("https://r.example/behind")["servers"]["ringback"] == {
        "host": "r.example",
        "protocol": "https",
        "pathname": "/behind",
        "security": [{"$ref": "#/components/securitySchemes/key"}],
    }


def test_every_reference_leads_somewhere() -> None:
    written = json.dumps(asyncapi())
    for reference in set(re.findall(r'"#/([^"]+)"', written)):
        here: Any = asyncapi()
        for step in reference.split("/"):
            here = here[step]
