"""Bounds and actions of one rule that do not go together."""

from collections.abc import Mapping, Sequence

from service.rules.actions import ClickAction
from service.rules.limits import Limits
from service.rules.match import AnyOf, Clause, Match
from service.rules.rulebook import Rule
from service.written.nodes import Node

_BUTTONLESS = ("task.submitted", "task.unknown", "task.failed", "task.cancelled", "task.lost")
_REMEDY = "write on: task.succeeded, or submit or resubmit instead"
_RETRIED = ("task.failed", "task.cancelled", "task.lost")  # what may be asked for once more


def note_bounds(rule: Rule, values: Mapping[str, Node], limits: Limits) -> None:
    """Note what could never be, or never do anything; `values` are the rule's nodes by key."""
    if "max_depth" in values and not rule.goes_deeper:
        values["max_depth"].mistake("max_depth bounds click and submit, and this rule does neither; leave it out")
    if "attempts" in values and not rule.asks_again:
        values["attempts"].mistake("attempts bound resubmit, and this rule has none; add resubmit: {} or leave it out")
    if "budget" in values and not rule.has_paid_actions:
        values["budget"].mistake("a budget bounds click, submit and resubmit, and all else is free; leave it out")
    if rule.on in _BUTTONLESS and any(isinstance(action, ClickAction) for action in rule.do):
        values["do"].mistake(f"there is nothing to click on {rule.on}: such a task shows no buttons; {_REMEDY}")
    if rule.asks_again:
        _note_retry(rule, values)
    _note_too_long(rule, values, limits)


def _note_retry(rule: Rule, values: Mapping[str, Node]) -> None:
    if rule.on and rule.on not in _RETRIED:
        values["do"].mistake(f"resubmit asks again for what ended badly; a rule for it is on {_either(_RETRIED)}")
    if _asks_for_moderation(rule.match):
        values["match"].mistake("what moderation refused is never asked for again; take moderation out of fail_kind")


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _asks_for_moderation(match: Match) -> bool:
    for clause in match.clauses:
        if isinstance(clause, AnyOf) and any(map(_asks_for_moderation, clause.matches)):
            return True
        if isinstance(clause, Clause) and clause.field == "fail_kind" and "moderation" in clause.exact:
            return True
    return False


def _note_too_long(rule: Rule, values: Mapping[str, Node], limits: Limits) -> None:
    wanted = rule.follow_ups_per_task
    bounds = [
        *((f"limits.{name}", getattr(limits.budget, name)) for name in ("per_hour", "per_day")),
        *((f"its budget.{name}", getattr(rule.budget, name, None)) for name in ("per_root", "per_hour", "per_day")),
    ]
    for name, bound in bounds:
        if bound is not None and wanted > bound:
            values["do"].mistake(
                f"one firing opens up to {wanted} follow-ups, all or none, and {name} is {bound}: it could never fire;"
                f" do less at once, or raise {name.removeprefix('its ')} to {wanted}"
            )
