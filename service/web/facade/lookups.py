"""`/mj/task/…` and `/mj/image/…`: what is asked about tasks, answered from the ledger."""

import math
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hooks.rows import show_row
from hooks.scalars import text_of, whole_of
from service.web.desk import Desk
from service.web.facade.answers import INVALID, Refusal, answer
from service.web.facade.bodies import read_fields
from service.web.facade.finder import Finder
from service.web.problems import Problem
from storage.directory import SEARCHED, find_named, list_queue, read_page
from storage.records import JSON, Task
from storage.tasks import list_tasks

NEWEST: Final = 100  # tasks in `/task/list`, as trueai-org's proxy has it
MOST_IDS: Final = 1000  # in one list
MOST_QUEUED: Final = 1000  # tasks in `/task/queue`
PAGE: Final = 20  # tasks on a page of `/task/query` where none is asked for, as Spring has it
LARGEST_PAGE: Final = 1000
LAST_ROW: Final = 2**53  # that a page may begin with

UNKNOWN: Final = "task_no_found"


class LookupCalls:
    """The calls that only look."""

    def __init__(self, desk: Desk, finder: Finder) -> None:
        self._desk = desk
        self._finder = finder

    async def fetch(self, request: Request) -> Response:
        """`GET /task/{id}/fetch`."""
        name = request.path_params["id"]
        return answer(self._show(await self.find(name), name))

    async def list_named(self, request: Request) -> Response:
        """`POST /task/list-by-condition` and `/task/list-by-ids`: what nobody knows is left out without a word.

        Clients read an array from every 200, so all that is none of them has another status.
        """
        names = _list_texts((await read_fields(request)).get("ids"))
        if len(names) > MOST_IDS:
            raise Refusal("ids参数错误", INVALID, 400)
        found = await self._finder.find(names)
        return answer([self._show(found[name], name) for name in names if name in found])

    async def list_newest(self, _request: Request) -> Response:
        """`GET /task/list`: the latest, newest first."""
        return answer([self._show(task) for task in await self._desk.store.search(list_tasks, limit=NEWEST)])

    async def list_queue(self, _request: Request) -> Response:
        """`GET /task/queue`: what waits or is worked on, oldest first."""
        return answer([self._show(task) for task in await self._desk.store.search(list_queue, limit=MOST_QUEUED)])

    async def query(self, request: Request) -> Response:
        """`POST /task/query`: a page in the envelope of Spring's pages, as midjourney-proxy-plus gives it."""
        wanted = await read_fields(request)
        size = min(whole_of(wanted.get("pageSize")) or PAGE, LARGEST_PAGE)
        number = whole_of(wanted.get("pageNumber")) or 0
        if size < 1 or not 0 <= number * size < LAST_ROW:
            raise Refusal("pageNumber或pageSize参数错误")
        page = await self._desk.store.search(
            read_page,
            ids=await self._read_ids(wanted),
            status=_list_texts(wanted.get("statusSet")) or _list_texts([wanted.get("status")]),
            action=text_of(wanted.get("action")),
            state=text_of(wanted.get("state")),
            texts={name: text for name in SEARCHED if (text := text_of(wanted.get(name)))},
            newest_first=not str(wanted.get("sort") or "").lower().endswith("asc"),
            offset=number * size,
            limit=size,
        )
        pages = math.ceil(page.total / size)
        return answer(
            {
                "content": [self._show(task) for task in page.tasks],
                "number": number,
                "size": size,
                "numberOfElements": len(page.tasks),
                "totalElements": page.total,
                "totalPages": pages,
                "first": number == 0,
                "last": number >= pages - 1,
                "empty": not page.tasks,
            }
        )

    async def picture(self, request: Request) -> Response:
        """`GET /image/{id}`: leads to the gateway's own picture."""
        task = await self.find(request.path_params["id"])
        url = task.image_url or ""
        if not url.startswith(("http://", "https://")):
            raise Problem(404, "图片不存在 (there is no picture yet)")
        # It is another one while the task is at work.
        return RedirectResponse(url, 302, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})

    async def find(self, name: str) -> Task:
        """The task of that name. Raises Refusal with new-api's words, for novicezk's empty 200 is no JSON to read."""
        found = await self._finder.find((name,))
        if name not in found:
            raise Refusal(UNKNOWN, INVALID, 400)
        return found[name]

    def _show(self, task: Task, name: str | None = None) -> JSON:
        return show_row(task, task_id=name, picture_url=self._desk.links.make(task))

    async def _read_ids(self, wanted: JSON) -> list[str] | None:
        """Our ids of the tasks that `id` and `ids` name; None where they name none."""
        names = _list_texts([wanted.get("id")]) or _list_texts(wanted.get("ids"))
        if len(names) > MOST_IDS:
            raise Refusal("ids参数错误")
        if not names:
            return None
        found = await self._desk.store.read(find_named, names, self._desk.gateways)
        return [task.id for task in found.values()]


def _list_texts(value: object) -> list[str]:
    return [text for each in value if (text := text_of(each))] if isinstance(value, list) else []
