"""What keeps a rule that fits from acting, or makes it wait. Pure: it asks the Facts, and says why, with numbers.

Every guard of a firing holds for its whole list of actions or not at all. A firing that opens nothing new passes all
that is about money.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hooks.prompts import read_words
from service.rules.budgets import measure, read_bounds
from service.rules.folding import fold
from service.rules.limits import FUSE, Budget, Limits, QuietHours
from service.rules.rulebook import THEN, Rule
from service.rules.wording import count, tell_instant, tell_pause
from storage.reactions import Action, Click, Facts, Reason, Refused, Resubmit, Submit
from storage.records import Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A rule that fits a task, and what it would do."""

    rule: Rule
    limits: Limits
    task: Task
    actions: tuple[Action, ...]
    paid: tuple[Click | Submit | Resubmit, ...]  # those of them that would open something new
    facts: Facts
    begun: int  # when the rule first decided about the task (ms); later than that, it has waited


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What one guard says to a case."""

    guard: str  # its name for a person
    reason: Reason  # why the firing is blocked or waits, where it does not hold
    ok: bool
    detail: str
    next_at: int | None = None  # when it is worth asking again (ms); None where waiting helps nothing
    pauses_rule: bool = False


def check_guards(case: Case) -> Iterator[Check]:
    """Every guard that has something to say to this case, in the order in which they decide; lazily."""
    for guard in _GUARDS:
        yield from guard(case)


def find_objection(case: Case) -> Check | None:
    """The first guard that does not let it through; None when it may act."""
    return next((check for check in check_guards(case) if not check.ok), None)


def _check_pause(case: Case) -> Iterator[Check]:
    paused = case.facts.is_paused(case.rule.id)
    detail = "the rule is paused" if paused else "the rule is not paused"
    yield Check(guard="paused", reason="paused", ok=not paused, detail=detail)


def _check_depth(case: Case) -> Iterator[Check]:
    if all(isinstance(action, Resubmit) for action in case.paid):
        return
    depth = case.task.depth + 1
    for name, most in (("limits.max_depth", case.limits.max_depth), ("the rule's max_depth", case.rule.max_depth)):
        if most is not None:
            detail = f"a follow-up would be {count(depth, 'hop')} deep; {name} is {most}"
            yield Check(guard="depth", reason="depth", ok=depth <= most, detail=detail)


def _check_attempts(case: Case) -> Iterator[Check]:
    if case.rule.attempts is None or not _resubmits(case):
        return
    most = case.rule.attempts.max
    detail = f"attempts.max is {most}; it has been asked for {count(case.task.attempt - 1, 'more time')}"
    yield Check(guard="attempts", reason="attempts", ok=case.task.attempt <= most, detail=detail)


def _check_moderation(case: Case) -> Iterator[Check]:
    refused = [action for action in case.paid if _was_refused(action, case)]
    if refused:
        what = {Click: "a click of that button", Submit: "that prompt", Resubmit: "it"}[type(refused[0])]
        detail = f"moderation refused {what}, and would again"
        yield Check(guard="moderation", reason="moderation", ok=False, detail=detail)
    elif _resubmits(case):
        yield Check(guard="moderation", reason="moderation", ok=True, detail="it was not moderation that ended it")


def _was_refused(action: Click | Submit | Resubmit, case: Case) -> bool:
    if isinstance(action, Click):
        return case.facts.was_refused(case.task, action.button)
    if case.task.fail_kind != "moderation":
        return False
    return isinstance(action, Resubmit) or _holds(action.new.prompt or "", case.task.prompt or "")


def _holds(prompt: str, refused: str) -> bool:
    """Whether a prompt says what the refused one said, whatever its letters, blanks and parameters."""
    said = _fold(read_words(refused)) or _fold(refused)
    return bool(said) and said in _fold(prompt)


def _fold(text: str) -> str:
    return " ".join(fold(text).split())


def _check_fuse(case: Case) -> Iterator[Check]:
    # A task's own list is asked for task by task, and by no rule.
    if case.rule.id == THEN or not case.paid:
        return
    fired = case.facts.count_firings(case.rule.id, case.task.root_id)
    detail = f"the rule fired {count(fired, 'time')} under root {case.task.root_id}; more than {FUSE} pause it"
    blown = fired >= FUSE
    yield Check(guard="fuse", reason="paused", ok=not blown, detail=detail, pauses_rule=blown)


def _check_dry_run(case: Case) -> Iterator[Check]:
    dry = case.rule.dry_run
    yield Check(guard="dry_run", reason="dry_run", ok=not dry, detail="a dry run does nothing" if dry else "no dry run")


def _check_quiet_hours(case: Case) -> Iterator[Check]:
    if case.limits.quiet_hours is not None and case.paid:
        yield _check_hours("limits.quiet_hours", case.limits.quiet_hours, case.facts.now)
    if case.rule.quiet_hours is not None:
        yield _check_hours("the rule's quiet_hours", case.rule.quiet_hours, case.facts.now)


def _check_hours(name: str, hours: QuietHours, now: int) -> Check:
    end = hours.ends_at(now)
    written = f"{name} are {hours.start:%H:%M}–{hours.end:%H:%M} {hours.zone}"
    return Check(
        guard="quiet_hours",
        reason="quiet_hours",
        ok=end is None,
        detail=written if end is None else f"{written}; they end at {tell_instant(end, now)}",
        next_at=end if hours.policy == "defer" else None,
    )


def _check_backoff(case: Case) -> Iterator[Check]:
    attempts = case.rule.attempts
    if attempts is None or not attempts.backoff or not _resubmits(case):
        return
    pause = attempts.backoff[min(case.task.attempt, len(attempts.backoff)) - 1]
    now, due = case.facts.now, case.begun + pause
    detail = f"the pause before attempt {case.task.attempt + 1} is {tell_pause(pause)}, until {tell_instant(due, now)}"
    yield Check(guard="backoff", reason="backoff", ok=now >= due, detail=detail, next_at=due)


def _check_budgets(case: Case) -> Iterator[Check]:
    if not case.paid:
        return
    budgets: list[tuple[str, Budget, str | None]] = [("limits", case.limits.budget, None)]
    if case.rule.budget is not None:
        budgets.append(("budget", case.rule.budget, case.rule.id))
    for name, budget, rule in budgets:
        for bound in read_bounds(name, budget):
            found = measure(bound, case.paid, case.task, case.facts, rule)
            next_at = found.next_at if budget.policy == "defer" else None
            yield Check(guard="budget", reason="budget", ok=found.ok, detail=found.detail, next_at=next_at)


def _check_actions(case: Case) -> Iterator[Check]:
    """Last of all: a list of which nothing can be done on this task."""
    details = [action.detail for action in case.actions if isinstance(action, Refused)]
    if details:
        ok = len(details) < len(case.actions)
        yield Check(guard="actions", reason="error", ok=ok, detail="; ".join(dict.fromkeys(details)))


def _resubmits(case: Case) -> bool:
    return any(isinstance(action, Resubmit) for action in case.paid)


_GUARDS: tuple[Callable[[Case], Iterator[Check]], ...] = (
    _check_pause,
    _check_depth,
    _check_attempts,
    _check_moderation,
    _check_fuse,
    _check_dry_run,
    _check_quiet_hours,
    _check_backoff,
    _check_budgets,
    _check_actions,
)
