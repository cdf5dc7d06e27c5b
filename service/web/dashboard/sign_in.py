"""Signing in with an API key, and out; and the language that pages speak."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from service.web.dashboard.door import Door, Visit, is_from_here, is_secure, log, read_form
from service.web.dashboard.rendering import answer_page
from service.web.dashboard.texts import COOKIE, LANGUAGES

A_YEAR = 365 * 24 * 3600  # seconds


class SignInPages:
    """The only pages that a stranger sees."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("/sign-in", self.show, methods=["GET"]),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            Route("/language", self.choose_language, methods=["POST"]),
            self._door.action("/sign-out", self.sign_out),
        ]

    async def show(self, request: Request) -> Response:
        """`GET /sign-in`."""
        onward = _find_onward(request.query_params.get("next", ""))
        if await self._door.sessions.read(request) is not None:
            return RedirectResponse(onward, 303)
        return answer_page(request, "sign_in.html", onward=onward, mistake=None)

    async def sign_in(self, request: Request) -> Response:
        """`POST /sign-in`: an API key is changed for a cookie."""
        self._require_own_page(request)
        form = await read_form(request)
        onward = _find_onward(str(form.get("next", "")))
        session = self._door.sessions.begin(str(form.get("key", "")).strip())
        if session is None:
            log.warning("sign-in refused")
            mistake = "That API key is not known here."
            return answer_page(request, "sign_in.html", status=403, onward=onward, mistake=mistake)
        log.info("signed in", by=session.client)
        response = RedirectResponse(onward, 303)
        self._door.sessions.give(response, session, secure=is_secure(request, self._door.desk.public_url))
        return response

    async def sign_out(self, visit: Visit) -> Response:
        """`POST /sign-out`: the cookie opens nothing any more."""
        await self._door.sessions.end(visit.session)
        response = RedirectResponse("/sign-in", 303)
        self._door.sessions.take_back(response)
        return response

    async def choose_language(self, request: Request) -> Response:
        """`POST /language`: a preference of this browser, and nothing else."""
        self._require_own_page(request)
        form = await read_form(request)
        if (language := form.get("language")) not in LANGUAGES:
            raise HTTPException(422, "There is no such language here.")
        response = RedirectResponse(_find_onward(str(form.get("next", ""))), 303)
        response.set_cookie(COOKIE, str(language), max_age=A_YEAR, httponly=True, samesite="lax")
        return response

    def _require_own_page(self, request: Request) -> None:
        if not is_from_here(request, self._door.desk.public_url):
            raise HTTPException(403, "This form was sent from another site.")


def _find_onward(path: str) -> str:
    """Where to go then: a page of ours, whatever the query said."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_ours else "/"
