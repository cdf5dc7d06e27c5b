"""Errors as RFC 9457 problem details. No traceback reaches a caller."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hooks.errors import SealBroken
from storage.errors import (
    IdempotencyConflict,
    LedgerBusy,
    LedgerUnavailable,
    NoSuchDelivery,
    NoSuchSubscription,
    NoSuchTask,
    NoWindow,
    SubscriptionDisabled,
    TooManyTags,
)

log = structlog.get_logger("ringback.web")


class Problem(Exception):
    """Something that the caller should be told: an HTTP status and a sentence that says what to do."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.more = more


def tell_mistakes(mistakes: Sequence[str]) -> Problem:
    """Give a 422 that tells all of them, in one sentence and one by one."""
    return Problem(422, "; ".join(mistakes), errors=list(mistakes))


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an error."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[str] | msgspec.UnsetType = msgspec.UNSET  # every single mistake, where there are several
    gateway_code: int | msgspec.UnsetType = msgspec.UNSET  # in the gateway's own protocol, where it refused


def make_problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """Give the response."""
    body = ProblemDetails(title=HTTPStatus(status).phrase, status=status, detail=detail, **more)
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/problem+json",
    )


def explain(error: Exception) -> Response:
    """Tell the caller what a handler raised: on purpose, from the ledger, or by a fault of ours."""
    match error:
        case Problem():
            return make_problem(error.status, error.detail, error.headers, **error.more)
        case NoSuchTask() | NoSuchSubscription() | NoSuchDelivery():
            return make_problem(404, str(error))
        case IdempotencyConflict() | NoWindow() | SubscriptionDisabled() | SealBroken():
            return make_problem(409, str(error))
        case TooManyTags():
            return make_problem(422, str(error))
        case LedgerBusy() | LedgerUnavailable():
            return make_problem(503, str(error), {"Retry-After": "1"})
        case ClientDisconnect():
            return make_problem(400, "The caller left.")  # nobody reads it
    log.error("request failed", error=type(error).__name__, exc_info=error)
    return make_problem(500, "This is a fault of the service; its log says more.")


async def _explain_routing(_request: Request, error: HTTPException) -> Response:
    """Tell the caller that the router found nothing."""
    missing = "There is nothing at this address; /openapi.json lists what there is."
    return make_problem(error.status_code, missing if error.status_code == 404 else error.detail, error.headers)


# What the router itself raises. Calls explain their own errors: Starlette would raise a fault of ours once more after
# it was answered, and the server would cut the connection.
HANDLERS: dict[Any, Any] = {HTTPException: _explain_routing}
