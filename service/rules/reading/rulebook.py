"""`rules:` as they are written: each one checked by itself, then against the others."""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Final

from service.rules.actions import ClickAction, WrittenAction
from service.rules.foresight.loops import find_loops
from service.rules.limits import Limits
from service.rules.match import Clause, Match
from service.rules.reading.actions import read_actions
from service.rules.reading.bounds import note_bounds
from service.rules.reading.limits import read_attempts, read_budget, read_max_depth, read_quiet_hours
from service.rules.reading.match import read_match
from service.rules.rulebook import EVENTS, THEN, VERSION_DIGITS, Rule, Rulebook
from service.written.mistakes import did_you_mean, quoted
from service.written.nodes import Node
from storage.records import JSON

MAX_RULES: Final = 500  # every pair of rules is looked at for loops
KEYS: Final = ("id", "on", "match", "do", "max_depth", "attempts", "budget", "quiet_hours", "dry_run")

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_THRESHOLDS = frozenset({"is", "in", "gte", "gt"})  # what makes a `progress` clause wait for something


def read_rulebook(node: Node | None, limits: Limits) -> Rulebook:
    """The rules that a list writes down; mistakes are noted on the node's document."""
    if node is None:
        return Rulebook(limits=limits)
    items = node.items()
    if len(items) > MAX_RULES:
        items[MAX_RULES].mistake(f"there may be at most {MAX_RULES} rules")
        items = items[:MAX_RULES]
    _note_repeated_ids(items)
    # What is wrong with one rule by itself is told first: half a match could seem to close a loop.
    read = [(item, rule) for item in items if (rule := _read_rule(item, limits))]
    rules = tuple(rule for _, rule in read)
    for first, message in find_loops(rules):
        read[first][0].mistake(message)
    return Rulebook(rules=rules, limits=limits)


def list_ids(node: Node | None) -> frozenset[str]:
    """The ids as they stand there, of rules that can be used and of those that cannot."""
    items = node.value if node is not None and isinstance(node.value, list) else []
    return frozenset(item.value["id"][1].raw for item in items if isinstance(item.value, dict) and "id" in item.value)


def _note_repeated_ids(items: Iterable[Node]) -> None:
    lines: dict[str, int] = {}
    for item in items:
        if isinstance(item.value, dict) and "id" in item.value:
            node = item.value["id"][1]
            if node.raw in lines:
                node.mistake(f"there is a rule {quoted(node.raw)} already, on line {lines[node.raw]}")
            lines.setdefault(node.raw, node.line)


def _read_rule(node: Node, limits: Limits) -> Rule | None:
    mistakes = len(node.source.mistakes)
    values = node.mapping(KEYS, required=("id", "on", "do"))
    rule_id = _read_id(values["id"]) if "id" in values else None
    event = _read_event(values["on"]) if "on" in values else None
    match = read_match(values["match"], event=event) if "match" in values else Match()
    do = read_actions(values["do"], rule=rule_id or "", event=event) if "do" in values else ()
    text = node.plain() if isinstance(node.value, dict) else {}
    rule = Rule(
        id=rule_id or "",
        on=event or "",
        match=match,
        do=do,
        max_depth=read_max_depth(values["max_depth"]) if "max_depth" in values else None,
        attempts=read_attempts(values["attempts"]) if "attempts" in values else None,
        budget=read_budget(values["budget"]) if "budget" in values else None,
        quiet_hours=read_quiet_hours(values["quiet_hours"]) if "quiet_hours" in values else None,
        dry_run=bool("dry_run" in values and values["dry_run"].truth()),
        version=_version(text, do),
        line=node.line,
        text=text,
    )
    if event == "task.progressed" and not _has_threshold(match):
        values.get("match", node).mistake(
            "a rule on task.progressed needs a threshold, for example progress: {gte: 50}"
        )
    if do:
        note_bounds(rule, values, limits)
    return rule if len(node.source.mistakes) == mistakes else None


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


def _has_threshold(match: Match) -> bool:
    return any(
        isinstance(clause, Clause) and clause.field == "progress" and clause.operator in _THRESHOLDS
        for clause in match.clauses
    )


def _version(text: JSON, do: Iterable[WrittenAction]) -> str:
    body = {key: value for key, value in text.items() if key != "id"}
    # A mask is named in the text, and is part of what the rule does.
    masks = [hashlib.sha256(each.mask).hexdigest() for each in do if isinstance(each, ClickAction) and each.mask]
    canonical = json.dumps([body, masks] if masks else body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:VERSION_DIGITS]
