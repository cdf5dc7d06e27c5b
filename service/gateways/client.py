"""Speaks the `/mj` protocol to one gateway. Its failures are values: a method here raises nothing."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import httpx
import msgspec

from hooks.errors import NotATask
from hooks.wire import Listed, parse_envelope, parse_listed, parse_tasks
from service.gateways.exchange import Exchange, Heard
from service.gateways.outcomes import LONGEST_ID, Outcome, Refused, Unknown, Unsent, read_outcome
from service.gateways.presets import Gateway
from service.gateways.requests import make_request
from storage.records import JSON, Progress
from storage.submissions import Claim

SUBMIT_DEADLINE: Final = 90.0  # seconds in all; relaying gateways give up on the next hop after 60
FETCH_DEADLINE: Final = 30.0  # seconds in all
LONGEST_ANSWER: Final = 1024 * 1024  # bytes of an answer to a submit
LONGEST_LIST: Final = 16 * 1024 * 1024  # bytes of a list of tasks
BATCH: Final = 100  # ids in one list question
PATIENCE: Final = 3  # tasks that cannot be asked about one by one, before the gateway counts as failing
REMEMBERED: Final = 600.0  # seconds that a gateway is not asked what it had no answer to; a 404 may be a proxy's


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a paid POST."""

    outcome: Outcome
    evidence: JSON  # what is kept of the answer, without secrets


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway tells of tasks that it was asked about."""

    found: Mapping[str, Progress]  # by the id that was asked for
    missing: frozenset[str] = frozenset()  # asked, and the gateway does not know them
    failed: str | None = None  # why the rest is not known


class GatewayClient:
    """One gateway, its key and its ways."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        submit: httpx.AsyncClient,
        fetch: httpx.AsyncClient,
        submit_deadline: float = SUBMIT_DEADLINE,
        fetch_deadline: float = FETCH_DEADLINE,
    ) -> None:
        self._paid = Exchange(gateway, submit, deadline=submit_deadline, longest=LONGEST_ANSWER)
        self._free = Exchange(gateway, fetch, deadline=fetch_deadline, longest=LONGEST_LIST)
        self._unsupported: dict[str, float] = {}  # questions without an answer here, and until when to leave them

    async def submit(self, claim: Claim, hook: str | None) -> Answer:
        """POST a submission once and say what came of it."""
        try:
            path, body = make_request(claim, hook)
            request = self._paid.prepare("POST", path, body)
        except ValueError as error:
            return _failed(Refused(reason=f"This cannot be asked of a gateway: {error}", kind="unknown"))
        try:
            heard = await self._paid.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            return _failed(Unsent(reason=f"The gateway could not be reached: {self._paid.explain(error)}"))
        except Exception as error:
            # Whatever it is: the request may have left, and must not leave twice.
            return _failed(Unknown(reason=f"No answer came: {self._paid.explain(error)}"))
        envelope = parse_envelope(heard.body)
        evidence = {
            "http_status": heard.status,
            "code": envelope.code,
            "description": envelope.description,
            "result": envelope.result,
        }
        return Answer(outcome=read_outcome(heard.status, envelope), evidence=evidence)

    async def ask(self, gateway_ids: Sequence[str]) -> Told:
        """Ask about up to BATCH tasks: in one list question, else in a paged one, else one by one."""
        ids = list(gateway_ids)
        listed = await self._list("POST", "/task/list-by-condition", {"ids": ids})
        if isinstance(listed, str):
            return Told(found={}, failed=listed)
        if listed is not None:
            found = _pick(listed, ids)
            return Told(found=found, missing=frozenset(ids) - found.keys())
        paged = await self._list("POST", "/task/query", {"ids": ids, "pageNumber": 0, "pageSize": len(ids)})
        found = {} if paged is None or isinstance(paged, str) else _pick(paged, ids)
        # A page shows what it likes: only a fetch tells that a task is missing.
        told = await self._ask_singly([each for each in ids if each not in found])
        return msgspec.structs.replace(told, found={**found, **told.found})

    async def search(self, states: Iterable[str]) -> Mapping[str, Progress]:
        """Look for tasks by the `state` that we gave them, in the gateway's list of latest ones, where it has one."""
        wanted = frozenset(states)
        listed = await self._list("GET", "/task/list", None)
        if listed is None or isinstance(listed, str):
            return {}
        return {row.state: row.progress for row in listed if row.state in wanted}

    async def _ask_singly(self, gateway_ids: Sequence[str]) -> Told:
        found: dict[str, Progress] = {}
        missing: set[str] = set()
        failures: list[str] = []
        for gateway_id in gateway_ids:
            if len(gateway_id) > LONGEST_ID or not gateway_id.strip("."):
                missing.add(gateway_id)  # it cannot stand in a path, so no gateway has it
                continue
            heard = await self._hear("GET", f"/task/{quote(gateway_id, safe='')}/fetch", None)
            if isinstance(heard, str):
                failures.append(heard)
            elif _is_unknown(heard):
                missing.add(gateway_id)
            else:
                try:
                    found[gateway_id] = parse_listed(_of_success(heard)).progress
                except NotATask:
                    failures.append(_describe(heard))
            if len(failures) >= PATIENCE:
                break
        return Told(found=found, missing=frozenset(missing), failed=failures[0] if failures else None)

    async def _list(self, method: str, path: str, body: JSON | None) -> tuple[Listed, ...] | str | None:
        """Give the rows; None when this gateway has no such question (remembered); a text when asking failed."""
        if time.monotonic() < self._unsupported.get(path, 0.0):
            return None
        heard = await self._hear(method, path, body)
        if isinstance(heard, str):
            return heard
        if heard.status in (404, 405, 501):
            self._unsupported[path] = time.monotonic() + REMEMBERED
            return None
        if heard.status in (200, 204) and not heard.body.strip():
            return ()
        try:
            return parse_tasks(_of_success(heard))
        except NotATask:
            return _describe(heard)

    async def _hear(self, method: str, path: str, body: JSON | None) -> Heard | str:
        """Ask something that costs nothing; a text says why there is no answer."""
        try:
            return await self._free.send(self._free.prepare(method, path, body))
        except Exception as error:
            # Any surprise of the other side is one more way of not answering.
            return self._free.explain(error)


def _failed(outcome: Refused | Unknown | Unsent) -> Answer:
    return Answer(outcome=outcome, evidence={"error": outcome.reason})


def _pick(listed: Iterable[Listed], gateway_ids: Iterable[str]) -> dict[str, Progress]:
    rows = {row.progress.gateway_id: row.progress for row in listed}
    return {each: rows[each] for each in gateway_ids if each in rows}


def _of_success(heard: Heard) -> bytes:
    """The body of a 200. Raises NotATask: whatever else an error looks like, it tells nothing of tasks."""
    if heard.status != 200:
        raise NotATask
    return heard.body


def _is_unknown(heard: Heard) -> bool:
    """Whether a fetch says that there is no such task: 200 with an empty body (novicezk's midjourney-proxy), 204
    (trueai-org's), 400 with code 4 (new-api), or HTTP's own words.
    """
    if heard.status in (200, 204) and heard.body.strip() in (b"", b"null"):
        return True
    return heard.status in (404, 410) or (heard.status in (200, 400) and parse_envelope(heard.body).code in (3, 4))


def _describe(heard: Heard) -> str:
    return f"HTTP {heard.status}: {parse_envelope(heard.body).description}".removesuffix(": ")
