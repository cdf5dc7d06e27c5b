"""Where tasks are asked after: fetch, lists, pictures."""

import math

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.simulator.answers import JSON, Refusal
from service.simulator.books import Books
from service.simulator.dialect import Dialect
from service.simulator.exchange import read_body, rendered
from service.simulator.fields import listed, number, text
from service.simulator.pictures import VIDEO, draw
from service.simulator.studio import Studio
from service.simulator.tasks import Task
from service.simulator.vices import Vices
from service.simulator.views import row_body

NEWEST = 100  # tasks in GET /mj/task/list
PAGE_SIZE = 20  # tasks on a page of /mj/task/query where none is asked for
LARGEST_PAGE = 1000
_FILTERS = ("id", "action", "status", "state", "prompt")


class Lookups:
    """Answers from the gateway's own rows, which may lag behind its callbacks."""

    def __init__(self, *, dialect: Dialect, vices: Vices, books: Books, studio: Studio) -> None:
        self._dialect = dialect
        self._vices = vices
        self._books = books
        self._studio = studio

    async def fetch(self, request: Request) -> Response:
        """GET /mj/task/{id}/fetch."""
        self._books.count("fetches")
        task = self._studio.find(request.path_params["id"])
        if task is None:
            return rendered(self._dialect.refuse(Refusal.TASK_UNKNOWN))
        return JSONResponse(self._row(task))

    async def list_by_condition(self, request: Request) -> Response:
        """POST /mj/task/list-by-condition: unknown ids are left out without a word."""
        self._books.count("lists")
        return JSONResponse(await self._listed(request))

    async def list_by_ids(self, request: Request) -> Response:
        """POST /mj/task/list-by-ids: the same, in some gateways with more in each row."""
        self._books.count("lists")
        extra: JSON = {"displays": {}} if self._dialect.displays else {}
        return JSONResponse([{**row, **extra} for row in await self._listed(request)])

    async def queue(self, _: Request) -> Response:
        """GET /mj/task/queue: what is waited for or worked on, oldest first."""
        self._books.count("lists")
        return JSONResponse([self._row(task) for task in self._studio.queue()])

    async def list_newest(self, _: Request) -> Response:
        """GET /mj/task/list, newest first."""
        self._books.count("lists")
        return JSONResponse([self._row(task) for task in self._studio.all()[:NEWEST]])

    async def query(self, request: Request) -> Response:
        """POST /mj/task/query: a page of tasks, newest first, in the envelope of Spring's pages."""
        self._books.count("lists")
        body = await read_body(request) or {}
        size = min(number(body, "pageSize") or PAGE_SIZE, LARGEST_PAGE)
        page = number(body, "pageNumber") or 0
        found = [row for row in map(self._row, self._studio.all()) if _matches(row, body)]
        return JSONResponse(
            {
                "content": found[page * size : (page + 1) * size],
                "number": page,
                "size": size,
                "totalElements": len(found),
                "totalPages": math.ceil(len(found) / size),
            }
        )

    async def picture(self, request: Request) -> Response:
        """The picture of a task, finished or not; needs no key, as with the real ones."""
        task = self._studio.find(request.path_params["id"])
        if task is None or task.now.image is None:
            return Response(status_code=404)
        if request.path_params.get("name", "").endswith(".mp4"):
            return Response(VIDEO, media_type="video/mp4")
        return Response(draw(task.ask.picture, task.ask.quadrant), media_type="image/png")

    async def upload(self, request: Request) -> Response:
        """A picture that somebody uploaded; nothing of it is kept but its name."""
        return Response(draw(request.path_params["name"]), media_type="image/png")

    async def status(self, _: Request) -> Response:
        """GET /api/status of new-api; needs no key."""
        notifies = self._vices.number("strip_hook") == 0
        return JSONResponse({"success": True, "message": "", "data": {"mj_notify_enabled": notifies}})

    async def _listed(self, request: Request) -> list[JSON]:
        found = map(self._studio.find, listed(await read_body(request) or {}, "ids"))
        return [self._row(task) for task in found if task is not None]

    def _row(self, task: Task) -> JSON:
        echo_hook = self._vices.number("echo_hook") > 0
        return row_body(task, self._studio.seen(task), self._dialect, echo_hook=echo_hook)


def _matches(row: JSON, condition: JSON) -> bool:
    """Whether a row is what a query asks for; conditions that are empty or missing ask for nothing."""
    for name, among in (("id", "ids"), ("status", "statusSet")):
        wanted = condition.get(among)
        if isinstance(wanted, list) and wanted and row[name] not in wanted:
            return False
    return all(not text(condition, name) or row[name] == text(condition, name) for name in _FILTERS)
