"""`rules:` — the rules of a file, checked and frozen."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from service.rules.labels import find_label_mistake, find_repeated
from service.rules.limits import Limits, read_max_depth
from service.rules.loops import find_loops
from service.rules.match import Clause, Match
from service.rules.match_reader import read_match
from service.written.mistakes import did_you_mean, quoted
from service.written.nodes import Node
from storage.records import EVENT_TYPES

EVENTS = tuple(each for each in EVENT_TYPES if each != "task.contradicted")  # that one is evidence, without effect
THEN = "then"  # the rule id under which a task's own `then` list decides
MAX_RULES = 500  # every pair of rules is looked at for loops
VERSION_DIGITS = 12

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_THRESHOLDS = frozenset({"is", "in", "gte", "gt"})  # what makes a `progress` clause wait for something


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule: on this event, for these tasks, click these buttons."""

    id: str
    on: str  # an event's type
    match: Match = field(repr=False)
    clicks: tuple[str, ...]  # labels or customIds, in order, none twice
    max_depth: int | None = None  # hops from the root; None leaves it to the limits
    version: str  # changes when the rule's text does; the id is not part of it
    line: int  # in the file

    @property
    def follow_ups_per_task(self) -> int:
        """The most tasks that one firing can open."""
        return len(self.clicks)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rulebook:
    """The rules in file order, and the limits that hold for all of them."""

    rules: tuple[Rule, ...] = ()
    limits: Limits = field(default_factory=Limits)


def read_rulebook(node: Node | None, limits: Limits) -> Rulebook:
    """The rules that a list writes down; mistakes are noted on the node's document."""
    if node is None:
        return Rulebook(limits=limits)
    items = node.items()
    if len(items) > MAX_RULES:
        items[MAX_RULES].mistake(f"there may be at most {MAX_RULES} rules")
        items = items[:MAX_RULES]
    _note_repeated_ids(items)
    read = [(item, rule) for item in items if (rule := _read_rule(item))]
    rules = tuple(rule for _, rule in read)
    for first, message in find_loops(rules):
        read[first][0].mistake(message)
    return Rulebook(rules=rules, limits=limits)


def _note_repeated_ids(items: Iterable[Node]) -> None:
    lines: dict[str, int] = {}
    for item in items:
        if isinstance(item.value, dict) and "id" in item.value:
            node = item.value["id"][1]
            if node.raw in lines:
                node.mistake(f"there is a rule {quoted(node.raw)} already, on line {lines[node.raw]}")
            lines.setdefault(node.raw, node.line)


def _read_rule(node: Node) -> Rule | None:
    values = node.mapping(("id", "on", "match", "do", "max_depth"), required=("id", "on", "do"))
    rule_id = _read_id(values["id"]) if "id" in values else None
    event = _read_event(values["on"]) if "on" in values else None
    match = read_match(values["match"]) if "match" in values else Match()
    clicks = _read_clicks(values["do"]) if "do" in values else ()
    max_depth = read_max_depth(values.get("max_depth"))
    if event == "task.progressed" and not _has_threshold(match):
        values.get("match", node).mistake(
            "a rule on task.progressed needs a threshold, for example progress: {gte: 50}"
        )
    if rule_id is None or event is None or not clicks:
        return None
    return Rule(
        id=rule_id,
        on=event,
        match=match,
        clicks=clicks,
        max_depth=max_depth,
        version=_version(node),
        line=node.line,
    )


def _read_id(node: Node) -> str | None:
    text = node.raw if isinstance(node.value, str | int) and not isinstance(node.value, bool) else node.text()
    if text is None:
        return None
    if text == THEN:
        node.mistake("'then' is the name of a task's own list; choose another id")
    elif not _ID.fullmatch(text):
        node.mistake(f"an id is made of a-z, 0-9 and '-', at most 64 of them, found {node.kind}")
    else:
        return text
    return None


def _read_event(node: Node) -> str | None:
    text = node.text()
    if text is None or text in EVENTS:
        return text
    hint = did_you_mean(node.raw, EVENTS) or f" (known: {', '.join(EVENTS)})"
    node.mistake(f"there is no event {quoted(node.raw)}{hint}")
    return None


def _read_clicks(node: Node) -> tuple[str, ...]:
    labels: list[tuple[Node, str]] = []
    actions = node.items()
    if isinstance(node.value, list) and not actions:
        node.mistake("there is nothing to do; give an action such as - click: U1")
    for action in actions:
        values = action.mapping(("click",))
        if isinstance(action.value, dict) and not action.value:
            action.mistake("there is nothing to do; give an action such as click: U1")
        if "click" in values:
            found = values["click"].one_or_many()
            labels += [(label, text) for label in found if (text := label.text()) is not None]
    for label, text in labels:
        if mistake := find_label_mistake(text):
            label.mistake(mistake)
    for place in find_repeated([text for _, text in labels]):
        labels[place][0].mistake(f"{labels[place][0].kind} is clicked twice")
    return tuple(text for _, text in labels)


def _has_threshold(match: Match) -> bool:
    return any(
        isinstance(clause, Clause) and clause.field == "progress" and clause.operator in _THRESHOLDS
        for clause in match.clauses
    )


def _version(node: Node) -> str:
    body = {key: value for key, value in node.plain().items() if key != "id"}
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:VERSION_DIGITS]
