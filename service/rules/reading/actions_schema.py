"""The JSON Schema of the items of `do:`."""

from collections.abc import Sequence
from typing import Final

from hooks.buttons import WELL_KNOWN_LABELS
from service.rules.actions import MODES
from service.rules.reading.actions import EXAMPLES, LONGEST_TAG, MOST_TAGS
from storage.records import JSON

TEMPLATE: Final[JSON] = {"type": "string", "pattern": r"\S"}
LABEL: Final[JSON] = {"anyOf": [{"enum": list(WELL_KNOWN_LABELS)}, {"type": "string", "minLength": 1}]}
LABELS: Final[JSON] = {"anyOf": [LABEL, {"type": "array", "items": LABEL, "minItems": 1}]}
_TAG: Final[JSON] = {"type": ["string", "number", "boolean"], "minLength": 1, "maxLength": LONGEST_TAG}
TAGS: Final[JSON] = {"type": "array", "items": _TAG, "maxItems": MOST_TAGS}
_ONE_TAG_OR_MANY: Final[list[JSON]] = [_TAG, {**TAGS, "minItems": 1}]


def record(properties: JSON, required: Sequence[str] = (), **more: object) -> JSON:
    """A mapping that has these keys and no others."""
    schema: JSON = {"type": "object", "properties": properties, "additionalProperties": False, **more}
    return {**schema, "required": list(required)} if required else schema


def action_schema() -> JSON:
    """One action."""
    about = {
        "click": "click a button, or several; a button that opens a window is given with its answer",
        "submit": "another IMAGINE in the same chain",
        "resubmit": "ask for the task once more, as it was asked for",
        "tag": "add tags to the task, or to the root of its chain",
        "notify": "tell somebody; url is https://… or what appriseit.com/services shows",
        "download": "keep the picture; on chain.settled, every picture of the chain",
    }
    schemas = {
        "click": {"anyOf": [*LABELS["anyOf"], _answered_click()]},
        "submit": record(
            {
                "prompt": {"description": "{prompt} is the task's own", **TEMPLATE},
                "tags": {"description": "those of the task, where left out", **TAGS},
                "mode": {"description": "that of the task, where left out", "enum": list(MODES)},
            },
            ["prompt"],
        ),
        "resubmit": {"type": ["object", "null"], "maxProperties": 0},
        "tag": {
            "anyOf": [
                *_ONE_TAG_OR_MANY,
                record({"task": {"anyOf": _ONE_TAG_OR_MANY}, "root": {"anyOf": _ONE_TAG_OR_MANY}}, minProperties=1),
            ]
        },
        "notify": record(
            {
                "url": {"description": "${NAME} takes a secret from the environment", "type": "string"},
                "text": TEMPLATE,
                "title": TEMPLATE,
            },
            ["url", "text"],
        ),
        "download": record(
            {"to": {"description": "a path below the folder of downloads", **TEMPLATE}},
            ["to"],
        ),
    }
    properties = {
        name: {"description": f"{about[name]}, for example {example}", **schemas[name]}
        for name, example in EXAMPLES.items()
    }
    return record(properties, minProperties=1, maxProperties=1)


def _answered_click() -> JSON:
    return record(
        {
            "button": LABEL,
            "prompt": {"description": "what is written into the window", **TEMPLATE},
            "mask": {"description": "a PNG file beside this one, black with the area to be changed in white"}
            | {"type": "string"},
        },
        ["button"],
    )
