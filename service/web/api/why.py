"""Why a rule acted on a task, or did not: every clause, every guard, and what was decided."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.envelope import format_time
from service.rules.hindsight.trials import describe
from service.rules.hindsight.why import Explanation, inquire
from service.rules.match import ClauseResult
from service.rules.rulebook import THEN
from service.web.api.pauses import require_rule
from service.web.calls import Call, Parameter, answer_json
from service.web.desk import Desk
from service.web.problems import Problem, tell_mistakes
from service.web.representations import show_firing


class ShownOccasion(msgspec.Struct, frozen=True, kw_only=True):
    """The event that a rule waits for, and those that the task has had."""

    line: int
    expected: str
    found: tuple[str, ...]
    ok: bool
    seq: int | None  # of the event that was looked at: the one that the rule decided about, or the latest of its type
    time: str | None  # when that was; null where the task has had none, and is looked at as it is now


class ShownClause(msgspec.Struct, frozen=True, kw_only=True):
    """What one clause expected, and what was there."""

    line: int
    field: str  # "any" or "not" for a group
    operator: str
    expected: Any
    found: Any
    ok: bool
    parts: tuple[tuple["ShownClause", ...], ...]  # of a group


class ShownCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What one guard says, as of now."""

    guard: str
    ok: bool
    detail: str
    next_at: str | None  # when it is worth asking again


class ShownDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What the rule would decide now, if it had not before."""

    outcome: str
    reason: str | None
    detail: str | None
    actions: tuple[str, ...]


class ShownExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """One rule and one task."""

    rule: str
    version: str
    file: str  # where the lines are
    task_id: str
    on: ShownOccasion
    clauses: tuple[ShownClause, ...]
    guards: tuple[ShownCheck, ...]  # none where the rule does not mean the task
    missed: int  # lines that keep the rule from meaning the task
    decision: ShownDecision | None  # none where it does not mean it
    firing: dict[str, Any] | None  # what it did decide


class WhyCalls:
    """The calls that explain."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        missing = ("No such task", "Problem")
        return [
            Call(
                method="GET",
                path="/v1/rules/{id}/why",
                handler=self.explain_rule,
                summary="Why a rule acted on a task, or did not",
                parameters=(Parameter(name="task", about="this task; it must be given"),),
                answers={
                    200: ("Every clause, every guard, and what was decided", "Explanation"),
                    404: ("No such rule, or no such task", "Problem"),
                },
            ),
            Call(
                method="GET",
                path="/v1/tasks/{id}/why",
                handler=self.explain_task,
                summary="Why rules acted on it, or did not: all of them, the nearest miss first",
                answers={200: ("Every rule, and the task's own list", "ExplanationPage"), 404: missing},
            ),
        ]

    async def explain_rule(self, request: Request) -> Response:
        """`GET /v1/rules/{id}/why`."""
        rule, task_id = request.path_params["id"], request.state.query.get("task")
        if rule != THEN:
            require_rule(self._desk, rule)
        if not task_id:
            raise tell_mistakes(["task: it is missing; say which one"])
        for each in await self._inquire(task_id):
            if each.rule == rule:
                return answer_json(self._show(task_id, each))
        raise Problem(404, "The task has no list of its own.")

    async def explain_task(self, request: Request) -> Response:
        """`GET /v1/tasks/{id}/why`."""
        task_id = request.path_params["id"]
        explanations = [self._show(task_id, each) for each in await self._inquire(task_id)]
        return answer_json({"explanations": explanations, "next": None})

    async def _inquire(self, task_id: str) -> Sequence[Explanation]:
        store = self._desk.store
        return await store.search(inquire, self._desk.ruling.reactor, task_id, now=store.now())

    def _show(self, task_id: str, explanation: Explanation) -> ShownExplanation:
        occasion, decision, firing = explanation.occasion, explanation.decision, explanation.firing
        return ShownExplanation(
            rule=explanation.rule,
            version=explanation.version,
            file=self._desk.ruling.file,
            task_id=task_id,
            on=ShownOccasion(
                line=occasion.line,
                expected=occasion.expected,
                found=occasion.found,
                ok=occasion.ok,
                seq=occasion.seq,
                time=format_time(occasion.time),
            ),
            clauses=tuple(map(_show_clause, explanation.clauses)),
            guards=tuple(
                ShownCheck(guard=each.guard, ok=each.ok, detail=each.detail, next_at=format_time(each.next_at))
                for each in explanation.checks
            ),
            missed=explanation.missed,
            decision=None
            if decision is None
            else ShownDecision(
                outcome=decision.outcome,
                reason=decision.reason,
                detail=decision.detail,
                actions=describe(msgspec.structs.replace(decision, outcome="fired")),
            ),
            firing=None if firing is None else show_firing(firing),
        )


def _show_clause(clause: ClauseResult) -> ShownClause:
    return ShownClause(
        line=clause.line,
        field=clause.field,
        operator=clause.operator,
        expected=clause.expected,
        found=clause.found,
        ok=clause.ok,
        parts=tuple(tuple(map(_show_clause, part)) for part in clause.parts),
    )
