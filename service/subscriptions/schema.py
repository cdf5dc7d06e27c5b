"""The JSON Schema (2020-12) of `subscriptions:`, from the tables by which it is read."""

from hooks.recipient import MOST_HEADERS
from service.subscriptions.reading import FORMATS, KEYS, MOST_SUBSCRIPTIONS, RESERVED
from service.subscriptions.written import DEFAULT_AT_ONCE, HIGHEST_RATE, MOST_AT_ONCE, MOST_EVENTS
from storage.records import EVENT_TYPES, JSON


def make_sections() -> dict[str, JSON]:
    """The schemas of the sections that are about subscriptions, by name; they refer to a rule's `match`."""
    return {
        "subscriptions": {
            "description": "who hears of which events",
            "type": ["array", "null"],
            "items": _subscription(),
            "maxItems": MOST_SUBSCRIPTIONS,
        }
    }


def _subscription() -> JSON:
    event: JSON = {"anyOf": [{"enum": ["*", "task.*", *EVENT_TYPES]}, {"type": "string", "pattern": r"[*?\[]"}]}
    properties: JSON = {
        "id": {
            "description": "its deliveries are remembered under it; a-z, 0-9 and '-'",
            "type": ["string", "integer"],
            "pattern": "^[a-z0-9][a-z0-9-]{0,63}$",
            "not": {"const": RESERVED},
        },
        "url": {"description": "where to POST; ${NAME} takes a secret from the environment", "type": "string"},
        "events": {
            "description": "types and wildcards, such as task.* and chain.settled",
            "anyOf": [event, {"type": "array", "items": event, "minItems": 1, "maxItems": MOST_EVENTS}],
        },
        "match": {"$ref": "#/$defs/match"},
        "format": {"description": "what is sent", "enum": list(FORMATS), "default": "standard"},
        "ordered": {"description": "each task's events one after the other", "type": "boolean", "default": True},
        "rate": {
            "description": "deliveries per second at most",
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": HIGHEST_RATE,
        },
        "concurrency": {
            "description": "deliveries under way at once",
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_AT_ONCE,
            "default": DEFAULT_AT_ONCE,
        },
        "headers": {
            "description": "sent along, such as Authorization; ${NAME} takes a secret from the environment",
            "type": "object",
            "additionalProperties": {"type": "string"},
            "maxProperties": MOST_HEADERS,
        },
        "secret": {
            "description": "${NAME} of a whsec_… secret in the environment; without it the service's own signs",
            "type": "string",
            "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$",
        },
    }
    return {
        "type": "object",
        "properties": {name: properties[name] for name in KEYS},
        "additionalProperties": False,
        "required": ["id", "url", "events"],
    }
