"""Events as they come: one stream after the other, as if it had never broken."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from service.cli.client import Api
from service.cli.failures import Refused, Unreachable
from storage.records import JSON

RETRY: Final = 1.0  # seconds between two tries, as the service advises


def follow_events(
    api: Api,
    *,
    after: int,
    on_break: Callable[[str], None] = lambda _: None,
    retry: float = RETRY,
    **filters: Any,
) -> Iterator[JSON]:
    """Give every Event after a `seq`, for ever. A stream that breaks is opened again after the last one seen.

    `on_break` hears of it, once for each time that it breaks. Raises Unreachable when the first stream cannot be
    opened, and Refused.
    """
    begun = open_now = False
    while True:
        try:
            with api.open_stream(after=after, **filters) as chunks:
                begun = open_now = True
                for event in read_events(chunks):
                    after = event["seq"]
                    yield event
            reason = f"{api.url} ended the stream."
        except (Unreachable, Refused) as error:
            # A service that is about to start or to stop may answer 5xx through whatever stands before it.
            if not begun or (isinstance(error, Refused) and error.status < 500):
                raise
            reason = error.message
        if open_now:
            open_now = False
            on_break(reason)
        time.sleep(retry)


def read_events(chunks: Iterable[bytes]) -> Iterator[JSON]:
    """Give the Events in the bytes of a stream; comments and farewells are left out.

    Lines are split at line feeds alone: a prompt may hold the other separators that Unicode knows.
    """
    rest = b""
    for chunk in chunks:
        *frames, rest = (rest + chunk).split(b"\n\n")
        for frame in frames:
            data = b"\n".join(
                line.removeprefix(b"data:").removeprefix(b" ")
                for line in frame.split(b"\n")
                if line.startswith(b"data:")
            )
            event = msgspec.json.decode(data) if data else {}
            if "seq" in event:
                yield event
