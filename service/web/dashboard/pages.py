"""Every page, a room each: what it shows comes from `/v1`, and what its forms do goes there."""

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.web.dashboard.door import Door, Visit
from service.web.dashboard.sign_in import SignInPages


class GalleryPage:
    """The newest tasks."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def routes(self) -> list[Route]:
        """Every route."""
        return [self._door.page("/", self.show)]

    async def show(self, visit: Visit) -> Response:
        """`GET /`."""
        page = await visit.get("/v1/tasks", limit=50)
        return visit.page("gallery.html", tasks=page["tasks"])


def list_pages(door: Door) -> list[BaseRoute]:
    """Every route of the dashboard."""
    rooms = (SignInPages(door), GalleryPage(door))
    routes: list[BaseRoute] = [route for room in rooms for route in room.routes()]
    return [*routes, door.page("/{rest:path}", _show_nothing)]


async def _show_nothing(_visit: Visit) -> Response:
    raise HTTPException(404)
