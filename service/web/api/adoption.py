"""`POST /v1/tasks/adopt`: tasks that were submitted elsewhere come into the ledger."""

from typing import Annotated, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.gateways.adopter import Adoption
from service.gateways.questions import Unanswered
from service.web.api.errands import tell_unanswered
from service.web.calls import Call, answer_json, read_body
from service.web.desk import Desk
from service.web.problems import tell_mistakes
from service.written.mistakes import did_you_mean, quoted
from storage.directory import find_named

MOST: Final = 100  # ids in one call: what a gateway is asked about at once

GatewayId = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class AdoptRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tasks of a gateway."""

    ids: Annotated[tuple[GatewayId, ...], msgspec.Meta(max_length=MOST)] = ()  # as the gateway named them
    all: bool = False  # instead of ids: whatever the gateway lists
    gateway: str | None = None  # the default one when left out


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one id."""

    id: str  # as it was asked for
    result: Literal["adopted", "known", "missing", "failed"]
    task_id: str | None = None  # ours
    detail: str | None = None  # why it failed


class AdoptionCalls:
    """The call that adopts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """The call with its description."""
        return [
            Call(
                method="POST",
                path="/v1/tasks/adopt",
                handler=self.adopt,
                summary="Bring tasks that a gateway has already into the ledger; nothing is spent, and no rule fires",
                body=AdoptRequest,
                answers={
                    200: ("What came of each id", "AdoptedPage"),
                    409: ("The gateway refused to list its tasks", "Problem"),
                    501: ("The gateway has no list of its tasks: give ids", "Problem"),
                    502: ("The gateway did not list its tasks", "Problem"),
                },
            )
        ]

    async def adopt(self, request: Request) -> Response:
        """`POST /v1/tasks/adopt`."""
        wanted = await read_body(request, AdoptRequest)
        gateway, known = wanted.gateway or self._desk.gateways[0], self._desk.gateways
        mistakes = []
        if gateway not in known:
            hint = did_you_mean(gateway, known) or f"; there is {', '.join(known)}"
            mistakes.append(f"gateway: {quoted(gateway)} is not configured{hint}")
        if wanted.all == bool(wanted.ids):
            mistakes.append("ids: name some, or say `all`")
        if mistakes:
            raise tell_mistakes(mistakes)
        adopted = await (self._adopt_all(gateway) if wanted.all else self._adopt_named(gateway, wanted.ids))
        return answer_json({"adopted": adopted, "next": None})

    async def _adopt_all(self, gateway: str) -> list[Adopted]:
        adoption = await self._desk.adopter.adopt_all(gateway)
        if isinstance(adoption, Unanswered):
            raise tell_unanswered(adoption)
        return [_tell(gateway_id, adoption) for gateway_id in (*adoption.tasks, *adoption.withheld)]

    async def _adopt_named(self, gateway: str, ids: tuple[str, ...]) -> list[Adopted]:
        """What is known is not asked about once more."""
        unique = tuple(dict.fromkeys(ids))
        known = await self._desk.store.read(find_named, unique, (gateway,))
        adoption = Adoption(tasks={}, new=frozenset())
        if strangers := [each for each in unique if each not in known]:
            adoption = await self._desk.adopter.adopt(gateway, strangers)
        return [
            Adopted(id=each, result="known", task_id=known[each].id) if each in known else _tell(each, adoption)
            for each in unique
        ]


def _tell(gateway_id: str, adoption: Adoption) -> Adopted:
    if gateway_id in adoption.tasks:
        result: Literal["adopted", "known"] = "adopted" if gateway_id in adoption.new else "known"
        return Adopted(id=gateway_id, result=result, task_id=adoption.tasks[gateway_id].id)
    if gateway_id in adoption.missing or adoption.failed is None:
        return Adopted(id=gateway_id, result="missing")
    return Adopted(id=gateway_id, result="failed", detail=adoption.withheld.get(gateway_id, adoption.failed))
