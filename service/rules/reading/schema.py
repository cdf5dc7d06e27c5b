"""The JSON Schema (2020-12) of `limits:`, `rules:` and `tests:`, by which editors complete and explain.

It is made from the tables by which the file is read. What it cannot say, such as a loop, `ringback rules check` does.
"""

from collections.abc import Sequence
from typing import Final, get_args

from service.rules.fields import ACTIONS, FIELDS
from service.rules.limits import DEFAULT_MAX_DEPTH, DEPTH_CEILING, Policy
from service.rules.reading.actions import MOST_ACTIONS
from service.rules.reading.actions_schema import LABELS, action_schema, record
from service.rules.reading.given_chain import COUNTS, MOST_TASKS
from service.rules.reading.limits import BOUNDS, MOST_ATTEMPTS, MOST_FOLLOW_UPS, MOST_PAUSES, MOST_SPENT, ROLLING
from service.rules.reading.match_schema import match_definitions
from service.rules.reading.rulebook import KEYS, MAX_RULES
from service.rules.reading.trials import GIVEN, MAX_TRIALS
from service.rules.rulebook import EVENTS
from storage.records import JSON

_ABOUT_BOUNDS: Final = {
    "per_root": "follow-ups under one submission",
    "spend_per_root": "money under one submission, in the gateways' currency; needs their prices",
    "per_hour": "follow-ups in any hour",
    "per_day": "follow-ups in any 24 hours",
    "spend_per_hour": "money in any hour, in the gateways' currency; needs their prices",
    "spend_per_day": "money in any 24 hours, in the gateways' currency; needs their prices",
}
_CLOCK: Final = "(?:[01]?[0-9]|2[0-3]):[0-5][0-9]"
_PAUSE: Final[JSON] = {"type": "string", "pattern": "^[0-9]{1,9}[smhd]$"}
_POLICY: Final[JSON] = {
    "description": "defer waits, drop lets the firing go",
    "enum": list(get_args(Policy)),
    "default": "defer",
}
_QUIET_HOURS: Final = record(
    {
        "from": {"description": "a time of day such as 23:00", "type": "string", "pattern": f"^{_CLOCK}$"},
        "to": {"description": "a time of day such as 07:00", "type": "string", "pattern": f"^(?:{_CLOCK}|24:00)$"},
        "tz": {"description": "a time zone such as Asia/Shanghai", "type": "string"},
        "policy": _POLICY,
    },
    ["from", "to", "tz"],
)


def make_sections() -> dict[str, JSON]:
    """The schemas of the sections that are about rules, by name."""
    rules = {"type": ["array", "null"], "items": {"$ref": "#/$defs/rule"}, "maxItems": MAX_RULES}
    return {
        "limits": _limits(),
        "rules": {"description": "every rule that fits decides, in this order, once about each task", **rules},
        "tests": {
            "description": "what these rules shall do: run by `ringback rules test`, and before a new file is taken",
            "type": ["array", "null"],
            "items": {"$ref": "#/$defs/test"},
            "maxItems": MAX_TRIALS,
        },
    }


def make_definitions() -> dict[str, JSON]:
    """What the sections refer to, by name."""
    return {"rule": _rule(), "do": action_schema(), "test": _test(), **match_definitions()}


def _limits() -> JSON:
    limits = record(
        {
            "max_depth": _depth("hops from a task that somebody submitted") | {"default": DEFAULT_MAX_DEPTH},
            **_bounds(ROLLING),
            "policy": _POLICY,
            "quiet_hours": {"description": "when no rule may spend", **_QUIET_HOURS},
        }
    )
    return {"description": "what all rules together may not exceed", **limits, "type": ["object", "null"]}


def _bounds(names: Sequence[str]) -> JSON:
    count = {"type": "integer", "minimum": 1, "maximum": MOST_FOLLOW_UPS}
    amount = {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_SPENT}
    return {
        name: {"description": _ABOUT_BOUNDS[name], **(amount if name.startswith("spend") else count)} for name in names
    }


def _depth(about: str) -> JSON:
    return {"description": about, "type": "integer", "minimum": 1, "maximum": DEPTH_CEILING}


def _rule() -> JSON:
    properties: JSON = {
        "id": {
            "description": "what has fired is remembered under it; a-z, 0-9 and '-'",
            "type": ["string", "integer"],
            "pattern": "^[a-z0-9][a-z0-9-]{0,63}$",
            "not": {"const": "then"},
        },
        "on": {"description": "the event on which it decides", "enum": list(EVENTS)},
        "match": {"$ref": "#/$defs/match"},
        "do": {
            "description": "what it does",
            "type": "array",
            "items": {"$ref": "#/$defs/do"},
            "minItems": 1,
            "maxItems": MOST_ACTIONS,
        },
        "max_depth": _depth("hops from the root at which click and submit stop"),
        "attempts": {
            "description": "how often resubmit may ask once more, and after which pauses",
            **record(
                {
                    "max": {"type": "integer", "minimum": 1, "maximum": MOST_ATTEMPTS},
                    "backoff": {
                        "description": "such as [30s, 5m]; the last one holds for all that follow",
                        "anyOf": [_PAUSE, {"type": "array", "items": _PAUSE, "minItems": 1, "maxItems": MOST_PAUSES}],
                    },
                },
                ["max"],
            ),
        },
        "budget": {
            "description": "how many follow-ups it may open, and for how much",
            **record({**_bounds(BOUNDS), "policy": _POLICY}),
            "anyOf": [{"required": [name]} for name in BOUNDS],
        },
        "quiet_hours": {"description": "when it does nothing", **_QUIET_HOURS},
        "dry_run": {"description": "decide, say what would be done, and do nothing", "type": "boolean"},
    }
    return record({name: properties[name] for name in KEYS}, ["id", "on", "do"])


def _test() -> JSON:
    others: JSON = {
        "event": {"description": "task.succeeded, where left out", "enum": list(EVENTS)},
        "at": {"description": "when, with its zone: 2026-11-23T23:30:00+08:00", "type": "string"},
        "params": {"description": "beside those of the prompt", "type": "object"},
        "properties": {"type": "object"},
        "buttons": {"description": "those it shows; all that are well known, where left out", **_labels_or_none()},
        "then": {"description": "what its own list wants clicked", **LABELS},
        "chain": {"description": "what became of its chain, on chain.settled", **_chain()},
    }
    given = {name: others[name] if name in others else _given(name) for name in GIVEN}
    expected = {
        "description": "for each rule what it would do: [click U1], or why not: blocked depth; [] for nothing",
        "type": "object",
    }
    return record({"given": record(given), "expect": expected}, ["given", "expect"])


def _given(name: str) -> JSON:
    field = FIELDS[name]
    if field.choices:
        return {"description": field.about, "$ref": f"#/$defs/{name}"}
    scalar = ["number", "null"] if field.numeric else ["string", "number", "boolean", "null"]
    return {"description": field.about, "anyOf": [{"type": scalar}, {"type": "array", "items": {"type": scalar}}]}


def _labels_or_none() -> JSON:
    return {"anyOf": [*LABELS["anyOf"], {"type": "array", "maxItems": 0}]}


def _chain() -> JSON:
    count = {"type": "integer", "minimum": 0, "maximum": MOST_TASKS}
    by_action = record(dict.fromkeys(sorted(ACTIONS), count))
    return record({**dict.fromkeys(COUNTS, by_action), "lost": count, "cost": {"type": "number"}})
