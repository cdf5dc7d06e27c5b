"""What rules would have done, and what one of them is to do after all."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.envelope import format_time
from service.rules.hindsight.backtest import Backtest, Difference, backtest
from service.rules.hindsight.forecast import forecast
from service.rules.hindsight.leftovers import find_leftovers
from service.rules.reactor import Reactor
from service.rules.rulebook import Rule
from service.web.api.pauses import require_rule
from service.web.calls import Call, answer_json, read_body, read_time
from service.web.desk import Desk
from service.web.problems import Problem, tell_mistakes
from service.written.mistakes import MistakesFound
from storage.firings import apply_rule

AT_ONCE: Final = 50  # tasks that a rule is applied to in one transaction: others write in between
SHOWN_TASKS: Final = 20  # of those that it is applied to
SHOWN_DIFFERENCES: Final = 1000  # of each kind
LONGEST_FILE: Final = 256 * 1024  # characters

Time = Annotated[str, msgspec.Meta(max_length=40)]  # RFC 3339, or a day


class BacktestRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which time, and which rules."""

    since: Time
    until: Time | None = None  # now, when left out
    rules: Annotated[str, msgspec.Meta(max_length=LONGEST_FILE)] | None = None  # a whole file; those in force otherwise
    diff: bool = False  # name the firings that would appear or disappear


class ApplyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events of the past a rule is to decide about."""

    since: Time
    until: Time | None = None
    dry_run: bool = True  # say how many there are, and do nothing


class RuleBacktest(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule would have done."""

    rule: str
    fired: int
    follow_ups: int  # that it would have paid for
    cost: float  # of these, at today's prices, as far as they are known
    unpriced: int  # of these: nobody knows what they cost
    waited: int  # of those that fired: later than their event
    deferred: Mapping[str, int]  # they would still wait, by reason
    blocked: Mapping[str, int]  # by reason


class ShownDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A firing that there would be and was not, or the other way round."""

    rule: str
    task_id: str


class ShownBacktest(msgspec.Struct, frozen=True, kw_only=True):
    """What rules would have done. First-order: nothing follows from what they would have opened."""

    since: str
    until: str
    events: int  # that were looked at
    rules: tuple[RuleBacktest, ...]
    appear: int
    disappear: int
    wait: int  # firings that would still wait at the end, and do not
    appearing: tuple[ShownDifference, ...]  # the first of them, where the difference was asked for
    disappearing: tuple[ShownDifference, ...]
    waiting: tuple[ShownDifference, ...]


class ShownForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What it would come to now, each task looked at by itself: a budget may not last for all of them."""

    actions: Mapping[str, int]  # what would be done, by the action's name; of paid ones, what would be opened anew
    cost: float  # at today's prices, as far as they are known
    unpriced: int  # paid actions whose price nobody knows
    deferred: int  # tasks about which it would wait first
    blocked: Mapping[str, int]  # tasks about which it would do nothing, by reason


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What became of applying a rule to the past."""

    rule: str
    dry_run: bool
    meant: int  # tasks that the rule means and has not acted on
    tasks: tuple[str, ...]  # the first of them
    fired: int
    deferred: int
    blocked: Mapping[str, int]  # by reason
    forecast: ShownForecast | None  # of a dry run


class PastCalls:
    """The calls that run rules over the past."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._turn = asyncio.Lock()  # a backtest takes a processor for seconds

    def calls(self) -> list[Call]:
        """Every call with its description."""
        return [
            Call(
                method="POST",
                path="/v1/rules/backtest",
                handler=self.backtest,
                summary="What rules would have done since a time; nothing is done",
                body=BacktestRequest,
                answers={
                    200: ("What they would have done", "Backtest"),
                    503: ("Another one is running", "Problem"),
                },
            ),
            Call(
                method="POST",
                path="/v1/rules/{id}/apply",
                handler=self.apply,
                summary="Let a rule decide about the past: first (`dry_run`) say how many tasks it means",
                body=ApplyRequest,
                answers={200: ("What became of it", "Applied"), 404: ("No rule of that id", "Problem")},
            ),
        ]

    async def backtest(self, request: Request) -> Response:
        """`POST /v1/rules/backtest`."""
        wanted, ruling = await read_body(request, BacktestRequest), self._desk.ruling
        since, until = self._read_times(wanted.since, wanted.until)
        if self._turn.locked():
            raise Problem(503, "Another backtest is running.", {"Retry-After": "5"})
        async with self._turn:  # reading a file takes a while, too
            reactor = ruling.reactor if wanted.rules is None else await self._read_rules(wanted.rules)
            found = await self._desk.store.search(backtest, reactor, since=since, until=until)
        return answer_json(_show(found, diff=wanted.diff))

    async def apply(self, request: Request) -> Response:
        """`POST /v1/rules/{id}/apply`."""
        wanted, store = await read_body(request, ApplyRequest), self._desk.store
        rule = self._find(request.path_params["id"])
        since, until = self._read_times(wanted.since, wanted.until)
        meant = await store.search(find_leftovers, rule, since=since, until=until, now=store.now())
        shown = await self._forecast(rule, meant) if wanted.dry_run else None
        outcomes: Counter[tuple[str, str | None]] = Counter()
        for start in range(0, 0 if wanted.dry_run else len(meant), AT_ONCE):
            firings = await store.write(apply_rule, rule.id, meant[start : start + AT_ONCE])
            outcomes.update((firing.outcome, firing.reason) for firing in firings)
        return answer_json(
            Applied(
                rule=rule.id,
                dry_run=wanted.dry_run,
                meant=len(meant),
                tasks=tuple(task_id for task_id, _ in meant[:SHOWN_TASKS]),
                fired=outcomes["fired", None],
                deferred=sum(count for (outcome, _), count in outcomes.items() if outcome == "deferred"),
                blocked={str(reason): count for (outcome, reason), count in outcomes.items() if outcome == "blocked"},
                forecast=shown,
            )
        )

    async def _forecast(self, rule: Rule, meant: Sequence[tuple[str, int]]) -> ShownForecast:
        store, reactor = self._desk.store, self._desk.ruling.reactor
        found = await store.search(forecast, reactor, rule, meant, now=store.now())
        return ShownForecast(
            actions=found.actions,
            cost=round(found.cost, 6),
            unpriced=found.unpriced,
            deferred=found.deferred,
            blocked=found.blocked,
        )

    def _find(self, rule_id: str) -> Rule:
        require_rule(self._desk, rule_id)
        return next(rule for rule in self._desk.ruling.rulebook.rules if rule.id == rule_id)

    async def _read_rules(self, text: str) -> Reactor:
        """What decides by the rules of a whole file. Raises a 422 that tells what is wrong with it."""
        try:
            return self._desk.ruling.make_reactor(await asyncio.to_thread(self._desk.read_rules, text))
        except MistakesFound as error:
            raise tell_mistakes([str(replace(each, file="rules")) for each in error.mistakes]) from None

    def _read_times(self, since: str, until: str | None) -> tuple[int, int]:
        """Both in ms. Raises a 422 that tells what is wrong with each."""
        now, mistakes, times = self._desk.store.now(), [], []
        for name, text in (("since", since), ("until", until)):
            try:
                times.append(now if text is None else read_time(text))
            except ValueError as error:
                mistakes.append(f"{name}: {error}")
        if not mistakes and times[0] > times[1]:
            mistakes.append("since: it lies after until" if until else "since: it lies ahead")
        if mistakes:
            raise tell_mistakes(mistakes)
        return times[0], times[1]


def _show(found: Backtest, *, diff: bool) -> ShownBacktest:
    return ShownBacktest(
        since=format_time(found.since) or "",
        until=format_time(found.until) or "",
        events=found.events,
        rules=tuple(
            RuleBacktest(
                rule=each.rule,
                fired=each.fired,
                follow_ups=each.follow_ups,
                cost=round(each.cost, 6),
                unpriced=each.unpriced,
                waited=each.waited,
                deferred=each.deferred,
                blocked=each.blocked,
            )
            for each in found.tallies
        ),
        appear=len(found.appear),
        disappear=len(found.disappear),
        wait=len(found.wait),
        appearing=_show_differences(found.appear) if diff else (),
        disappearing=_show_differences(found.disappear) if diff else (),
        waiting=_show_differences(found.wait) if diff else (),
    )


def _show_differences(differences: Sequence[Difference]) -> tuple[ShownDifference, ...]:
    return tuple(ShownDifference(rule=each.rule, task_id=each.task_id) for each in differences[:SHOWN_DIFFERENCES])
