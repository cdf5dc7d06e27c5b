"""Speaks the `/mj` protocol to one gateway. Its failures are values: a method here raises nothing."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import httpx
import msgspec

from hooks.errors import NotATask
from hooks.wire import Listed, parse_envelope, parse_listed, parse_tasks
from service.gateways.outcomes import Outcome, Unknown, Unsent, read_outcome
from service.gateways.presets import Gateway
from service.gateways.requests import make_request
from storage.records import JSON, Progress
from storage.submissions import Claim

SUBMIT_DEADLINE: Final = 90.0  # seconds in all; relaying gateways give up on the next hop after 60
FETCH_DEADLINE: Final = 30.0  # seconds in all
BATCH: Final = 100  # ids in one list question
ANSWER_KEPT: Final = 2000  # characters of a gateway's answer that are kept as evidence


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
    ) -> None:
        self.gateway = gateway
        self._submit = submit
        self._fetch = fetch
        self._submit_deadline = submit_deadline
        self._unsupported: set[str] = set()  # questions that this gateway has no answer to

    async def submit(self, claim: Claim, hook: str | None) -> Answer:
        """POST a submission once and say what came of it."""
        path, body = make_request(claim, hook)
        try:
            async with asyncio.timeout(self._submit_deadline):
                response = await self._submit.post(self._url(path), json=body, headers=self._headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            reason = f"The gateway could not be reached: {self._clean(str(error) or type(error).__name__)}"
            return Answer(outcome=Unsent(reason=reason), evidence={"error": reason})
        except (TimeoutError, httpx.HTTPError) as error:
            reason = self._clean(str(error)) or f"no answer ({type(error).__name__})"
            return Answer(outcome=Unknown(reason=reason), evidence={"error": reason})
        envelope = parse_envelope(response.content)
        outcome = read_outcome(response.status_code, envelope)
        evidence = {
            "http_status": response.status_code,
            "code": envelope.code,
            "description": self._clean(envelope.description),
            "result": envelope.result,
        }
        return Answer(outcome=_redact(outcome, self._clean), evidence=evidence)

    async def ask(self, gateway_ids: Sequence[str]) -> Told:
        """Ask about up to BATCH tasks: in one list question, else in a paged one, else one by one."""
        for path, body in (
            ("/task/list-by-condition", {"ids": list(gateway_ids)}),
            ("/task/query", {"ids": list(gateway_ids), "pageNumber": 0, "pageSize": len(gateway_ids)}),
        ):
            if path in self._unsupported:
                continue
            listed = await self._list("POST", path, body)
            if isinstance(listed, str):
                return Told(found={}, failed=listed)
            if listed is not None:
                rows = {row.progress.gateway_id: row.progress for row in listed}
                found = {each: rows[each] for each in gateway_ids if each in rows}
                return Told(found=found, missing=frozenset(gateway_ids) - found.keys())
        return await self._ask_singly(gateway_ids)

    async def search(self, states: Sequence[str]) -> Mapping[str, Progress]:
        """Look for tasks by the `state` that we gave them, in the gateway's list of latest ones, where it has one."""
        if "/task/list" in self._unsupported:
            return {}
        listed = await self._list("GET", "/task/list", None)
        if listed is None or isinstance(listed, str):
            return {}
        return {row.state: row.progress for row in listed if row.state in states}

    async def _ask_singly(self, gateway_ids: Sequence[str]) -> Told:
        found: dict[str, Progress] = {}
        missing: set[str] = set()
        for gateway_id in gateway_ids:
            response = await self._get(f"/task/{quote(gateway_id, safe='')}/fetch")
            if isinstance(response, str):
                return Told(found=found, missing=frozenset(missing), failed=response)
            try:
                found[gateway_id] = parse_listed(response.content).progress
            except NotATask:
                # Unknown ids: 200 with an empty body, 204, or 400 with code 4.
                if response.status_code >= 500 or response.status_code in (401, 403, 429):
                    failed = f"HTTP {response.status_code}"
                    return Told(found=found, missing=frozenset(missing), failed=failed)
                missing.add(gateway_id)
        return Told(found=found, missing=frozenset(missing))

    async def _list(self, method: str, path: str, body: JSON | None) -> tuple[Listed, ...] | str | None:
        """Give the rows; None when this gateway has no such question (remembered); a text when asking failed."""
        response = await self._request(method, path, body)
        if isinstance(response, str):
            return response
        if response.status_code in (404, 405, 501):
            self._unsupported.add(path)
            return None
        if response.status_code == 204 or (response.status_code == 200 and not response.content.strip()):
            return ()
        try:
            return parse_tasks(response.content)
        except NotATask:
            said = self._clean(parse_envelope(response.content).description)
            return f"HTTP {response.status_code}: {said}"

    async def _get(self, path: str) -> httpx.Response | str:
        return await self._request("GET", path, None)

    async def _request(self, method: str, path: str, body: JSON | None) -> httpx.Response | str:
        try:
            async with asyncio.timeout(FETCH_DEADLINE):
                return await self._fetch.request(method, self._url(path), json=body, headers=self._headers)
        except (TimeoutError, httpx.HTTPError) as error:
            return self._clean(str(error)) or type(error).__name__

    def _url(self, path: str) -> str:
        return f"{self.gateway.url}/mj{path}"

    @property
    def _headers(self) -> dict[str, str]:
        return self.gateway.headers()

    def _clean(self, text: str) -> str:
        """Take our key out of what a gateway says, should it quote it."""
        return text.replace(self.gateway.key, "…")[:ANSWER_KEPT]


def _redact(outcome: Outcome, clean: Callable[[str], str]) -> Outcome:
    reason = getattr(outcome, "reason", None)
    return outcome if reason is None else msgspec.structs.replace(outcome, reason=clean(reason))
