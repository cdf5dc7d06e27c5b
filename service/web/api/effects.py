"""`/v1/effects`: notifications and downloads, how they stand, and another try for those that were given up."""

from typing import Annotated, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.web.api.pauses import require_rule
from service.web.api.tasks import MAX_PAGE, PAGE
from service.web.calls import Call, Parameter, answer_json, read_optional_body
from service.web.desk import Desk
from service.web.representations import show_effect
from storage.effects import list_effects, retry_failed
from storage.reactions import EffectKind, EffectState


class RetryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of those that were given up; all, when nothing is said."""

    rule: str | None = None
    ids: Annotated[tuple[int, ...], msgspec.Meta(max_length=MAX_PAGE)] | None = None


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    retried: int  # that are due again, with all their attempts


class EffectCalls:
    """The calls about what rules owe and nobody pays for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        return [
            Call(
                method="GET",
                path="/v1/effects",
                handler=self.page,
                summary="Notifications and downloads, newest first",
                parameters=(
                    Parameter(name="state", about="that stand so", among=get_args(EffectState)),
                    Parameter(name="kind", about="of this kind", among=get_args(EffectKind)),
                    Parameter(name="task", about="about this task"),
                    Parameter(name="cursor", about="`next` of the page before", kind="whole"),
                    Parameter(name="limit", about="how many at most", kind="whole", least=1, most=MAX_PAGE),
                ),
                answers={200: ("A page of them", "EffectPage")},
            ),
            Call(
                method="POST",
                path="/v1/effects/retry",
                handler=self.retry,
                summary="Try again what was given up, at once and from the beginning",
                body=RetryRequest,
                needs_body=False,
                answers={200: ("How many", "Retried"), 404: ("No rule of that id, and nothing of it", "Problem")},
            ),
        ]

    async def page(self, request: Request) -> Response:
        """`GET /v1/effects`."""
        query = dict(request.state.query)
        limit, before = query.pop("limit", PAGE), query.pop("cursor", None)
        effects = await self._desk.store.search(list_effects, **query, before=before, limit=limit)
        following = effects[-1].id if len(effects) == limit else None
        return answer_json({"effects": [show_effect(effect) for effect in effects], "next": following})

    async def retry(self, request: Request) -> Response:
        """`POST /v1/effects/retry`: also of a rule that is not in the file any more."""
        wanted = await read_optional_body(request, RetryRequest)
        retried = await self._desk.store.write(retry_failed, rule=wanted.rule, ids=wanted.ids)
        if wanted.rule is not None and not retried:
            require_rule(self._desk, wanted.rule)
        return answer_json(Retried(retried=retried))
