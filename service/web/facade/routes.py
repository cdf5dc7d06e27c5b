"""`/mj/…`, and the same behind each mode's prefix: the gateways' own protocol, spoken from the ledger."""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.web.api.errands import ErrandCalls
from service.web.auth import KeyRing
from service.web.desk import Desk
from service.web.facade.answers import refuse_front, tell
from service.web.facade.clicks import READERS as CLICKS
from service.web.facade.errands import FacadeErrands
from service.web.facade.finder import Finder
from service.web.facade.lookups import LookupCalls
from service.web.facade.orders import READERS as ORDERS
from service.web.facade.submits import SubmitCalls

# The modes' prefixes of trueai-org's proxy and one-hub, and those of resellers on new-api.
_PATH: Final = re.compile(r"(?:/(?:mj-)?(fast|relax|turbo))?/mj(/.*)", re.DOTALL)
_PICTURE: Final = re.compile(r"/image/([^/]+)")

NO_KEY: Final = "无效的令牌 (an API key of this service is needed, as Authorization or mj-api-secret)"
WRONG_METHOD: Final = "无效的请求方法 (this call is made with {methods})"
NOWHERE: Final = "无效的地址 (there is no such call; /openapi.json lists those of our own)"

Handler = Callable[[Request], Awaitable[Response]]


def is_facade(path: str) -> bool:
    """Whether a path belongs to the facade."""
    return _PATH.fullmatch(path) is not None


class Facade:
    """The application: who may enter, in which mode, and which call is meant."""

    def __init__(self, desk: Desk, keys: KeyRing) -> None:
        self._keys = keys
        self._links = desk.links
        self._site = Starlette(routes=_list_routes(desk), exception_handlers={HTTPException: _explain_routing})
        self._site.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whose path `is_facade`."""
        found = _PATH.fullmatch(scope["path"])
        mode, path = found.groups() if found else (None, "")
        if not self._may_enter(scope, path):
            return await refuse_front(401, NO_KEY, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
        state = {**scope.get("state", {}), "mode": mode}
        return await self._site({**scope, "path": path, "state": state}, receive, send)

    def _may_enter(self, scope: Scope, path: str) -> bool:
        picture = _PICTURE.fullmatch(path)
        if picture is not None and self._links.opens(picture[1], QueryParams(scope["query_string"])):
            return True
        headers = Headers(scope=scope)
        # Whoever shows several keys, as some clients do, needs a single right one.
        offered = [headers.get("authorization", ""), headers.get("mj-api-secret", "")]
        bare = [key.partition(" ")[2] for key in offered if key.lower().startswith("bearer ")]
        recognised = [self._keys.recognise(key.strip()) for key in (*offered, *bare)]
        return any(recognised)


def _list_routes(desk: Desk) -> list[Route]:
    finder = Finder(desk.store, desk.adopter, desk.gateways)
    submits, lookups = SubmitCalls(desk, finder), LookupCalls(desk, finder)
    errands = FacadeErrands(ErrandCalls(desk), finder)
    opened = {name: partial(submits.open, endpoint=name) for name in ORDERS}
    calls: list[tuple[str, str, Handler]] = [
        ("POST", "/insight-face/swap", opened.pop("swap")),
        *(("POST", f"/submit/{name}", handler) for name, handler in opened.items()),
        *(("POST", f"/submit/{name}", partial(submits.click, endpoint=name)) for name in CLICKS),
        ("POST", "/submit/modal", submits.modal),
        ("POST", "/task/list-by-condition", lookups.list_named),
        ("POST", "/task/list-by-ids", lookups.list_named),
        ("POST", "/task/query", lookups.query),
        ("GET", "/task/list", lookups.list_newest),
        ("GET", "/task/queue", lookups.list_queue),
        ("GET", "/task/{id}/fetch", lookups.fetch),
        ("GET", "/task/{id}/image-seed", errands.read_seed),
        ("POST", "/task/{id}/cancel", errands.cancel),
        ("GET", "/image/{id}", lookups.picture),
    ]
    return [Route(path, partial(_answer, handler), methods=[method]) for method, path, handler in calls]


async def _answer(handler: Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except Exception as error:
        return tell(error)


async def _explain_routing(_request: Request, error: Exception) -> Response:
    """What the router found: no such call, or one that is made in another way."""
    headers = (error.headers if isinstance(error, HTTPException) else None) or {}
    if "Allow" in headers:
        return refuse_front(405, WRONG_METHOD.format(methods=headers["Allow"]), headers)
    return refuse_front(404, NOWHERE)
