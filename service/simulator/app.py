"""A Midjourney gateway with its vices, as an ASGI app that anyone can run on its own."""

import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hooks.clients import callback_client
from service.simulator.books import Books
from service.simulator.clerk import Clerk
from service.simulator.desk import Desk
from service.simulator.dialects import Dialect, find_dialect
from service.simulator.errands import Errands
from service.simulator.exchange import rendered
from service.simulator.lookups import Lookups
from service.simulator.options import SimulatorOptions
from service.simulator.postman import HANDS, Postman
from service.simulator.studio import Studio
from service.simulator.vices import Vices

Endpoint = Callable[[Request], Awaitable[Response]]


def create_simulator(options: SimulatorOptions, *, clock: Callable[[], float] = time.time) -> Starlette:
    """The gateway. `clock` gives seconds since the epoch; it dates tasks and rows, and paces nothing.

    Raises UnknownDialect and UnknownVice, whose messages can be shown to a person. The life of the tasks ends
    with the app's lifespan.
    """
    dialect = find_dialect(options.dialect)
    vices = Vices(seed=options.seed, numbers=options.vices)
    books, errands, client = Books(), Errands(), callback_client(concurrency=HANDS)
    postman = Postman(client=client, dialect=dialect, vices=vices, books=books, errands=errands)
    studio = Studio(
        options=options,
        dialect=dialect,
        vices=vices,
        books=books,
        postman=postman,
        errands=errands,
        clock=clock,
    )
    clerk = Clerk(dialect=dialect, studio=studio)
    desk = Desk(dialect=dialect, vices=vices, books=books, postman=postman, studio=studio, clerk=clerk)
    lookups = Lookups(dialect=dialect, vices=vices, books=books, studio=studio, clerk=clerk)

    async def show_books(_: Request) -> Response:
        return JSONResponse(books.to_json())

    async def show_health(_: Request) -> Response:
        return JSONResponse(
            {"status": "ok", "dialect": dialect.name, "vices": vices.active(), "at_work": studio.at_work}
        )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield
            await errands.stop()

    return Starlette(
        routes=[
            Route("/simulator/books", show_books),
            Route("/simulator/health", show_health),
            Route("/attachments/{id}/{name}", lookups.picture),
            *([Route("/api/status", lookups.status)] if dialect.has_status else []),
            *_gateway_routes(dialect, desk, lookups, options.key),
        ],
        lifespan=lifespan,
    )


def _gateway_routes(dialect: Dialect, desk: Desk, lookups: Lookups, key: str | None) -> list[Route]:
    """What stands below /mj/ in this dialect, once for each prefix."""
    endpoints: dict[str, tuple[str, str, Endpoint]] = {
        "submit/modal": ("POST", "submit/modal", desk.submit_modal),
        "task/list-by-condition": ("POST", "task/list-by-condition", lookups.list_by_condition),
        "task/query": ("POST", "task/query", lookups.query),
        "task/list": ("GET", "task/list", lookups.list_newest),
        "task/fetch": ("GET", "task/{id}/fetch", lookups.fetch),
    }
    for name in dialect.endpoints - endpoints.keys():
        endpoints[name] = ("POST", name, partial(desk.submit, endpoint=name.removeprefix("submit/")))
    routes = []
    for prefix in dialect.prefixes:
        base = f"/{prefix}/mj" if prefix else "/mj"
        routes.append(Route(f"{base}/image/{{id}}", lookups.picture))
        for name in sorted(dialect.endpoints):
            method, path, endpoint = endpoints[name]
            routes.append(Route(f"{base}/{path}", _guarded(endpoint, dialect, key), methods=[method]))
    return routes


def _guarded(endpoint: Endpoint, dialect: Dialect, key: str | None) -> Endpoint:
    """The endpoint, behind the key where there is one."""

    async def checked(request: Request) -> Response:
        if key is not None and not _opens(request, dialect, key):
            return rendered(dialect.denied)
        return await endpoint(request)

    return checked


def _opens(request: Request, dialect: Dialect, key: str) -> bool:
    shown = next(filter(None, (request.headers.get(name, "") for name in dialect.key_headers)), "")
    wanted = key.removeprefix(dialect.key_mark).encode()
    keys = [shown[len(scheme) :] for scheme in dialect.key_schemes if shown.startswith(scheme)]
    return any(hmac.compare_digest(k.removeprefix(dialect.key_mark).encode(), wanted) for k in keys)
