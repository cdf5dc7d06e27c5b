"""The dashboard's own door: who is signed in sees pages, everybody else the sign-in; nothing is changed without a form
token of the session, and no page loads or frames anything from elsewhere.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.datastructures import FormData, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.web.dashboard.inside import Inside, Refused
from service.web.dashboard.rendering import HERE, answer_page
from service.web.dashboard.sessions import Session, Sessions
from service.web.desk import Desk
from storage.errors import LedgerError

LARGEST_FORM: Final = 64 * 1024 * 1024  # bytes, pictures included
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " media-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

log = structlog.get_logger("ringback.dashboard")


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One request of somebody who is signed in."""

    request: Request
    session: Session
    form_token: str
    form: FormData  # of a POST; empty else
    inside: Inside

    async def get(self, path: str, **query: Any) -> Any:
        """The object at a path of `/v1`. Raises Refused, which becomes a page."""
        return await self.inside.get(self.session.client, path, **query)

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page, or a part of one."""
        return answer_page(self.request, template, status=status, visit=self, form_token=self.form_token, **values)

    @property
    def is_partial(self) -> bool:
        """Whether a script asks for a part of the page that it shows."""
        return self.request.headers.get("hx-request") == "true"


Handler = Callable[[Visit], Awaitable[Response]]
NO_FORM: Final = FormData()


class Door:
    """Makes routes that only a session opens."""

    def __init__(self, desk: Desk, inside: Inside, sessions: Sessions) -> None:
        self.desk = desk
        self.inside = inside
        self.sessions = sessions

    def page(self, path: str, handler: Handler) -> Route:
        """A page that changes nothing."""
        return Route(path, self._guard(handler), methods=["GET"])

    def action(self, path: str, handler: Handler) -> Route:
        """What a form does."""
        return Route(path, self._guard(handler), methods=["POST"])

    def _guard(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            session = await self.sessions.read(request)
            if session is None:
                return _send_to_sign_in(request)
            form = NO_FORM
            if request.method == "POST":
                if not is_from_here(request, self.desk.public_url):
                    raise HTTPException(403, "This form was sent from another site.")
                form = await read_form(request)
                token = request.headers.get("x-csrf-token") or str(form.get("_csrf", ""))
                if not self.sessions.is_form_token(session, token):
                    raise HTTPException(403, "This form is too old, or not of this page: load the page again.")
            visit = Visit(
                request=request,
                session=session,
                form_token=self.sessions.make_form_token(session),
                form=form,
                inside=self.inside,
            )
            response = await handler(visit)
            if request.method == "POST":
                log.info("changed", by=session.client, path=request.url.path, status=response.status_code)
            return response

        return answer


async def read_form(request: Request) -> FormData:
    """The fields of a form, and its files. Raises HTTPException."""
    declared = request.headers.get("content-length", "")
    if not declared.isdigit() or int(declared) > LARGEST_FORM:
        raise HTTPException(413 if declared else 411, f"A form may have {LARGEST_FORM // 1024**2} MiB.")
    return await request.form(max_files=8, max_fields=200, max_part_size=1024 * 1024)


def is_from_here(request: Request, public_url: str | None) -> bool:
    """Whether a browser says that one of our own pages sends this; who is no browser says nothing."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    hosts = {request.headers.get("host"), None if public_url is None else urlsplit(public_url).netloc}
    return urlsplit(origin).netloc in hosts


def is_secure(request: Request, public_url: str | None) -> bool:
    """Whether the browser speaks https, to us or to a proxy before us."""
    if request.url.scheme == "https":
        return True
    return public_url is not None and public_url == f"https://{request.headers.get('host')}"


def _send_to_sign_in(request: Request) -> Response:
    if request.method != "GET":
        raise HTTPException(403, "You are signed out: sign in again, then do it once more.")
    if request.headers.get("hx-request") == "true":  # a redirect would put the sign-in into a part of the page
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/sign-in" if here == "/" else f"/sign-in?next={quote(here, safe='')}", 303)


async def _explain(request: Request, error: Exception) -> Response:
    """A page that says what went wrong, for a person."""
    headers: dict[str, str] = {}
    match error:
        case HTTPException():
            status, detail = error.status_code, error.detail
            headers = dict(error.headers or {})
            if status == 404:
                detail = "There is nothing at this address."
        case Refused():
            status, detail = error.answer.status, "; ".join(error.answer.mistakes)
        case LedgerError():
            status, detail = 503, str(error)
        case ClientDisconnect():
            return Response(status_code=400)  # nobody reads it
        case _:
            log.error("request failed", error=type(error).__name__, exc_info=error)
            status, detail = 500, "This is a fault of the service; its log says more."
    page = answer_page(request, "error.html", status=status, detail=detail, code=status)
    page.headers.update(headers)
    return page


def create_dashboard(routes: list[BaseRoute]) -> ASGIApp:
    """The dashboard's application."""
    static = Mount("/static", StaticFiles(directory=HERE / "static"), name="static")

    return _Shield(Starlette(routes=[static, *routes]))


class _Shield:
    """Puts the headers on every answer that has none of its own, and lets no error become a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_shielded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if "/static/" not in scope["path"]:
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, send_shielded)
        except Exception as error:
            if begun:
                raise
            await (await _explain(Request(scope, receive), error))(scope, receive, send_shielded)
