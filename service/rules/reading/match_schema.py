"""The JSON Schema of a `match`, from the same tables by which it is read."""

from typing import Final

from service.rules.fields import FIELDS, OPEN_GROUPS, Field
from service.rules.operators import OPERATORS, ORDERINGS, TEXT_OPERATORS
from storage.records import JSON

_ABOUT: Final = {
    "contains": "has this text in it, as it is written",
    "icontains": "has this text in it, whatever its case",
    "word": "has this whole word in it, whatever its case; Chinese and Japanese words are found anywhere",
    "prefix": "begins with this text",
    "suffix": "ends with this text",
    "glob": "looks like this: * is any run of characters, ? any one",
    "gte": "is this number or more",
    "lte": "is this number or less",
    "gt": "is more than this number",
    "lt": "is less than this number",
    "in": "is one of these",
    "not": "is none of these, or not what these operators say",
    "exists": "whether there is a value at all",
}
_VALUES: Final[dict[str, JSON]] = {
    "value": {"type": ["string", "number", "boolean"]},
    "number": {"type": ["number", "string"]},  # numeric text is a number, too
    "part": {"type": ["string", "number", "boolean"], "pattern": r"\S"},
}


def match_definitions() -> dict[str, JSON]:
    """The definitions that `{"$ref": "#/$defs/match"}` needs, by name."""
    fields = {
        name: {"description": field.about, "$ref": f"#/$defs/is_{_kind(field)}"} for name, field in FIELDS.items()
    }
    groups = {
        f"^{name}\\..+$": {"description": about, "$ref": "#/$defs/is_value"} for name, about in OPEN_GROUPS.items()
    }
    match: JSON = {
        "type": "object",
        "description": "which tasks are meant: every clause must hold",
        "properties": {
            **fields,
            "params.ar": {"description": OPEN_GROUPS["params"], "$ref": "#/$defs/is_value"},
            "any": {
                "description": "at least one of these matches",
                "type": "array",
                "items": {"$ref": "#/$defs/match"},
                "minItems": 1,
            },
            "not": {"description": "this does not match", "$ref": "#/$defs/match"},
        },
        "patternProperties": groups,
        "additionalProperties": False,
    }
    choices = {field.name: {"enum": sorted(field.choices)} for field in FIELDS.values() if field.choices}
    values = _VALUES | choices
    conditions = {f"is_{name}": _condition(name) for name in values if name != "part"}
    lists = {f"{name}s": {"anyOf": _one_or_many(name)} for name in values}
    return {"match": match, **conditions, **values, **lists}


def _kind(field: Field) -> str:
    return field.name if field.choices else "number" if field.numeric else "value"


def _condition(kind: str) -> JSON:
    """A value, a list of values, or operators."""
    names = [name for name in OPERATORS if not (kind == "number" and name in TEXT_OPERATORS)]
    operators = {name: {"description": _ABOUT[name], **_operand(name, kind)} for name in names if name != "not"}
    same = {"$ref": f"#/$defs/{kind}s"}
    negated: JSON = {"description": _ABOUT["not"], "anyOf": [same, _operators(operators)]}
    return {"anyOf": [same, _operators({**operators, "not": negated})]}


def _operators(properties: JSON) -> JSON:
    return {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}


def _operand(name: str, kind: str) -> JSON:
    if name == "exists":
        return {"type": "boolean"}
    kind = "number" if name in ORDERINGS else "part" if name in TEXT_OPERATORS else kind
    return {"$ref": f"#/$defs/{kind}s"}


def _one_or_many(kind: str) -> list[JSON]:
    value = {"$ref": f"#/$defs/{kind}"}
    return [value, {"type": "array", "items": value, "minItems": 1}]
