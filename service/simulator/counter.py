"""Where things are asked for that make no task: uploads, cancelling, seeds."""

import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.simulator.answers import Answer, Refusal, envelope
from service.simulator.books import Books
from service.simulator.dialect import Dialect
from service.simulator.exchange import read_body, rendered
from service.simulator.roots import Roots
from service.simulator.studio import Studio


class Counter:
    """Answers at once, and for good."""

    def __init__(self, *, dialect: Dialect, books: Books, studio: Studio, roots: Roots) -> None:
        self._dialect = dialect
        self._books = books
        self._studio = studio
        self._roots = roots

    async def upload(self, request: Request) -> Response:
        """POST /mj/submit/upload-discord-images: the addresses of the pictures, in their order."""
        body = await read_body(request)
        count = self._dialect.refuse(Refusal.NOT_JSON) if body is None else self._roots.read_uploads(body)
        if isinstance(count, Answer):
            self._books.count("refused")
            return rendered(count)
        self._books.count("uploads", count)
        base = str(request.base_url).rstrip("/")
        urls = [f"{base}/uploads/{uuid.uuid4()}.png" for _ in range(count)]
        return JSONResponse(envelope(1, "提交成功", result=urls))

    async def cancel(self, request: Request) -> Response:
        """POST /mj/task/{id}/cancel."""
        rules, task = self._dialect.cancelling, self._studio.find(request.path_params["id"])
        if task is None:
            return rendered(rules.unknown)
        if self._studio.cancel(task, status=rules.status, reason=rules.reason, tells_waiting=rules.tells_waiting):
            self._books.count("cancelled")
        return rendered(rules.answer.detailed(task.id))

    async def seed(self, request: Request) -> Response:
        """GET /mj/task/{id}/image-seed: the number that makes the same picture again."""
        task = self._studio.find(request.path_params["id"])
        if task is None:
            return rendered(self._dialect.refuse(Refusal.SEED_UNKNOWN))
        if task.now.status != "SUCCESS":
            return rendered(self._dialect.refuse(Refusal.NO_SEED))
        return JSONResponse(envelope(1, "成功", result=str(int(task.image_hash[:8], 16))))
