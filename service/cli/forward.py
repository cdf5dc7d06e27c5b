"""Events posted to a program on this machine, signed and written as the service sends them to its subscribers."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from hooks.clients import callback_client
from hooks.envelope import TASK_TIMES, suits, write_letter
from hooks.sender import DEADLINE, Answer, send
from hooks.signature import sign
from storage.records import JSON, Event
from storage.records_of_deliveries import Format

FIRST_PAUSE: Final = 1.0  # seconds before an event is sent again; doubled each time
LONGEST_PAUSE: Final = 15.0


class Forwarder:
    """Posts events to one URL, each until it is taken. A context manager, which closes the connection.

    The URL is the user's own, typed just now, and so it is called whatever address it has. `secrets` stand newest
    first; `source` is what CloudEvents come from.
    """

    def __init__(self, url: str, form: Format, *, secrets: Sequence[str], source: str) -> None:
        self._url = url
        self._form = form
        self._secrets = secrets
        self._source = source
        self._runner = asyncio.Runner()
        self._http = callback_client(concurrency=1, timeout=DEADLINE)

    def __enter__(self) -> "Forwarder":
        return self

    def __exit__(self, *_: object) -> None:
        with self._runner:
            self._runner.run(self._http.aclose())

    def suits(self, shown: JSON) -> bool:
        """Whether an Event, as `/v1` shows it, can be told in this format; what cannot is never sent to anybody."""
        return suits(self._form, shown["type"], has_task=shown["task"] is not None)

    def forward(self, shown: JSON, *, on_failure: Callable[[Answer, float], None]) -> Answer:
        """Post an Event until it is answered 2xx; `on_failure` hears of each other answer, and of the pause in s."""
        letter = write_letter(read_event(shown), self._form, source=self._source)
        pause = FIRST_PAUSE
        while True:
            headers = {"User-Agent": "Ringback"} | letter.headers
            headers |= sign(self._secrets, letter.id, int(time.time()), letter.body)
            answer = self._runner.run(send(self._http, self._url, headers, letter.body))
            if answer.error is None:
                return answer
            wait = max(pause, min(answer.retry_after or 0.0, LONGEST_PAUSE))
            on_failure(answer, wait)
            time.sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE)


def read_event(shown: JSON) -> Event:
    """Give the Event that `hooks.envelope.show_event` shows so. Raises msgspec.ValidationError."""
    task = shown["task"]
    times: dict[str, Any] = {} if task is None else {name: _read_time(task.get(name)) for name in TASK_TIMES}
    return msgspec.convert(
        shown | {"time": _read_time(shown["time"]), "task": None if task is None else task | times}, Event
    )


def _read_time(text: str | None) -> int | None:
    """Milliseconds since the epoch."""
    return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)
