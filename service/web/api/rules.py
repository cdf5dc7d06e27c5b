"""`/v1/rules`: the rules in force, and what they did."""

import asyncio
from typing import get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.envelope import format_time
from service.rules.foresight.worst_case import WorstCase
from service.rules.rulebook import Rule
from service.rules.ruling import Ruling
from service.web.api.pauses import require_known
from service.web.api.review import Doings, Review, read_review
from service.web.api.tasks import MAX_PAGE, PAGE
from service.web.calls import MAX_NUMBER, Call, Parameter, answer_json
from service.web.desk import Desk
from service.web.representations import show_firing
from storage.firings import list_firings
from storage.reactions import FiringOutcome
from storage.records import JSON


class ShownRule(Doings, frozen=True, kw_only=True):
    """One rule as `/v1` shows it."""

    on: str
    version: str
    line: int
    text: JSON  # as it is written; secrets stay ${NAME}
    worst_case: str
    dry_run: bool


class ShownMistake(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a newer file."""

    file: str
    line: int | None
    column: int | None
    message: str


class ShownFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file of the rules."""

    name: str
    loaded_at: str  # when the rules in force were taken from it
    version: str  # changes when a rule or a limit does
    refused_at: str | None  # when a newer one was looked at and not taken
    mistakes: tuple[ShownMistake, ...]  # of that one


class RulePage(msgspec.Struct, frozen=True, kw_only=True):
    """Every rule, in file order."""

    rules: tuple[ShownRule, ...]
    others: tuple[Doings, ...]  # `then`, and rules that are not in the file any more: those that do something
    next: None = None
    file: ShownFile
    paused: bool  # every paid submission stands still


class RuleCalls:
    """The calls that show rules."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        narrowing = (
            Parameter(name="task", about="about this task"),
            Parameter(name="root", about="under this root"),
            Parameter(name="outcome", about="of this outcome", among=get_args(FiringOutcome)),
            Parameter(name="cursor", about="`next` of the page before", kind="whole"),
            Parameter(name="limit", about="how many at most", kind="whole", least=1, most=MAX_PAGE),
        )
        return [
            Call(
                method="GET",
                path="/v1/rules",
                handler=self.page,
                summary="The rules in force, what they did in the last 24 hours, and why a newer file was refused",
                answers={200: ("Every rule", "RulePage")},
            ),
            Call(
                method="GET",
                path="/v1/rules/{id}/firings",
                handler=self.firings,
                summary="What a rule decided, newest first; `then` for tasks' own lists",
                parameters=narrowing,
                answers={200: ("A page of firings", "FiringPage"), 404: ("No rule of that id ever fired", "Problem")},
            ),
            Call(
                method="GET",
                path="/v1/firings",
                handler=self.every_firing,
                summary="What all rules decided, newest first",
                parameters=narrowing,
                answers={200: ("A page of firings", "FiringPage")},
            ),
        ]

    async def page(self, _request: Request) -> Response:
        """`GET /v1/rules`."""
        store, ruling = self._desk.store, self._desk.ruling
        review = await read_review(store)
        rulebook = ruling.rulebook
        worst = await asyncio.to_thread(ruling.find_worst_cases, rulebook)
        known = {rule.id for rule in rulebook.rules}
        return answer_json(
            RulePage(
                rules=tuple(_show_rule(rule, worst[rule.id], review) for rule in rulebook.rules),
                others=tuple(review.show(rule) for rule in sorted(review.active - known)),
                file=show_file(ruling),
                paused=review.all_paused,
            )
        )

    async def firings(self, request: Request) -> Response:
        """`GET /v1/rules/{id}/firings`: also of a rule that is gone, if it ever decided."""
        rule = request.path_params["id"]
        await require_known(self._desk, rule)
        return await self._list_firings(request, rule)

    async def every_firing(self, request: Request) -> Response:
        """`GET /v1/firings`."""
        return await self._list_firings(request, None)

    async def _list_firings(self, request: Request, rule: str | None) -> Response:
        query = dict(request.state.query)
        limit, before = query.pop("limit", PAGE), query.pop("cursor", MAX_NUMBER)
        firings = await self._desk.store.search(list_firings, **query, rule=rule, before=before, limit=limit)
        following = firings[-1].id if len(firings) == limit else None
        return answer_json({"firings": [show_firing(firing) for firing in firings], "next": following})


def show_file(ruling: Ruling) -> ShownFile:
    """Give the state of the file of the rules as `/v1` shows it."""
    refusal = ruling.refusal
    return ShownFile(
        name=ruling.file,
        loaded_at=format_time(ruling.loaded_at) or "",
        version=ruling.version,
        refused_at=None if refusal is None else format_time(refusal.at),
        mistakes=()
        if refusal is None
        else tuple(
            ShownMistake(file=each.file, line=each.line, column=each.column, message=each.message)
            for each in refusal.mistakes
        ),
    )


def _show_rule(rule: Rule, worst: WorstCase, review: Review) -> ShownRule:
    return ShownRule(
        **msgspec.structs.asdict(review.show(rule.id)),
        on=rule.on,
        version=rule.version,
        line=rule.line,
        text=rule.text,
        worst_case=str(worst),
        dry_run=rule.dry_run,
    )
