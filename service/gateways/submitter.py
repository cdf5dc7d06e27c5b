"""Sends a gateway's planned submissions, each at most once on doubt, and writes down what came of it."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from hooks.backoff import NOT_YET as NOT_YET_PAUSES
from hooks.backoff import unsent_pause
from service.gateways import outcomes
from service.gateways.client import Answer, GatewayClient
from service.gateways.pictures import read_pictures
from service.gateways.quota import LOST_AFTER, Quota
from service.gateways.requests import find_nameless, list_attachments, mode_of
from service.gateways.room import Room
from storage.errors import LedgerError, NoSuchAttachment
from storage.events import has_ending_since, read_latest_seq
from storage.ledger import close_window, finish, open_window
from storage.pauses import EVERYTHING, is_paused
from storage.queue import Claim, claim_due, read_next_due
from storage.records import JSON, Task
from storage.store import Store
from storage.submissions import acknowledge, doubt, hold, list_sending, postpone, reject

IN_FLIGHT: Final = 32  # POSTs out at once
PICTURED: Final = 4  # of these, with pictures: each holds up to 27 MB until it is answered, and thrice that at first
GOODBYE: Final = 0.3  # seconds that a stop waits for answers which are under way
UNWRITTEN_PAUSE: Final = 1.0  # seconds before an outcome that could not be written is written again

log = structlog.get_logger("ringback.submitter")


class Submitter:
    """One gateway's worker, so that a gateway that hangs or is full keeps no other waiting.

    `seniors` are the groups that it belongs to, and who comes before it in each: it takes what was submitted to a group
    when none of them has a place. `make_hook(task_id, nonce)` gives the notifyHook to name, or None where gateways
    cannot reach us. `not_yet` are the waits, in seconds, after each "not yet"; `in_flight` is how many POSTs may be
    out at once, `pictured` those with pictures; a task without news for `lost_after` seconds takes none of the
    gateway's places.
    """

    def __init__(
        self,
        store: Store,
        client: GatewayClient,
        *,
        make_hook: Callable[[str, str], str | None],
        seniors: Mapping[str, Sequence["Submitter"]] | None = None,
        not_yet: tuple[float, ...] = NOT_YET_PAUSES,
        in_flight: int = IN_FLIGHT,
        pictured: int = PICTURED,
        lost_after: float = LOST_AFTER,
        unwritten_pause: float = UNWRITTEN_PAUSE,
    ) -> None:
        self._store = store
        self._client = client
        self._gateway = client.gateway.name
        self._seniors = {} if seniors is None else seniors  # may be filled in later
        self._make_hook = make_hook
        self._not_yet = not_yet
        self._unwritten_pause = unwritten_pause
        self._room = Room(in_flight)
        self._pictured = asyncio.Semaphore(pictured)
        self._quota = Quota(store, client.gateway, lost_after=lost_after)
        self._claiming: asyncio.Task[None] | None = None
        self._posts: set[asyncio.Task[None]] = set()
        self.has_place = True  # whether it could take more, when it looked last

    @property
    def resting_until(self) -> int | None:
        """Until when (ms) the gateway is left alone because it was full; None when it is not."""
        return self._room.rests_until if self._room.rests(self._store.now()) else None

    async def submit_due(self) -> float | None:
        """Start the POST of what is due, and give the seconds until more may be; None when the bell will tell."""
        while True:
            now = self._store.now()
            if self._room.rests(now) and not await self._lift_rest():
                return self._close_for((self._room.rests_until - now) / 1000)
            if not self._room.free(now):
                # A callback may have settled a submission whose POST still hangs.
                self._room.keep_only(await self._store.read(list_sending), now)
            free, pause = await self._quota.count_free(self._room.free(now), now)
            if not free:
                return self._close_for(pause)
            self.has_place = True
            groups = [group for group, seniors in self._seniors.items() if not any(each.has_place for each in seniors)]
            due = await self._store.read(read_next_due, self._gateway, now=now, groups=groups)
            if due is None:
                return None  # the next answer rings, and so does the next submission
            if due > now:
                return (due - now) / 1000
            self._claiming = asyncio.create_task(self._claim(free, groups))
            # A stop in this very moment must not leave a submission in `sending` that nobody sends.
            await asyncio.shield(self._claiming)

    async def close(self) -> None:
        """Wait a moment for answers under way, then give up; what is cut off is settled by evidence."""
        if self._claiming is not None:
            await asyncio.wait([self._claiming])
        if self._posts:
            _, late = await asyncio.wait(self._posts, timeout=GOODBYE)
            for post in late:
                post.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _close_for(self, seconds: float) -> float:
        """Take nothing for a while; who comes after it in a group may."""
        if self.has_place:
            self.has_place = False
            self._store.bell.ring(("submissions",))
        return seconds

    async def _lift_rest(self) -> bool:
        """End the gateway's rest if a task ended there since; gives whether it did."""
        latest = await self._store.read(read_latest_seq)
        if not await self._store.read(has_ending_since, self._gateway, self._room.ends_after):
            return False
        self._room.lift(latest)
        return True

    async def _claim(self, limit: int, groups: Sequence[str]) -> None:
        latest = await self._store.read(read_latest_seq)
        claims = await self._store.write(
            claim_due, gateway=self._gateway, limit=limit, groups=groups, price=self._price
        )
        for claim in claims:
            sent_at = claim.submission.sent_at or 0
            self._room.enter(claim.submission.id, sent_at)
            self._quota.note(sent_at)
            post = asyncio.create_task(self._send(claim, latest), name=f"submit {claim.task.id}")
            self._posts.add(post)
            post.add_done_callback(self._forget)

    def _price(self, task: Task, request: JSON) -> float | None:
        gateway = self._client.gateway
        return gateway.price(task.action, mode_of(request, gateway))

    def _forget(self, post: asyncio.Task[None]) -> None:
        self._posts.discard(post)
        self._store.bell.ring(("submissions",))

    async def _send(self, claim: Claim, latest: int) -> None:
        """POST a submission, and write down what came of it; `latest` is the newest event before the POST."""
        try:
            answer = await self._post(claim)
        finally:
            self._room.leave(claim.submission.id)
        bad = isinstance(answer.outcome, outcomes.Refused | outcomes.Unsent | outcomes.Unknown)
        log.log(
            logging.WARNING if bad else logging.INFO,
            "submitted",
            task=claim.task.id,
            gateway=self._gateway,
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
        if (reason := find_nameless(claim)) is not None:
            return Answer(outcome=outcomes.NotYet(reason=reason), evidence={"error": reason})
        names = list_attachments(claim)
        if not names:
            return await self._submit(claim, names)
        try:
            await self._pictured.acquire()
        except asyncio.CancelledError:  # a stop; it goes out after the next start
            return _unsent("The service stopped before its turn came.")
        try:
            return await self._submit(claim, names)
        finally:
            self._pictured.release()

    async def _submit(self, claim: Claim, names: Sequence[str]) -> Answer:
        try:
            hook = self._make_hook(claim.task.id, claim.submission.nonce)
            pictures = await self._store.search(read_pictures, names) if names else {}
            if names and bool(await self._store.read(is_paused, EVERYTHING)):  # it has waited for its turn
                return Answer(outcome=outcomes.Held(), evidence={})
            return await self._client.submit(claim, hook, pictures)
        except NoSuchAttachment as error:
            reason = f"Nothing was sent: {error}"
            return Answer(outcome=outcomes.Refused(reason=reason, kind="unknown"), evidence={"error": reason})
        except LedgerError as error:
            return _unsent(f"Nothing was sent: its pictures could not be read. {error}")
        except Exception as error:
            # A fault of ours; the POST may have left all the same.
            log.exception("submit failed", task=claim.task.id)
            return _doubtful(error)

    async def _settle(self, claim: Claim, answer: Answer, latest: int) -> None:
        """Write down what came of a POST. Each branch is one verb, one commit."""
        store, submission, evidence = self._store, claim.submission, answer.evidence
        match answer.outcome:
            case outcomes.Accepted(gateway_id=gateway_id):
                self._room.accept(store.now())
                verb = close_window if submission.kind == "modal" else acknowledge
                await store.write(verb, submission.id, gateway_id, "submit", evidence)
            case outcomes.Existed(gateway_id=gateway_id):
                await store.write(acknowledge, submission.id, gateway_id, "submit", evidence, is_new=False)
            case outcomes.Finished(urls=urls):
                self._room.accept(store.now())
                await store.write(finish, submission.id, urls, evidence)
            case outcomes.Modal(gateway_id=gateway_id):
                self._room.accept(store.now())
                await store.write(open_window, submission.id, gateway_id, evidence)
            case outcomes.Refused(reason=reason, kind=kind):
                await store.write(reject, submission.id, reason=reason, kind=kind, answer=evidence)
            case outcomes.Held():
                await store.write(hold, submission.id)
            case outcomes.Unknown(reason=reason):
                await store.write(doubt, submission.id, reason=reason, answer=evidence)
            case outcomes.Unsent() if not submission.request.get("group"):
                await store.write(postpone, submission.id, seconds=unsent_pause(submission.attempts), answer=evidence)
            case outcomes.NotYet(reason=reason):
                before = (submission.answer or {}).get("not_yet", 0)  # in a row; other refusals do not count
                evidence = evidence | {"not_yet": before + 1}
                if before >= len(self._not_yet):
                    await store.write(reject, submission.id, reason=reason, kind="gateway", answer=evidence)
                else:
                    await store.write(postpone, submission.id, seconds=self._not_yet[before], answer=evidence)
            case outcomes.Capacity() | outcomes.Unsent():
                # The gateway rests; what it did not take stays due, so that nothing overtakes it, and that the next of
                # its group may take it.
                self._room.refuse(now=store.now(), sent_at=submission.sent_at or 0, seq=latest)
                await store.write(postpone, submission.id, seconds=0.0, answer=evidence)


def _unsent(reason: str) -> Answer:
    return Answer(outcome=outcomes.Unsent(reason=reason), evidence={"error": reason})


def _doubtful(error: Exception) -> Answer:
    reason = f"This is a fault of the service; its log says more ({type(error).__name__})."
    return Answer(outcome=outcomes.Unknown(reason=reason), evidence={"error": reason})
