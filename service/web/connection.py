"""One connection to a caller, bounded: how long a request and its answer may take, and how long its head may be.

uvicorn waits without end for the rest of a request, and for a caller to read what is answered, and its parser takes a
head of any size. Here a request that does not arrive whole is refused, and its connection ends, as does that of a
caller who reads no more.
"""

import asyncio
import re
from typing import Any, Final, Literal

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.web.problems import make_problem

MAX_HEAD: Final = 64 * 1024  # bytes of a request's line and headers
MAX_OWED: Final = 64  # requests that may wait for the answers to those before them; uvicorn takes any number
PATIENCE: Final = 10.0  # seconds for a head to arrive, and as many again for its body
READS_WITHIN: Final = 30.0  # seconds; a caller who reads nothing for so long, while more is to be said, is dropped
SLOWEST: Final = 100_000.0  # bytes per second of a body that takes longer than that, such as a picture's

# Strictly no method of HTTP's; but KuaiWenWen's guide prints `curl --request post`, and people copy that.
_SMALL_METHOD: Final = re.compile(rb"(?:get|post) ")
_CLOSE: Final = {"Connection": "close"}
NOT_HTTP: Final = make_problem(400, "This is not HTTP/1.1.", _CLOSE)
TOO_LATE: Final = make_problem(408, "The rest of the request did not arrive in time.", _CLOSE)
TOO_LONG: Final = make_problem(431, f"The head of a request may have {MAX_HEAD} bytes.", _CLOSE)
STOPPING: Final = make_problem(503, "The service is about to stop.", _CLOSE | {"Retry-After": "1"})


class TooMany(Exception):
    """A caller asks on and on without waiting for answers."""


class Connection(HttpToolsProtocol):
    """What `uvicorn.Config(http=Connection)` makes of each accepted socket.

    400, 408, 431 and 503 are answered here, as problems, and close the connection; where an earlier request of the same
    connection is still being answered, it is closed without a word.
    """

    patience = PATIENCE
    slowest = SLOWEST
    reads_within = READS_WITHIN

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._arriving: Literal["nothing", "head", "body"] = "nothing"
        self._loose = 0  # bytes read since the parser last made something of them
        self._taken = 0  # bytes of the body since it was last looked at how fast it comes
        self._deadline: asyncio.TimerHandle | None = None  # most requests arrive whole, and are never waited for
        self._stuck: asyncio.TimerHandle | None = None  # while more waits to be read by the caller than should
        self._stopping = False

    # --- what the socket says

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        if self._arriving == "nothing" and (method := _SMALL_METHOD.match(data)):
            data = method[0].upper() + data[method.end() :]
        self._loose += len(data)
        super().data_received(data)
        if self._loose > MAX_HEAD:  # a head, or the trailers of a body, without an end in sight
            self._refuse(TOO_LONG)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; for a handler that still reads, the caller has hung up."""
        self._enter("nothing")
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The caller is behind with reading."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """The caller has caught up."""
        self._stop_waiting_for_reader()
        super().resume_writing()

    # --- what the parser makes of it

    def on_message_begin(self) -> None:
        """A head begins."""
        self._enter("head")
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if len(self.pipeline) >= MAX_OWED:
            raise TooMany  # which ends the parsing, and so the connection
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD:
            # Answered in its turn: a response is an ASGI application, too. Its address may be too long to be parsed.
            self.app, self.url = TOO_LONG, b"/"
        super().on_headers_complete()
        self._enter("body")

    def on_body(self, body: bytes) -> None:
        """A piece of the body came."""
        self._loose = 0
        self._taken += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is here."""
        self._enter("nothing")
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 — uvicorn's signature
        """Called where the parser gives up."""
        self._refuse(NOT_HTTP)

    # --- what the server does

    def on_response_complete(self) -> None:
        """An answer is out, and the next request's turn comes."""
        super().on_response_complete()
        if self._arriving != "nothing":
            self._watch()

    def shutdown(self) -> None:
        """The service stops: what is whole is answered, what is still arriving is given up at once."""
        super().shutdown()
        self._stopping = True
        if self._arriving == "body":
            self._enter("body")
            self._watch()

    # --- patience

    def _enter(self, part: Literal["nothing", "head", "body"]) -> None:
        """The part before is whole, and with it the wait for it over."""
        self._arriving, self._loose, self._taken = part, 0, 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _watch(self) -> None:
        """Begin to wait for the caller, unless all has arrived, or it is the caller who waits for us."""
        if self._deadline is None and not self._is_owing():
            self._deadline = self.loop.call_later(0 if self._stopping else self.patience, self._expire)

    def _is_owing(self) -> bool:
        """Whether an answer is due before what is arriving counts; reading may be held back until then."""
        if self._arriving == "body":
            return bool(self.pipeline)
        return self.cycle is not None and not self.cycle.response_complete

    def _expire(self) -> None:
        bought, self._taken = self._taken / self.slowest, 0  # seconds
        if bought and not self._stopping:
            self._deadline = self.loop.call_later(bought, self._expire)
            return
        self._deadline = None
        if self._arriving == "nothing":
            self.transport.close()  # nobody asked anything
        else:
            self._refuse(STOPPING if self._stopping else TOO_LATE)

    def _wait_for_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._stuck = self.loop.call_later(self.reads_within, self._expect_read, unread)

    def _expect_read(self, unread: int) -> None:
        """Go on waiting while the caller reads, however slowly."""
        if self.transport.get_write_buffer_size() < unread:
            self._wait_for_reader()
        else:
            self.transport.abort()  # a mere close would wait for the caller to read the rest

    def _stop_waiting_for_reader(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _refuse(self, problem: Response) -> None:
        """End the connection, with a word where one is expected."""
        begun = self._arriving == "body" and self.cycle.response_started
        if not (begun or self._is_owing()):
            headers = (*self.server_state.default_headers, *problem.raw_headers)
            lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
            self.transport.write(STATUS_LINE[problem.status_code] + lines + b"\r\n" + bytes(problem.body))
        self.transport.close()
