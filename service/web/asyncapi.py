"""`/asyncapi.json`: what Ringback sends by itself, the stream and the deliveries, by the type of the event."""

import re
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.web.calls import Call, answer_json
from service.web.desk import Desk
from service.web.schema import describe_schemas
from service.web.schema_of_events import MEANINGS, REF, describe_event, describe_headers, describe_notice
from storage.records import EVENT_TYPES

_REFERENCE: Final = re.compile(REF.format(name=r"(\w+)"))
_SERVER: Final = "ringback"
_STREAM: Final = "events"
_DELIVERIES: Final = "deliveries"


class AsyncApiCalls:
    """The description of what is sent, itself a call."""

    def __init__(self, desk: Desk, calls: list[Call]) -> None:
        self._desk = desk
        self._others = calls

    def calls(self) -> list[Call]:
        """The call with its description."""
        return [
            Call(
                method="GET",
                path="/asyncapi.json",
                handler=self.describe,
                summary="What streams and deliveries carry, AsyncAPI 3.0",
                answers={200: ("The description", "AsyncAPI")},
            )
        ]

    async def describe(self, _request: Request) -> Response:
        """`GET /asyncapi.json`."""
        return answer_json(describe_channels(describe_schemas(self._others), self._desk.public_url))


def describe_channels(schemas: dict[str, Any], public_url: str | None) -> dict[str, Any]:
    """Give the AsyncAPI document; `schemas` are the components of the API, `public_url` is None where there is none."""
    messages = _describe_messages()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Ringback",
            "version": version("ringback"),
            "description": "A Midjourney gateway's callbacks as a durable event stream. Any event may come twice; those"
            " of one task come in order. An event's `id` is always the same.",
        },
        "defaultContentType": "application/json",
        "servers": {} if public_url is None else {_SERVER: _describe_server(public_url)},
        "channels": {
            _STREAM: {
                "address": "/v1/events",
                "title": "The stream",
                "description": "Server-Sent Events. Each has its `seq` as its id: come back with it as Last-Event-ID.",
                "messages": _refer(messages, _STREAM),
            },
            _DELIVERIES: {
                "address": None,
                "title": "Deliveries",
                "description": "POSTs to the URL of a subscription, signed as Standard Webhooks 1.0 has it, in the"
                " format `standard`.",
                "messages": _refer(messages, _DELIVERIES),
            },
        },
        "operations": {
            "stream": _describe_sending(_STREAM, "GET", "Every event, from where a listener left."),
            "deliver": _describe_sending(
                _DELIVERIES, "POST", "Each event that a subscription wants, until it arrives."
            ),
        },
        "components": {
            "messages": messages,
            "schemas": _gather(schemas, messages),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _describe_server(public_url: str) -> dict[str, Any]:
    parts = urlsplit(public_url)
    path = {"pathname": parts.path} if parts.path else {}
    security = [{"$ref": "#/components/securitySchemes/key"}]
    return {"host": parts.netloc, "protocol": parts.scheme, "security": security} | path


def _describe_messages() -> dict[str, Any]:
    """Every message there is, named by its channel and its type."""
    signed = {"type": "object", "properties": describe_headers(), "required": list(describe_headers())}
    gap = {"$ref": REF.format(name="Gap")}
    streamed = {each: (MEANINGS[each], describe_event(each)) for each in EVENT_TYPES} | {
        "gap": ("Events that were asked for are not there any more; the stream goes on after them.", gap),
        "goodbye": ("The service stops. Come back.", {"type": "object"}),
    }
    stream = {
        f"{_STREAM}.{name}": {"name": name, "summary": summary, "payload": payload}
        for name, (summary, payload) in streamed.items()
    }
    deliveries = {
        f"{_DELIVERIES}.{each}": {
            "name": each,
            "summary": MEANINGS[each],
            "headers": signed,
            "payload": describe_notice(each),
        }
        for each in EVENT_TYPES
    }
    return stream | deliveries


def _refer(messages: dict[str, Any], channel: str) -> dict[str, Any]:
    return {
        message["name"]: {"$ref": f"#/components/messages/{key}"}
        for key, message in messages.items()
        if key.startswith(f"{channel}.")
    }


def _describe_sending(channel: str, method: str, summary: str) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "bindings": {"http": {"method": method}},
    }


def _gather(schemas: dict[str, Any], user: Any) -> dict[str, Any]:
    """Those schemas that something refers to, with all that they refer to themselves."""
    gathered: dict[str, Any] = {}
    wanted = _REFERENCE.findall(msgspec.json.encode(user).decode())
    while wanted:
        name = wanted.pop()
        if name not in gathered:
            gathered[name] = schemas[name]
            wanted += _REFERENCE.findall(msgspec.json.encode(schemas[name]).decode())
    return dict(sorted(gathered.items()))
