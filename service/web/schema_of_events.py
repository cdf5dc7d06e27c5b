"""Events in JSON Schema, as streams show them and as deliveries tell them: for `/openapi.json` and `/asyncapi.json`."""

from typing import Any, Final, get_args

from hooks.abridgement import TRUNCATED
from storage.records import (
    CHAIN_SETTLED,
    CONTRADICTED,
    DELIVERY_EXHAUSTED,
    EVENT_TYPES,
    RULE_PAUSED,
    SUBSCRIPTION_DISABLED,
    Source,
)

REF: Final = "#/components/schemas/{name}"

_TEXT: Final = {"type": "string"}
_WHOLE: Final = {"type": "integer"}
_TIME: Final = {"type": "string", "format": "date-time"}
_TASK: Final = {"$ref": REF.format(name="Task")}
_TASK_OR_NONE: Final = {"anyOf": [_TASK, {"type": "null"}]}
_SOURCE: Final = {"enum": list(get_args(Source)), "description": "where the news came from"}

# What happened, for a person.
MEANINGS: Final = {
    "task.submitted": "A gateway has the task.",
    "task.progressed": "The task went on.",
    "task.modal": "A window is open, and waits for a prompt or a mask.",
    "task.succeeded": "The task is done: its picture, its videos and its buttons are there.",
    "task.failed": "The task failed; `fail_reason` and `fail_kind` say why.",
    "task.cancelled": "The task was cancelled.",
    "task.unknown": "Nobody knows whether the gateway has the task; only evidence will tell.",
    "task.lost": "No evidence came in time. Should some come later, the task goes on.",
    CONTRADICTED: "A gateway claimed another ending than the one that stands. Nothing changes.",
    CHAIN_SETTLED: "Everything under a root has ended, and nothing more is to come, unless somebody asks for it.",
    RULE_PAUSED: "A rule was paused: by a person, or because it fired too often.",
    SUBSCRIPTION_DISABLED: "A subscription gets no deliveries any more; they are held.",
    DELIVERY_EXHAUSTED: "A delivery was given up.",
}

# What the data of some types always have beside what is common to all.
_DATA: Final[dict[str, dict[str, Any]]] = {
    CONTRADICTED: {"claim": {"type": "object", "description": "what the gateway said instead"}},
    CHAIN_SETTLED: {"chain": {"$ref": REF.format(name="Chain")}},
    RULE_PAUSED: {"rule": _TEXT, "origin": _TEXT, "detail": {"type": ["string", "null"]}},
    SUBSCRIPTION_DISABLED: {
        "subscription_id": _TEXT,
        "host": _TEXT,
        "reason": _TEXT,
        "failing_since": {"type": ["integer", "null"], "description": "milliseconds since the epoch"},
    },
    DELIVERY_EXHAUSTED: {
        "subscription_id": _TEXT,
        "delivery_id": _WHOLE,
        "event": {
            "type": "object",
            "description": "the one that was to be delivered",
            "properties": {"seq": _WHOLE, "id": _TEXT, "type": _TEXT},
        },
        "attempts": _WHOLE,
        "error": _TEXT,
    },
}
_ABOUT_NO_TASK: Final = frozenset({RULE_PAUSED, SUBSCRIPTION_DISABLED, DELIVERY_EXHAUSTED})  # always or at times


def describe_events() -> dict[str, Any]:
    """Give the components `Event` and `Notice`: any event in a stream, and any one in a delivery's body."""
    event = {
        "seq": _WHOLE,
        "id": _TEXT,
        "type": _TEXT,
        "time": _TIME,
        "task": _TASK_OR_NONE,
        "data": {"type": "object"},
    }
    told = {"seq": _WHOLE, "id": _TEXT, "task": _TASK_OR_NONE, "source": _SOURCE}
    short = {"const": True, "description": "only where something was left out to keep the body short"}
    data = _describe_object(told) | {"properties": told | {TRUNCATED: short}}
    return {
        "Event": _describe_object(event),
        "Notice": _describe_object({"type": _TEXT, "timestamp": _TIME, "data": data}),
    }


def describe_event(event_type: str) -> dict[str, Any]:
    """Give the schema of one type's events in a stream."""
    own = _describe_object(_DATA.get(event_type, {}))
    task = {} if event_type in _ABOUT_NO_TASK else {"task": _TASK}
    return _narrow("Event", {"type": {"const": event_type}, "data": own} | task)


def describe_notice(event_type: str) -> dict[str, Any]:
    """Give the schema of one type's deliveries in the format `standard`."""
    own = _DATA.get(event_type, {})
    task = {} if event_type in _ABOUT_NO_TASK else {"task": _TASK}
    return _narrow("Notice", {"type": {"const": event_type}, "data": _describe_object(own | task)})


def describe_headers() -> dict[str, dict[str, Any]]:
    """Give the schema of each header that every delivery has, whatever its format."""
    return {
        "webhook-id": _TEXT
        | {"description": "The event's id, the same at every attempt: whoever has seen it, is done."},
        "webhook-timestamp": {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "When this attempt was made, in seconds since the epoch. Refuse what is old.",
        },
        "webhook-signature": {
            "type": "string",
            "pattern": "^v1,[A-Za-z0-9+/]+=*( v1,[A-Za-z0-9+/]+=*)*$",
            "description": "Signatures as Standard Webhooks has them, with a blank between; one that fits is enough."
            " There are several for a while after a secret was replaced.",
        },
    }


def describe_webhooks() -> dict[str, Any]:
    """Give OpenAPI's `webhooks`: what a subscriber is sent, by the type of the event."""
    headers = [
        {"name": name, "in": "header", "required": True, "schema": schema}
        for name, schema in describe_headers().items()
    ]
    answers = {
        "2XX": {"description": "It has arrived."},
        "410": {"description": "It is not wanted any more: the subscription is disabled."},
        "default": {"description": "It is sent again later; `Retry-After` says when at the earliest."},
    }
    return {
        event_type: {
            "post": {
                "summary": MEANINGS[event_type],
                "operationId": f"receive_{event_type.replace('.', '_')}",
                "security": [],
                "parameters": headers,
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": describe_notice(event_type)}},
                },
                "responses": answers,
            }
        }
        for event_type in EVENT_TYPES
    }


def _describe_object(properties: dict[str, Any]) -> dict[str, Any]:
    """An object that always has these, and may have more."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _narrow(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"allOf": [{"$ref": REF.format(name=name)}, {"properties": properties}]}
