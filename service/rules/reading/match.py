"""The `match:` of a file becomes a Match. Whatever could never hold is a mistake, not a silent no."""

from service.rules.fields import Field
from service.rules.match import AnyOf, Clause, Match, NoneOf
from service.rules.operators import LONGEST_GLOB, OPERATORS, ORDERINGS, TEXT_OPERATORS, Expected, Test, make_test
from service.rules.reading.fields import read_field
from service.written.environment import Concealed
from service.written.mistakes import did_you_mean, quoted
from service.written.nodes import Node

_GIVEN = "a parameter without a value is there: write true"
_NOT_GIVEN = "a parameter that is not given is missing: write {exists: false}"
_SWITCHES = {"yes": _GIVEN, "on": _GIVEN, "no": _NOT_GIVEN, "off": _NOT_GIVEN}


def read_match(node: Node, *, event: str | None = None) -> Match:
    """The Match that a mapping writes down, for a rule on this event; its mistakes are noted on the node's document.

    Without an event, any field will do.
    """
    clauses: list[Clause | AnyOf | NoneOf] = []
    for key, value in node.entries():
        if key.raw == "any":
            matches = tuple(read_match(item, event=event) for item in value.items())
            if isinstance(value.value, list) and not matches:
                value.mistake("the list is empty, so nothing would ever match")
            clauses.append(AnyOf(line=key.line, matches=matches))
        elif key.raw == "not":
            clauses.append(NoneOf(line=key.line, match=read_match(value, event=event)))
        elif field := read_field(key, key.raw, event=event, others=("any", "not")):
            clauses.extend(_read_clauses(field, key.line, value))
    return Match(tuple(clauses))


def _read_clauses(field: Field, line: int, value: Node) -> list[Clause]:
    if not isinstance(value.value, dict):
        test = _read_values(field, "is", value)
        return [_clause(field, line, "is", value, test)] if test else []
    clauses = []
    for key, operand in value.entries():
        test = _read_operator(field, key, operand)
        if test:
            clauses.append(_clause(field, key.line, key.raw, operand, test))
    if not value.value:
        value.mistake("no operator is given")
    return clauses


def _clause(field: Field, line: int, operator: str, operand: Node, test: Test) -> Clause:
    exact: tuple[str, ...] = ()
    if operator in ("is", "in"):
        texts = [node.filled() if isinstance(node.value, str) else None for node in operand.one_or_many()]
        exact = tuple(text for text in texts if text is not None) if None not in texts else ()
    return Clause(
        line=line,
        field=field.name,
        operator=operator,
        expected=operand.plain(),
        exact=exact,
        read=field.read,
        test=test,
    )


def _read_operator(field: Field, key: Node, operand: Node) -> Test | None:
    if key.raw == "exists":
        wanted = operand.truth()
        return None if wanted is None else lambda found: (found is not None and found != ()) is wanted
    if key.raw == "not":
        return _read_not(field, operand)
    if key.raw in OPERATORS:
        return _read_values(field, key.raw, operand, at=key)
    key.mistake(f"unknown operator {quoted(key.raw)}{did_you_mean(key.raw, OPERATORS)}")
    return None


def _read_not(field: Field, operand: Node) -> Test | None:
    if not isinstance(operand.value, dict):
        inner = _read_values(field, "is", operand)
        return (lambda found: not inner(found)) if inner else None
    tests = []
    for key, value in operand.entries():
        if key.raw == "not":
            key.mistake("not: {not: …} says nothing; leave both out")
        else:
            tests.append(_read_operator(field, key, value))
    if not operand.value:
        operand.mistake("no operator is given")
    return lambda found: not all(test(found) for test in tests if test)


def _read_values(field: Field, operator: str, operand: Node, at: Node | None = None) -> Test | None:
    if operator in TEXT_OPERATORS and field.numeric:
        (at or operand).mistake(f"{quoted(field.name)} is a number, so {quoted(operator)} would never hold")
        return None
    values = [_read_value(field, operator, node) for node in operand.one_or_many()]
    expected = [value for value in values if value is not None]
    return make_test(operator, expected) if expected else None


def _read_value(field: Field, operator: str, node: Node) -> Expected | None:
    if isinstance(node.value, list | dict):
        node.mistake(f"expected a value, found {node.kind}")
        return None
    if node.value is None:
        node.mistake("nothing to compare with; to ask whether a field is there, write {exists: true} or false")
        return None
    if node.is_filled and isinstance(node.source.environ, Concealed):
        node.mistake(f"{node.kind}: what is sent knows nothing of the service's environment; write the value out")
        return None
    if isinstance(node.value, str):
        text = node.filled()
        expected = None if text is None else Expected(text, text)
    else:
        expected = Expected(node.value, node.raw)
    return expected if expected and _fits(field, operator, expected, node) else None


def _fits(field: Field, operator: str, expected: Expected, node: Node) -> bool:
    if expected.number is None and (operator in ORDERINGS or field.numeric):
        node.mistake(f"expected a number, found {node.kind}")
    elif operator in TEXT_OPERATORS and not expected.text.strip():
        node.mistake("the text is empty, so it would always hold")
    elif operator == "glob" and len(expected.text) > LONGEST_GLOB:
        node.mistake(f"a pattern has at most {LONGEST_GLOB} characters")
    elif operator in ("is", "in") and field.choices and expected.text not in field.choices:
        hint = did_you_mean(node.raw, field.choices) or f" (known: {', '.join(sorted(field.choices))})"
        node.mistake(f"there is no {field.name} {node.kind}{hint}")
    elif operator in ("is", "in") and field.name.startswith("params.") and expected.text.lower() in _SWITCHES:
        # YAML 1.2 reads them as text, which no parameter says.
        node.mistake(f"{node.kind} is a text here; {_SWITCHES[expected.text.lower()]}")
    else:
        return True
    return False
