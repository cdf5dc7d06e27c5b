"""Sends planned submissions to their gateways, each at most once on doubt, and writes down what came of it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
import structlog

from hooks.backoff import NOT_YET as NOT_YET_PAUSES
from hooks.backoff import capacity_pause, unsent_pause
from service.gateways import outcomes
from service.gateways.client import Answer, GatewayClient
from storage.errors import LedgerError
from storage.events import has_ending_since, read_latest_seq
from storage.ledger import open_window
from storage.store import Store
from storage.submissions import Claim, acknowledge, claim_due, doubt, hasten, postpone, read_next_due, reject

IN_FLIGHT: Final = 32  # submissions under way at one gateway
GOODBYE: Final = 0.3  # seconds that a stop waits for answers which are under way
UNWRITTEN_PAUSE: Final = 1.0  # seconds before an outcome that could not be written is written again

log = structlog.get_logger("ringback.submitter")


class Pause(msgspec.Struct, kw_only=True):
    """A gateway that has no room: left alone until then, or until a task ends there.

    What it says afterwards is remembered here, too: it is asked for little at first, and for more as it accepts.
    """

    consecutive: int  # refusals since it last accepted something
    room: int  # POSTs that may be out at once
    began: int  # milliseconds, by the store's clock; what was sent before it is refused together with its cause
    until: int  # milliseconds
    since_seq: int  # a task that ends after this event lifts it


class Submitter:
    """One worker for all gateways.

    `make_hook(task_id, nonce)` gives the notifyHook to name, or None where gateways cannot reach us.
    `not_yet` are the waits, in seconds, after each "not yet"; `in_flight` is the limit of one gateway, so that one
    that hangs keeps nobody else waiting.
    """

    def __init__(
        self,
        store: Store,
        clients: Mapping[str, GatewayClient],
        *,
        make_hook: Callable[[str, str], str | None],
        not_yet: tuple[float, ...] = NOT_YET_PAUSES,
        in_flight: int = IN_FLIGHT,
        unwritten_pause: float = UNWRITTEN_PAUSE,
    ) -> None:
        self._store = store
        self._clients = clients
        self._make_hook = make_hook
        self._not_yet = not_yet
        self._in_flight = in_flight
        self._unwritten_pause = unwritten_pause
        self._posts: set[asyncio.Task[None]] = set()
        self._out: Counter[str] = Counter()  # POSTs without an answer, by gateway
        self._pauses: dict[str, Pause] = {}

    async def submit_due(self) -> float | None:
        """Start the POST of everything that is due, and give the seconds until more will be; None when none is."""
        resting = await self._lift_pauses()
        room = {gateway: self._room(gateway) - self._out[gateway] for gateway in {*self._clients, *self._out}}
        full = {gateway for gateway, places in room.items() if places <= 0}  # its next answer rings
        passed_over = full | resting.keys()
        # So many at once that no gateway can be given too many; a busy one leaves others less for a moment.
        free = min((room[gateway] for gateway in room.keys() - passed_over), default=self._in_flight)
        claims = await self._store.write(claim_due, limit=free, paused=tuple(passed_over))
        latest = await self._store.read(read_latest_seq) if claims else 0
        for claim in claims:
            post = asyncio.create_task(self._send(claim, latest), name=f"submit {claim.task.id}")
            self._posts.add(post)
            self._out[claim.task.gateway] += 1
            post.add_done_callback(self._forget)
        next_due = await self._store.read(read_next_due, tuple(passed_over))
        times = [pause.until for pause in resting.values()] + ([] if next_due is None else [next_due])
        return max(0.0, (min(times) - self._store.now()) / 1000) if times else None

    async def close(self) -> None:
        """Wait a moment for answers under way, then give up; what is cut off is settled by evidence."""
        if self._posts:
            _, late = await asyncio.wait(self._posts, timeout=GOODBYE)
            for post in late:
                post.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _forget(self, post: asyncio.Task[None]) -> None:
        self._posts.discard(post)
        self._store.bell.ring(("submissions",))

    async def _lift_pauses(self) -> dict[str, Pause]:
        """End the pauses whose time is up, or whose gateway ended a task since; give those that last."""
        for gateway, pause in list(self._pauses.items()):
            if pause.until <= 0:
                continue
            latest = await self._store.read(read_latest_seq)
            ended = await self._store.read(has_ending_since, gateway, pause.since_seq)
            if ended:
                await self._store.write(hasten, gateway)
                pause.since_seq = latest
            if ended or pause.until <= self._store.now():
                pause.until = 0  # the count stays until the gateway accepts something
        return {gateway: pause for gateway, pause in self._pauses.items() if pause.until > 0}

    async def _send(self, claim: Claim, latest: int) -> None:
        """POST a submission, and write down what came of it; `latest` is the newest event before the POST."""
        try:
            answer = await self._post(claim)
        finally:
            self._out[claim.task.gateway] -= 1
        log.info(
            "submitted",
            task=claim.task.id,
            gateway=claim.task.gateway,
            action=claim.task.action,
            attempt=claim.submission.attempts,
            outcome=type(answer.outcome).__name__.lower(),
            why=getattr(answer.outcome, "reason", None),
        )
        while True:
            try:
                return await self._settle(claim, answer, latest)
            except LedgerError as error:
                # The POST is done, so its outcome must be written, however long the disk stays full.
                log.warning("outcome not recorded yet", task=claim.task.id, why=str(error))
            except Exception as error:
                log.exception("outcome not understood by the ledger", task=claim.task.id)
                answer = _doubtful(error)
            await asyncio.sleep(self._unwritten_pause)

    async def _post(self, claim: Claim) -> Answer:
        client = self._clients.get(claim.task.gateway)
        if client is None:
            reason = f"No gateway {claim.task.gateway!r} is configured."
            return Answer(outcome=outcomes.Refused(reason=reason, kind="gateway"), evidence={"error": reason})
        if claim.task.parent_id is not None and claim.parent_gateway_id is None:
            # A callback without an id has overtaken the answer that names its task.
            reason = "The gateway's id of its parent is not known yet."
            return Answer(outcome=outcomes.NotYet(reason=reason), evidence={"error": reason})
        try:
            return await client.submit(claim, self._make_hook(claim.task.id, claim.submission.nonce))
        except Exception as error:
            # A fault of ours; the POST may have left all the same.
            log.exception("submit failed", task=claim.task.id)
            return _doubtful(error)

    async def _settle(self, claim: Claim, answer: Answer, latest: int) -> None:
        """Write down what came of a POST. Each branch is one verb, one commit."""
        store, submission, evidence = self._store, claim.submission, answer.evidence
        match answer.outcome:
            case outcomes.Accepted(gateway_id=gateway_id) | outcomes.Existed(gateway_id=gateway_id):
                self._welcome(claim.task.gateway)
                await store.write(acknowledge, submission.id, gateway_id, "submit", evidence)
            case outcomes.Modal(gateway_id=gateway_id):
                self._welcome(claim.task.gateway)
                await store.write(open_window, submission.id, gateway_id, evidence)
            case outcomes.Refused(reason=reason, kind=kind):
                await store.write(reject, submission.id, reason=reason, kind=kind, answer=evidence)
            case outcomes.Unknown(reason=reason):
                await store.write(doubt, submission.id, reason=reason, answer=evidence)
            case outcomes.Unsent():
                await store.write(postpone, submission.id, seconds=unsent_pause(submission.attempts), answer=evidence)
            case outcomes.NotYet(reason=reason):
                before = (submission.answer or {}).get("not_yet", 0)  # in a row; other refusals do not count
                evidence = evidence | {"not_yet": before + 1}
                if before >= len(self._not_yet):
                    await store.write(reject, submission.id, reason=reason, kind="gateway", answer=evidence)
                else:
                    await store.write(postpone, submission.id, seconds=self._not_yet[before], answer=evidence)
            case outcomes.Capacity():
                seconds = self._rest(claim, latest)
                await store.write(postpone, submission.id, seconds=seconds, answer=evidence | {"outcome": "capacity"})

    def _rest(self, claim: Claim, latest: int) -> float:
        """Leave a gateway alone for a while; give the seconds."""
        gateway, sent_at = claim.task.gateway, claim.submission.sent_at or 0
        now, pause = self._store.now(), self._pauses.get(gateway)
        if pause is not None and pause.until > now:
            return (pause.until - now) / 1000  # POSTs that were out together count as one refusal
        if pause is not None and sent_at <= pause.began:  # the same, after that pause was lifted
            consecutive, began, since = pause.consecutive, pause.began, max(latest, pause.since_seq)
        else:
            consecutive, began, since = 1 if pause is None else pause.consecutive + 1, now, latest
        seconds = capacity_pause(consecutive)
        until = now + seconds * 1000
        self._pauses[gateway] = Pause(consecutive=consecutive, room=1, began=began, until=until, since_seq=since)
        return seconds

    def _welcome(self, gateway: str) -> None:
        """It has accepted something: its refusals are counted anew, and more may be asked of it."""
        if (pause := self._pauses.get(gateway)) is not None:
            pause.consecutive = 0
            pause.room += 1
            # What was refused beside it still waits for a task to end there, but not for long.
            pause.until = min(pause.until, self._store.now() + capacity_pause(1) * 1000)

    def _room(self, gateway: str) -> int:
        pause = self._pauses.get(gateway)
        return self._in_flight if pause is None else min(pause.room, self._in_flight)


def _doubtful(error: Exception) -> Answer:
    reason = f"This is a fault of the service; its log says more ({type(error).__name__})."
    return Answer(outcome=outcomes.Unknown(reason=reason), evidence={"error": reason})
