"""What can happen to any request on its way back: no answer, half of one, garbage, a connection that is forsaken."""

from collections.abc import Awaitable, Callable
from itertools import count

from starlette.requests import Request
from starlette.responses import Response

from service.simulator.books import Books
from service.simulator.exchange import BrokenResponse, ForsakenResponse, until_gone
from service.simulator.vices import Vices

Endpoint = Callable[[Request], Awaitable[Response]]
# Status, media type, body; None stands for the first half of the true answer.
GARBAGE: tuple[tuple[int, str, bytes | None], ...] = (
    (200, "application/json", None),
    (200, "application/json", b""),
    (200, "application/json", b"null"),
    (200, "application/json", b"[1,2"),
    (200, "application/json", b'{"code":1e999,"result":{"id":[]},"description":7}'),
    (200, "text/plain", b"\xff\xfe\x00ok"),
    (200, "text/html", b"<!doctype html><title>Just a moment...</title>"),
    (502, "text/html", b"<html><head><title>502 Bad Gateway</title></head></html>"),
    (504, "text/html", b"<html><head><title>504 Gateway Time-out</title></head></html>"),
)


class Mishaps:
    """Lets the endpoints do their work, and spoils their answers as the vices will."""

    def __init__(self, *, vices: Vices, books: Books) -> None:
        self._vices = vices
        self._books = books
        self._ordinals = count(1)

    def befall(self, endpoint: Endpoint) -> Endpoint:
        """The same endpoint, whose answers may be spoiled."""

        async def befallen(request: Request) -> Response:
            ordinal = next(self._ordinals)
            return await self._spoil(request, await endpoint(request), ordinal)

        return befallen

    async def _spoil(self, request: Request, answer: Response, ordinal: int) -> Response:
        if self._vices.happens("hang", ordinal):
            self._books.count("spoiled")
            return await until_gone(request)
        if self._vices.happens("cut", ordinal):
            self._books.count("spoiled")
            return BrokenResponse(answer.body, status_code=answer.status_code)
        if self._vices.happens("garbage", ordinal):
            self._books.count("spoiled")
            status, kind, body = self._vices.choose("garbage", ordinal, GARBAGE)
            return Response(_half(answer) if body is None else body, status_code=status, media_type=kind)
        if isinstance(answer, BrokenResponse):
            return answer
        seconds = self._vices.number("close_idle")
        return ForsakenResponse(answer, seconds=seconds) if seconds else answer


def _half(answer: Response) -> bytes:
    return bytes(answer.body[: len(answer.body) // 2])
