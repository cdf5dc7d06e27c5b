"""The JSON Schema of `ringback.yaml`: each wing describes its own sections."""

import msgspec

from service.gateways.schema import make_sections as describe_gateways
from service.rules.reading.schema import make_definitions
from service.rules.reading.schema import make_sections as describe_rules
from service.subscriptions.schema import make_sections as describe_subscriptions
from storage.records import JSON


def make_schema() -> JSON:
    """The schema (2020-12) by which editors complete, explain and underline what one writes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ringback.yaml",
        "type": "object",
        "properties": {**describe_rules(), **describe_subscriptions(), **describe_gateways()},
        "additionalProperties": False,
        "$defs": make_definitions(),
    }


def format_schema() -> str:
    """The schema as the text of a file."""
    return msgspec.json.format(msgspec.json.encode(make_schema()), indent=2).decode() + "\n"
