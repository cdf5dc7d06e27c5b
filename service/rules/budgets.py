"""Whether a firing's paid actions fit into a budget, and when they will. Pure.

Windows roll: a follow-up counts from the instant at which it was opened until a whole window later. Budgets are for a
whole list of actions or not at all, and never exceeded, not by one and not by a cent.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Final

from service.rules.limits import Budget
from service.rules.wording import count, tell_amount, tell_instant
from storage.actions import action_of
from storage.reactions import Click, Facts, Resubmit, Spending, Submit
from storage.records import Task

HOUR: Final = 3_600_000  # milliseconds
DAY: Final = 24 * HOUR
GRAIN: Final = 1e-6  # of the currency: sums of prices that differ by less are the same sum

_SPANS: Final = {HOUR: "in the last hour", DAY: "in the last 24 hours", None: "under this root"}
Paid = Click | Submit | Resubmit


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """One line of a budget."""

    name: str  # as it is written: "limits.per_hour"
    most: float
    window: int | None  # ms; None: under one root, for ever
    money: bool  # an amount; otherwise a number of follow-ups


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """How paid actions stand to a bound."""

    ok: bool
    detail: str
    next_at: int | None = None  # when they will fit (ms); None where no time makes them


def read_bounds(name: str, budget: Budget) -> Iterator[Bound]:
    """The bounds that a budget sets; those that no time lifts come first."""
    for key, most, window, money in (
        ("per_root", budget.per_root, None, False),
        ("spend_per_root", budget.spend_per_root, None, True),
        ("per_hour", budget.per_hour, HOUR, False),
        ("per_day", budget.per_day, DAY, False),
        ("spend_per_hour", budget.spend_per_hour, HOUR, True),
        ("spend_per_day", budget.spend_per_day, DAY, True),
    ):
        if most is not None:
            yield Bound(name=f"{name}.{key}", most=most, window=window, money=money)


def measure(bound: Bound, paid: Sequence[Paid], task: Task, facts: Facts, rule: str | None) -> Finding:
    """Whether these actions fit beside what was reserved before, by the rule or (None) by all and `then`."""
    wanted = [action.cost if bound.money else 1.0 for action in paid]
    if None in wanted:
        unknown = _name_action(paid[wanted.index(None)], task)
        return Finding(ok=False, detail=f"{_tell(bound)}: gateway {task.gateway} has no price for {unknown}")
    more = fsum(each for each in wanted if each is not None)
    root_id = task.root_id if bound.window is None else None
    # What was opened when nobody knew its price counts as nothing: there is nothing to count.
    used = (facts.sum_costs if bound.money else facts.count_follow_ups)(bound.window, rule, root_id)
    told = f"{_tell(bound)}: {_tell_use(bound, used)}, {_tell_more(bound, more)}"
    if _fits(bound, used + more):
        return Finding(ok=True, detail=told)
    if bound.window is None:
        return Finding(ok=False, detail=told)
    if not _fits(bound, more):
        return Finding(ok=False, detail=f"{told}; so much never fits")
    free_at = _find_room(bound, facts.iter_spending(bound.window, rule), used + more) + bound.window
    return Finding(ok=False, detail=f"{told}; there is room at {tell_instant(free_at, facts.now)}", next_at=free_at)


def _find_room(bound: Bound, standing: Iterable[Spending], total: float) -> int:
    """When the one was opened that has to leave last until the rest fits; the oldest leave first."""
    opened = 0
    for each in standing:
        opened = each.time
        total -= (each.cost or 0.0) if bound.money else 1.0
        if _fits(bound, total):
            break
    return opened


def _fits(bound: Bound, total: float) -> bool:
    return total <= bound.most + (GRAIN if bound.money else 0)


def _name_action(action: Paid, task: Task) -> str:
    if isinstance(action, Click):
        return action_of(action.button.kind)
    return task.action if isinstance(action, Resubmit) else action.new.action


def _tell(bound: Bound) -> str:
    return f"{bound.name} is {tell_amount(bound.most)}"


def _tell_use(bound: Bound, used: float) -> str:
    what = f"{tell_amount(used)} spent" if bound.money else count(round(used), "follow-up")
    return f"{what} {_SPANS[bound.window]}"


def _tell_more(bound: Bound, more: float) -> str:
    return f"{tell_amount(more) if bound.money else round(more)} more wanted"
