"""The JSON Schema (2020-12) of `gateways:` and `groups:`, from the tables by which they are read."""

from typing import get_args

from service.gateways.presets import PRESETS, Auth, ModeStyle
from service.gateways.roster import MODES, MOST_IN_FLIGHT, MOST_PER_MINUTE, NAME_AT_MOST, PRICED
from storage.records import JSON


def make_sections() -> dict[str, JSON]:
    """The schemas of the sections that are about gateways, by name."""
    return {
        "gateways": {
            "description": "gateways beside the one that the environment names",
            "type": ["array", "null"],
            "items": _gateway(),
        },
        "groups": {
            "description": "names of gateways that step in for each other, in the order to try",
            "type": ["object", "null"],
            "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        },
    }


def _gateway() -> JSON:
    prices = {
        "type": "object",
        "description": "what an action costs, in the gateway's currency: IMAGINE, or IMAGINE fast",
        "propertyNames": {"pattern": f"^(?:{'|'.join(sorted(PRICED))})(?: (?:{'|'.join(MODES)}))?$"},
        "additionalProperties": {"type": "number", "minimum": 0},
    }
    limits = {
        "in_flight": {"description": "tasks at once", "type": "integer", "minimum": 1, "maximum": MOST_IN_FLIGHT},
        "per_minute": {"description": "submissions", "type": "integer", "minimum": 1, "maximum": MOST_PER_MINUTE},
    }
    return {
        "type": "object",
        "properties": {
            "name": {"description": "as tasks carry it", "type": "string", "minLength": 1, "maxLength": NAME_AT_MOST},
            "preset": {"description": "what it is", "enum": list(PRESETS)},
            "url": {"description": "everything before /mj/", "type": "string"},
            "key": {"description": "better ${NAME}, from the environment", "type": "string"},
            "auth": {"description": "how the key travels", "enum": list(get_args(Auth))},
            "mode": {"description": "of tasks that ask for none", "enum": list(MODES)},
            "mode_style": {"description": "how a mode travels", "enum": list(get_args(ModeStyle))},
            "limits": {"type": "object", "properties": limits, "additionalProperties": False},
            "prices": prices,
        },
        "additionalProperties": False,
        "required": ["name", "preset", "key"],
    }
