"""Speaks the `/mj` protocol to one gateway. Its failures are values: a method here raises nothing."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import httpx
import msgspec

from hooks.blanker import Blanker
from hooks.wire import Envelope, Listed, parse_envelope
from service.gateways.exchange import Exchange
from service.gateways.outcomes import (
    LONGEST_ID,
    Accepted,
    Finished,
    Outcome,
    Refused,
    Unknown,
    Unsent,
    read_outcome,
)
from service.gateways.presets import Gateway
from service.gateways.questions import LATEST, LIST, QUERY, Questions, Unanswered
from service.gateways.requests import make_request
from storage.queue import Claim
from storage.records import JSON

SUBMIT_DEADLINE: Final = 90.0  # seconds in all; relaying gateways give up on the next hop after 60
FETCH_DEADLINE: Final = 30.0  # seconds in all
LONGEST_ANSWER: Final = 256 * 1024  # bytes of an answer to a submit; the longest are proxies' pages
LONGEST_PROPERTIES: Final = 4096  # bytes of an answer's properties that are kept; they say why, or how many wait
LONGEST_LIST: Final = 2 * 1024 * 1024  # bytes of a list of tasks; a hundred take some 300 KB
BATCH: Final = 100  # ids in one list question
FEW: Final = 10  # tasks that are asked about one by one at a time
PAGE: Final = 10  # tasks on a page that should hold one
MOST_LISTED: Final = 10_000  # tasks that are listed at once
PATIENCE: Final = 3  # tasks that cannot be asked about one by one, before the gateway counts as failing


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a paid POST."""

    outcome: Outcome
    evidence: JSON  # what is kept of the answer, without secrets


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway tells of tasks that it was asked about."""

    found: Mapping[str, tuple[Listed, ...]]  # by the id, or the state, that was asked for; ids need not be unique
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
        self.gateway = gateway
        self._blanker = blanker = Blanker((gateway.key,))
        self._paid = Exchange(gateway, submit, deadline=submit_deadline, longest=LONGEST_ANSWER, blanker=blanker)
        free = Exchange(gateway, fetch, deadline=fetch_deadline, longest=LONGEST_LIST, blanker=blanker)
        self._questions = Questions(free, blanker)
        self._batch = BATCH  # fewer where answers are too long

    @property
    def asked(self) -> int:
        """How many free questions it was asked."""
        return self._questions.asked

    @property
    def batch(self) -> int:
        """How many tasks to ask about at a time: few, where it has no list of several."""
        return BATCH if self._questions.answers(LIST) or self._questions.answers(QUERY) else FEW

    async def submit(self, claim: Claim, hook: str | None, attachments: Mapping[str, str] | None = None) -> Answer:
        """POST a submission once and say what came of it; `attachments` are data URLs by their names."""
        try:
            prepare = partial(self._prepare, claim, hook, attachments)
            request = await asyncio.to_thread(prepare) if attachments else prepare()  # megabytes hold up the loop
        except (ValueError, httpx.InvalidURL) as error:
            reason = f"This cannot be asked of a gateway: {self._paid.explain(error)}"
            return _failed(Refused(reason=reason, kind="unknown"))
        del attachments  # the request holds them a second time, and the answer may be long in coming
        try:
            heard = await self._paid.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            return _failed(Unsent(reason=f"The gateway could not be reached: {self._paid.explain(error)}"))
        except Exception as error:
            # Whatever it is: the request may have left, and must not leave twice.
            return _failed(Unknown(reason=f"No answer came: {self._paid.explain(error)}"))
        envelope = parse_envelope(heard.body, self._blanker)
        evidence: JSON = {
            "http_status": heard.status,
            "code": envelope.code,
            "description": envelope.description,
            "result": envelope.result,
        }
        if envelope.results:
            evidence["results"] = envelope.results
        if envelope.properties and len(msgspec.json.encode(envelope.properties)) <= LONGEST_PROPERTIES:
            evidence["properties"] = envelope.properties
        outcome = read_outcome(heard.status, envelope)
        return Answer(outcome=_finish(claim, outcome, envelope), evidence=evidence)

    def _prepare(self, claim: Claim, hook: str | None, attachments: Mapping[str, str] | None = None) -> httpx.Request:
        path, mode, body = make_request(claim, hook, self.gateway, attachments)
        return self._paid.prepare("POST", path, body, mode)

    async def ask(self, gateway_ids: Sequence[str]) -> Told:
        """Ask about tasks: in list questions, else in a paged one, else one by one."""
        told, left = Told(found={}), list(gateway_ids)
        while left and told.failed is None:
            batch = left[: self._batch]
            rows = await self._questions.list(LIST, {"ids": batch})
            if not isinstance(rows, Unanswered):
                found = _pick(rows, batch)
                told = _add(told, Told(found=found, missing=frozenset(batch) - found.keys()))
                left = left[len(batch) :]
            elif rows.kind == "failed":
                told = _add(told, Told(found={}, failed=rows.why))
            elif rows.kind == "too long" and len(batch) > 1:
                self._batch = len(batch) // 2
            else:
                if rows.kind == "too long":  # one task alone: this list shows whatever it likes
                    self._questions.leave(LIST)
                    self._batch = BATCH
                return _add(told, await self._ask_page(left))
        return told

    async def search(self, states: Iterable[str]) -> Told:
        """Look for tasks by the `state` that we gave them: among the latest ones, then on a page for each.

        Not to find one proves nothing, so none is missing; `failed` when there was no way to look for all of them.
        """
        wanted = frozenset(states)
        latest = await self._questions.list(LATEST)
        if isinstance(latest, Unanswered):
            found, failed = {}, latest
        else:
            found, failed = _recognise(latest, wanted), None
        for state in sorted(wanted - found.keys()):
            page = await self._questions.list(QUERY, {"state": state, "pageNumber": 0, "pageSize": PAGE})
            if isinstance(page, Unanswered):
                # A gateway without pages has said all that it can by its list.
                failed = failed if page.kind == "unsupported" else page
                break
            found |= _recognise(page, frozenset({state}))
        else:
            failed = None
        return Told(found=found, failed=None if failed is None else failed.why)

    async def cancel(self, gateway_id: str) -> Unanswered | None:
        """Ask to give a task up; None when that was taken. What becomes of the task is told like all else of it."""
        return await self._questions.cancel(gateway_id)

    async def read_seed(self, gateway_id: str) -> str | Unanswered:
        """Ask for the seed of a finished picture."""
        return await self._questions.read_seed(gateway_id)

    async def list_all(self) -> tuple[Listed, ...] | Unanswered:
        """Give what the gateway lists, page by page up to MOST_LISTED, or its latest ones where it has no pages."""
        listed: dict[str | None, Listed] = {}
        for number in range(MOST_LISTED // BATCH):
            rows = await self._questions.list(QUERY, {"pageNumber": number, "pageSize": BATCH})
            if isinstance(rows, Unanswered):
                return await self._questions.list(LATEST) if rows.kind == "unsupported" else rows
            known = len(listed)
            listed = {row.progress.gateway_id: row for row in rows} | listed
            if len(listed) == known:  # a gateway may make its pages as short as it likes
                break
        return tuple(listed.values())

    async def _ask_page(self, gateway_ids: Sequence[str]) -> Told:
        rows = await self._questions.list(QUERY, {"ids": gateway_ids, "pageNumber": 0, "pageSize": len(gateway_ids)})
        found = {} if isinstance(rows, Unanswered) else _pick(rows, gateway_ids)
        # A page shows what it likes: only a fetch tells that a task is missing.
        return _add(Told(found=found), await self._ask_singly([each for each in gateway_ids if each not in found]))

    async def _ask_singly(self, gateway_ids: Sequence[str]) -> Told:
        found: dict[str, tuple[Listed, ...]] = {}
        missing: set[str] = set()
        failures: list[str] = []
        for gateway_id in gateway_ids:
            if len(gateway_id) > LONGEST_ID or not gateway_id.strip("."):
                missing.add(gateway_id)  # it cannot stand in a path, so no gateway has it
                continue
            row = await self._questions.fetch(gateway_id)
            if isinstance(row, Unanswered):
                failures.append(row.why)
            elif row is None:
                missing.add(gateway_id)
            else:
                found[gateway_id] = (row,)
            if len(failures) >= PATIENCE:
                break
        return Told(found=found, missing=frozenset(missing), failed=failures[0] if failures else None)


def _finish(claim: Claim, outcome: Outcome, envelope: Envelope) -> Outcome:
    """Tell what is over with the answer: there is no task at the gateway, and no callback will come.

    Uploads answer with addresses. A click that is answered with its parent's own id made nothing new (a bookmark, in
    trueai-org's proxy). One that makes several tasks at once ("Imagine all", there) is answered with their ids, joined
    by commas: the first is the click's own, the others stay in its evidence, and can be adopted by their ids.
    """
    if claim.task.action == "UPLOAD":
        return Finished(urls=envelope.results) if envelope.code == 1 and envelope.results else outcome
    if not isinstance(outcome, Accepted) or "button" not in claim.submission.request:
        return outcome
    first = outcome.gateway_id.partition(",")[0].strip()
    if first == claim.parent_gateway_id:
        return Finished()
    return Accepted(gateway_id=first) if first else outcome


def _failed(outcome: Refused | Unknown | Unsent) -> Answer:
    return Answer(outcome=outcome, evidence={"error": outcome.reason})


def _pick(listed: Iterable[Listed], gateway_ids: Iterable[str]) -> dict[str, tuple[Listed, ...]]:
    return _group(((row.progress.gateway_id, row) for row in listed), frozenset(gateway_ids))


def _recognise(listed: Iterable[Listed], states: frozenset[str]) -> dict[str, tuple[Listed, ...]]:
    return _group(((row.state, row) for row in listed), states)


def _group(named: Iterable[tuple[str | None, Listed]], wanted: frozenset[str]) -> dict[str, tuple[Listed, ...]]:
    found: dict[str, tuple[Listed, ...]] = {}
    for name, row in named:
        if name is not None and name in wanted:
            found[name] = (*found.get(name, ()), row)
    return found


def _add(told: Told, more: Told) -> Told:
    return Told(
        found={**told.found, **more.found}, missing=told.missing | more.missing, failed=told.failed or more.failed
    )
