"""The service as the command line sees it: `/v1` over HTTP, every failure one clear line."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click
import httpx
import msgspec

from hooks.clients import api_client
from service.cli.failures import Misused, Refused, Unreachable
from service.cli.gaps import warn_of_gap
from service.cli.screen import plain
from service.keys import find_api_key
from service.settings import load_settings
from service.written.mistakes import MistakesFound
from storage.records import JSON

ANSWER_TIMEOUT: Final = 30.0  # seconds for an answer, beside what it was asked to wait for
POST_TIMEOUT: Final = 90.0  # the same for a POST: pictures may have to be fetched, or a gateway asked
STREAM_TIMEOUT: Final = 40.0  # seconds; the service says something every 15
PATIENCE: Final = 30.0  # seconds for which a wait outlives a service that is away
PAUSE: Final = 0.5  # seconds between two tries
POSTS: Final = 4  # tries of one POST under the same Idempotency-Key
PAGE: Final = 100  # entries in one page
LONGEST_WAIT: Final = 25.0  # seconds; the service allows 60


class Api:
    """One service. Its verbs raise Unreachable and Refused, whose messages can be shown to a person."""

    def __init__(self, url: str, key: str | None) -> None:
        self.url = url
        self._has_key = key is not None
        self._http = api_client(url, key)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def get(self, path: str, *, patience: float = 0.0, timeout: float = ANSWER_TIMEOUT, **query: Any) -> JSON:
        """Give the answer to a GET; options that are None are left out. `patience`: seconds to keep trying."""
        given_up = time.monotonic() + patience
        while True:
            try:
                return self._read(self._send("GET", path, params=_wanted(query), timeout=timeout))
            except Unreachable:
                if time.monotonic() + PAUSE >= given_up:
                    raise
                time.sleep(PAUSE)

    def post(self, path: str, body: Mapping[str, Any], *, key: str | None = None) -> JSON:
        """Give the answer to a POST. Under an Idempotency-Key a broken connection is tried again."""
        return self._read(self._post(path, body, key))

    def delete(self, path: str) -> None:
        """Make a DELETE."""
        self._send("DELETE", path)

    def create(self, path: str, body: Mapping[str, Any], *, key: str) -> tuple[JSON, bool]:
        """Create as `post` does; gives the Task, and whether it is new."""
        response = self._post(path, body, key)
        return self._read(response), response.status_code == HTTPStatus.ACCEPTED

    def _post(self, path: str, body: Mapping[str, Any], key: str | None) -> httpx.Response:
        content = msgspec.json.encode(_wanted(body))
        headers = {"Content-Type": "application/json"} | ({} if key is None else {"Idempotency-Key": key})
        for _ in range(POSTS - 1 if key else 0):
            try:
                return self._send("POST", path, content=content, headers=headers, timeout=POST_TIMEOUT)
            except Unreachable as error:
                if isinstance(error.__cause__, httpx.ConnectError):
                    raise
                time.sleep(PAUSE)
        return self._send("POST", path, content=content, headers=headers, timeout=POST_TIMEOUT)

    def read_task(self, task_id: str) -> JSON:
        """Give one Task."""
        return self.get(task_path(task_id))

    def read_chain(self, task_id: str, *, patience: float = 0.0) -> list[JSON]:
        """Give every Task of a chain, the root first."""
        answer = self.get(task_path(task_id, "chain"), patience=patience)
        return list(answer["tasks"])

    def list_submissions(self, task_id: str, *, patience: float = 0.0) -> list[JSON]:
        """Give every paid POST of a task, oldest first."""
        return list(self.get(task_path(task_id, "submissions"), patience=patience)["submissions"])

    def list_firings(self, task_id: str) -> list[JSON]:
        """Give every Firing about a task, oldest first."""
        return list(self.get(task_path(task_id, "firings"))["firings"])

    def list_pauses(self, *, patience: float = 0.0) -> list[JSON]:
        """Give everything that stands still."""
        return list(self.get("/v1/pauses", patience=patience)["pauses"])

    def list_tasks(self, *, limit: int, **query: Any) -> Iterator[JSON]:
        """Give up to `limit` Tasks, newest first, page by page."""
        return self.list_all("tasks", limit=limit, **query)

    def list_all(self, noun: str, *, limit: int = sys.maxsize, **query: Any) -> Iterator[JSON]:
        """Give up to `limit` of what a list answers under its noun, page by page."""
        cursor = None
        while limit > 0:
            page = self.get(f"/v1/{noun}", **query, cursor=cursor, limit=min(limit, PAGE))
            yield from page[noun]
            limit, cursor = limit - len(page[noun]), page["next"]
            if cursor is None:
                return

    def list_events(self, *, after: int | None = None, **query: Any) -> Iterator[JSON]:
        """Give every Event after a `seq`, else from the oldest, that there is by now, page by page.

        Where what was asked for is not there any more, stderr says so.
        """
        while True:
            page = self.get("/v1/events", **query, after=after, limit=PAGE)
            if gap := page.get("gap"):
                warn_of_gap(gap)
            yield from page["events"]
            if len(page["events"]) < PAGE:
                return
            after = page["next"]

    def read_latest_seq(self) -> int:
        """Give the `seq` of the newest event: what a page about a task that is none has looked through."""
        return int(self.get("/v1/events", task="none", limit=1)["next"])

    @contextmanager
    def open_stream(self, *, after: int | None, **query: Any) -> Iterator[Iterator[bytes]]:
        """Open `/v1/events` as a stream after a `seq`, else from the oldest event; gives its chunks."""
        timeout = httpx.Timeout(ANSWER_TIMEOUT, read=STREAM_TIMEOUT)
        headers = {"Accept": "text/event-stream", "Last-Event-ID": "earliest" if after is None else str(after)}
        with (
            self._broken_told(),
            self._http.stream("GET", "/v1/events", params=_wanted(query), headers=headers, timeout=timeout) as response,
        ):
            if response.status_code >= 400:
                response.read()
            self._check(response)
            yield response.iter_bytes()

    def _send(self, method: str, path: str, *, timeout: float = ANSWER_TIMEOUT, **request: Any) -> httpx.Response:
        with self._broken_told():
            response = self._http.request(method, path, timeout=timeout, **request)
        self._check(response)
        return response

    def _read(self, response: httpx.Response) -> JSON:
        try:
            answer = msgspec.json.decode(response.content, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise self._stranger(response) from None
        return answer

    @contextmanager
    def _broken_told(self) -> Iterator[None]:
        """Tell a failed connection in one line."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable(f"Cannot reach {self.url}: is `ringback serve` running?") from error
        except httpx.TimeoutException as error:
            raise Unreachable(f"{self.url} did not answer in time.") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise Unreachable(f"The connection to {self.url} broke: is `ringback serve` still running?") from error

    def _check(self, response: httpx.Response) -> None:
        """Raise what an error answer says."""
        if response.is_success:
            return
        if response.status_code == 401:
            refused = "does not accept this API key" if self._has_key else "wants an API key"
            raise Refused(f"{self.url} {refused}: set RINGBACK_API_KEY to one of the service's.", 401)
        if response.headers.get("content-type", "") != "application/problem+json":
            raise self._stranger(response)
        try:
            problem = msgspec.json.decode(response.content, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise self._stranger(response) from None
        detail = problem.get("detail") or problem.get("title") or response.reason_phrase
        errors = problem.get("errors")
        listed = [plain(str(each)) for each in errors] if isinstance(errors, list) else []
        raise Refused(plain(str(detail)), response.status_code, listed)  # it may quote a gateway

    def _stranger(self, response: httpx.Response) -> Refused:
        message = f"{self.url} answered HTTP {response.status_code}, but not as Ringback does: is RINGBACK_URL right?"
        return Refused(message, response.status_code)


def connect(context: click.Context) -> Api:
    """Give the service that the environment and `.env` name, for as long as a verb runs.

    Raises Misused when they cannot be used.
    """
    try:
        settings = load_settings(os.environ, Path.cwd())
        api = Api(settings.url, find_api_key(settings))
    except MistakesFound as error:
        raise Misused(str(error)) from None
    context.call_on_close(api.close)
    return api


def _wanted(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _legible(value) for name, value in values.items() if value not in (None, (), [], {})}


def _legible(value: Any) -> Any:
    """What was typed, whatever the locale: Python hides the bytes that it cannot read in surrogates."""
    if isinstance(value, tuple):
        return tuple(map(_legible, value))
    if isinstance(value, Mapping):
        return _wanted(value)
    return value.encode(errors="surrogateescape").decode(errors="replace") if isinstance(value, str) else value


def task_path(task_id: str, *more: str) -> str:
    """The path of a task, or of something of it, whatever was typed as its id."""
    return noun_path("tasks", task_id, *more)


def noun_path(noun: str, typed: str, *more: str) -> str:
    """The path of one of the nouns of a list, or of something of it, whatever was typed as its id."""
    return "/".join(("/v1", noun, quote(_legible(typed), safe=""), *more))
