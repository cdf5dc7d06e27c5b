"""A Midjourney gateway with its vices, as an ASGI app that anyone can run on its own."""

import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hooks.clients import callback_client
from service.simulator.books import Books
from service.simulator.clerk import Clerk
from service.simulator.clicks import Clicks
from service.simulator.counter import Counter
from service.simulator.desk import Desk
from service.simulator.dialect import Dialect
from service.simulator.dialects import find_dialect
from service.simulator.errands import Errands
from service.simulator.exchange import Dated, rendered
from service.simulator.lookups import Lookups
from service.simulator.mishaps import Endpoint, Mishaps
from service.simulator.options import SimulatorOptions
from service.simulator.postman import HANDS, Postman
from service.simulator.roots import Roots
from service.simulator.studio import Studio
from service.simulator.vices import Vices


def create_simulator(options: SimulatorOptions, *, clock: Callable[[], float] = time.time) -> Starlette:
    """The gateway. `clock` gives seconds since the epoch; it dates tasks and rows, and paces nothing.

    Raises UnknownDialect and UnknownVice, whose messages can be shown to a person. The life of the tasks ends
    with the app's lifespan.
    """
    dialect = find_dialect(options.dialect)
    vices = Vices(seed=options.seed, numbers=options.vices)
    skew = vices.number("skew")

    def now() -> float:  # by the gateway's own clock; its books are kept by the right one
        return clock() + skew

    books, errands, client = Books(), Errands(), callback_client(concurrency=HANDS)
    postman = Postman(client=client, dialect=dialect, vices=vices, books=books, errands=errands, clock=clock)
    studio = Studio(
        options=options,
        dialect=dialect,
        vices=vices,
        books=books,
        postman=postman,
        errands=errands,
        clock=now,
    )
    roots, clicks = Roots(dialect=dialect, vices=vices), Clicks(dialect=dialect, studio=studio)
    desk = Desk(
        dialect=dialect,
        vices=vices,
        books=books,
        postman=postman,
        studio=studio,
        clerk=Clerk(dialect=dialect, roots=roots, clicks=clicks),
        clicks=clicks,
    )
    counter = Counter(dialect=dialect, books=books, studio=studio, roots=roots)
    lookups = Lookups(dialect=dialect, vices=vices, books=books, studio=studio)
    mishaps = Mishaps(vices=vices, books=books)

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

    def guarded(endpoint: Endpoint) -> Endpoint:
        return mishaps.befall(_guarded(endpoint, dialect, options.key))

    return Starlette(
        routes=[
            Route("/simulator/books", show_books),
            Route("/simulator/health", show_health),
            Route("/attachments/{id}/{name}", lookups.picture),
            Route("/uploads/{name}", lookups.upload),
            *([Route("/api/status", mishaps.befall(lookups.status))] if dialect.has_status else []),
            *_gateway_routes(dialect, desk, counter, lookups, guarded),
        ],
        middleware=[Middleware(Dated, clock=now)],
        lifespan=lifespan,
    )


def _gateway_routes(
    dialect: Dialect, desk: Desk, counter: Counter, lookups: Lookups, guarded: Callable[[Endpoint], Endpoint]
) -> list[Route]:
    """What stands below /mj/ in this dialect, once for each prefix."""
    endpoints: dict[str, tuple[str, str, Endpoint]] = {
        "submit/modal": ("POST", "submit/modal", desk.submit_modal),
        "submit/upload-discord-images": ("POST", "submit/upload-discord-images", counter.upload),
        "task/list-by-condition": ("POST", "task/list-by-condition", lookups.list_by_condition),
        "task/list-by-ids": ("POST", "task/list-by-ids", lookups.list_by_ids),
        "task/query": ("POST", "task/query", lookups.query),
        "task/list": ("GET", "task/list", lookups.list_newest),
        "task/queue": ("GET", "task/queue", lookups.queue),
        "task/fetch": ("GET", "task/{id}/fetch", lookups.fetch),
        "task/image-seed": ("GET", "task/{id}/image-seed", counter.seed),
        "task/cancel": ("POST", "task/{id}/cancel", counter.cancel),
    }
    for name in dialect.endpoints - endpoints.keys():
        endpoints[name] = ("POST", name, partial(desk.submit, endpoint=name))
    routes = []
    for prefix in dialect.prefixes:
        base = f"/{prefix}/mj" if prefix else "/mj"
        routes.append(Route(f"{base}/image/{{id}}", lookups.picture))
        for name in sorted(dialect.endpoints):
            method, path, endpoint = endpoints[name]
            routes.append(Route(f"{base}/{path}", guarded(endpoint), methods=[method]))
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
