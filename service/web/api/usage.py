"""`/v1/usage`: what was spent."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from service.web.calls import Call, Parameter, answer_json
from service.web.desk import Desk
from storage.usage import GROUPS, sum_usage

DEFAULT_GROUP: Final = "day"


class UsageCalls:
    """The call about what was spent."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """The call with its description."""
        return [
            Call(
                method="GET",
                path="/v1/usage",
                handler=self.page,
                summary="The tasks that gateways took and what they cost, by group; at most 1000 groups",
                parameters=(
                    Parameter(name="by", about=f"what to group by; {DEFAULT_GROUP} by default", among=tuple(GROUPS)),
                    Parameter(name="since", about="what was sent since this day or time", kind="time"),
                ),
                answers={200: ("Every group", "UsagePage")},
            )
        ]

    async def page(self, request: Request) -> Response:
        """`GET /v1/usage`."""
        query = request.state.query
        groups = await self._desk.store.search(
            sum_usage, by=query.get("by", DEFAULT_GROUP), since=query.get("since", 0)
        )
        return answer_json({"usage": groups, "next": None})
