"""Events as they come: one stream after the other, as if it had never broken."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from service.cli.client import Api
from service.cli.failures import Refused, Unreachable
from service.cli.gaps import warn_of_gap
from storage.records import JSON

RETRY: Final = 1.0  # seconds between two tries, as the service advises
GAP: Final = "gap"


class Frame(NamedTuple):
    """What a stream says."""

    name: str  # the type of an Event; or `gap`, `goodbye`
    data: JSON


def follow_events(
    api: Api,
    *,
    after: int | None,
    on_break: Callable[[str], None] = lambda _: None,
    on_gap: Callable[[JSON], None] = warn_of_gap,
    retry: float = RETRY,
    **filters: Any,
) -> Iterator[JSON]:
    """Give every Event after a `seq`, or from the oldest, for ever. A broken stream is opened again after the last.

    `on_break` hears of it, once for each time that it breaks; `on_gap` of what was asked for and is not there any
    more. Raises Unreachable when the first stream cannot be opened, and Refused.
    """
    begun = open_now = False
    while True:
        try:
            with api.open_stream(after=after, **filters) as chunks:
                begun = open_now = True
                for frame in read_frames(chunks):
                    if frame.name == GAP:
                        after = frame.data["next"]
                        on_gap(frame.data)
                    elif "seq" in frame.data:
                        after = frame.data["seq"]
                        yield frame.data
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


def read_frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """Give what the bytes of a stream say; comments are left out, and half a frame is none.

    Lines are split at line feeds alone: a prompt may hold the other separators that Unicode knows.
    """
    rest = b""
    for chunk in chunks:
        *frames, rest = (rest + chunk).split(b"\n\n")
        for frame in frames:
            fields = dict(line.partition(b": ")[::2] for line in frame.split(b"\n"))
            if b"data" in fields:
                yield Frame(fields[b"event"].decode(), msgspec.json.decode(fields[b"data"]))
