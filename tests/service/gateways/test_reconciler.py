"""The safety net over a real ledger: who is asked, how often, and what an answer or its absence means."""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from hooks.buttons import synthesise_button
from hooks.wire import Listed
from service.gateways.client import BATCH, FEW, Told
from service.gateways.health import HOOKLESS_AFTER, TRUST, Health, HookState
from service.gateways.reconciler import Reconciler
from storage.ledger import record
from storage.openings import open_click
from storage.queue import claim_due
from storage.records import Progress, Task
from storage.submissions import acknowledge, doubt, lose_task

pytestmark = pytest.mark.journey

SILENT, LOST = 30.0, 7200.0  # seconds


class StubClient:
    """Knows some tasks, and may fail or hang."""

    def __init__(self) -> None:
        self.batch = BATCH
        self.known: dict[str, Progress] = {}
        self.by_state: dict[str, Progress] = {}
        self.shared: dict[str, tuple[Listed, ...]] = {}  # ids that several tasks have
        self.failed: str | None = None
        self.hangs: asyncio.Event | None = None  # set when somebody waits for it
        self.asked: list[list[str]] = []
        self.searched: list[list[str]] = []

    async def ask(self, gateway_ids: Sequence[str]) -> Told:
        self.asked.append(list(gateway_ids))
        if self.hangs is not None:
            self.hangs.set()
            await asyncio.Event().wait()
        if self.failed is not None:
            return Told(found={}, failed=self.failed)
        rows = {each: (Listed(state=None, progress=self.known[each]),) for each in gateway_ids if each in self.known}
        found = rows | {each: self.shared[each] for each in gateway_ids if each in self.shared}
        return Told(found=found, missing=frozenset(gateway_ids) - found.keys())

    async def search(self, states: Iterable[str]) -> Told:
        self.searched.append(list(states))
        found = {
            state: (Listed(state=state, progress=self.by_state[state]),)
            for state in self.searched[-1]
            if state in self.by_state
        }
        return Told(found=found, failed=self.failed)


def make_reconciler(house: Any, *, state: HookState = "unknown", **clients: Any) -> Reconciler:
    async def judge(_gateway: str) -> Health:
        return Health(state=state)

    return Reconciler(house.store, clients, judge=judge, silent_after=SILENT, lost_after=LOST)


async def open_accepted(house: Any, gateway_id: str, gateway: str = "g") -> Task:
    task = await house.open(gateway)
    await house.store.write(claim_due, gateway="g", limit=100)
    await house.store.write(acknowledge, (await house.submission(task)).id, gateway_id, "submit", {})
    return await house.task(task)  # type: ignore[no-any-return]


async def open_many(house: Any, gateway_ids: Iterable[str]) -> None:
    """Open an accepted task for each id, in few commits."""
    ids = list(gateway_ids)
    await asyncio.gather(*(house.open() for _ in ids))
    claims = await house.store.write(claim_due, gateway="g", limit=len(ids))
    accepted = zip(claims, ids, strict=True)
    await asyncio.gather(
        *(house.store.write(acknowledge, claim.submission.id, each, "submit", {}) for claim, each in accepted)
    )


async def open_doubtful(house: Any) -> Task:
    task = await house.open()
    await house.store.write(claim_due, gateway="g", limit=100)
    await house.store.write(doubt, (await house.submission(task)).id, reason="no answer")
    return await house.task(task)  # type: ignore[no-any-return]


async def look(house: Any, reconciler: Reconciler, seconds: float = 0, gateway: str = "g") -> float:
    house.clock.now += seconds
    return await reconciler.reconcile_silent(gateway)


def test_a_silent_task_is_asked_about_and_the_answer_goes_the_way_of_a_callback(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            reconciler = make_reconciler(house, g=client)
            await look(house, reconciler)
            task = await open_accepted(house, "17")
            await look(house, reconciler, SILENT - 1)
            assert client.asked == []
            client.known["17"] = Progress(gateway_id="17", status="SUCCESS", progress=100)
            await look(house, reconciler, 1)
            assert client.asked == [["17"]]
            assert (await house.task(task)).status == "SUCCESS"
            last = (await house.events(task))[-1]
            assert (last.type, last.data["source"]) == ("task.succeeded", "fetch")
            await look(house, reconciler, 3600)
            assert client.asked == [["17"]]  # it has ended

    run(scenario())


def test_the_first_look_asks_about_everything_once(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            ids = [str(number) for number in range(2 * BATCH + 50)]
            for gateway_id in ids:
                await open_accepted(house, gateway_id)
            client = StubClient()
            client.known = {each: Progress(gateway_id=each, status="SUBMITTED", progress=0) for each in ids}
            reconciler = make_reconciler(house, g=client)
            pauses = [await look(house, reconciler, 0.5) for _ in range(3)]
            assert [len(batch) for batch in client.asked] == [BATCH, BATCH, 50]
            assert sorted(each for batch in client.asked for each in batch) == sorted(ids)
            assert pauses[0] == pauses[1] < 1 < pauses[2]
            await look(house, reconciler, 0.5)
            assert len(client.asked) == 3

    run(scenario())


def test_a_clock_that_steps_back_during_the_first_look_lets_nothing_be_asked_about_for_ever(
    run: Any, open_house: Any
) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            ids = [str(number) for number in range(2 * BATCH + 50)]
            for gateway_id in ids:
                await open_accepted(house, gateway_id)
            client = StubClient()
            client.known = {each: Progress(gateway_id=each, status="SUBMITTED", progress=0) for each in ids}
            reconciler = make_reconciler(house, g=client)
            await look(house, reconciler, 0.5)
            house.clock.now -= 3600
            for _ in range(6):
                await look(house, reconciler, 0.5)
            asked = [each for batch in client.asked for each in batch]
            assert set(asked) == set(ids)
            assert len(asked) <= len(ids) + BATCH, "the first batch once more, because it seems to lie ahead"

    run(scenario())


def test_the_first_look_includes_what_the_dead_process_left_in_doubt(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            reconciler = make_reconciler(house, g=client)  # made before the start writes the doubt
            house.clock.now += 1
            task = await open_doubtful(house)
            client.by_state[task.id] = Progress(gateway_id="99", status="IN_PROGRESS", progress=31)
            await look(house, reconciler, 0.001)
            after = await house.task(task)
            assert (after.submission, after.gateway_id, after.progress) == ("accepted", "99", 31)
            assert await house.told(task) == ["task.unknown", "task.submitted", "task.progressed"]

    run(scenario())


def test_more_than_a_batch_of_silent_tasks_are_all_asked_about(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            client.failed = "HTTP 500"  # nothing is learnt, so all stay silent
            reconciler = make_reconciler(house, g=client)
            await look(house, reconciler)
            ids = {str(number) for number in range(BATCH + 20)}
            for gateway_id in ids:
                await open_accepted(house, gateway_id)
            await look(house, reconciler, SILENT)
            await look(house, reconciler, 0.1)
            assert [len(batch) for batch in client.asked] == [BATCH, 20]
            assert {each for batch in client.asked for each in batch} == ids

    run(scenario())


@pytest.mark.parametrize("state", ["arriving", "patchy", "missing", "off"])
def test_a_thousand_silent_tasks_cost_one_batch_in_an_interval_and_none_is_left_behind(
    run: Any, open_house: Any, state: HookState
) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            client.failed = "HTTP 500"  # nothing is learnt, so all stay silent
            reconciler = make_reconciler(house, state=state, g=client)
            await look(house, reconciler)
            ids = {str(number) for number in range(1000)}
            await open_many(house, ids)
            pause = await look(house, reconciler, SILENT * TRUST)
            assert pause >= min(HOOKLESS_AFTER, SILENT / 4), "a full batch is no reason to hurry"
            for _ in range(9):
                await look(house, reconciler, pause)
            assert [len(batch) for batch in client.asked] == [BATCH] * 10
            assert {each for batch in client.asked for each in batch} == ids

    run(scenario())


def test_where_a_gateway_has_no_lists_few_are_asked_about_at_a_time(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            client.batch, client.failed = FEW, "HTTP 500"
            reconciler = make_reconciler(house, state="missing", g=client)
            await look(house, reconciler)
            ids = {str(number) for number in range(2 * FEW)}
            await open_many(house, ids)
            pause = await look(house, reconciler, SILENT)
            await look(house, reconciler, pause)
            assert [len(batch) for batch in client.asked] == [FEW, FEW]
            assert {each for batch in client.asked for each in batch} == ids

    run(scenario())


@pytest.mark.parametrize(
    ("state", "seconds"),
    [("arriving", TRUST * SILENT), ("patchy", SILENT), ("unknown", SILENT), ("missing", 5), ("off", 5)],
)
def test_how_soon_it_asks_follows_from_how_hooks_do(
    run: Any, open_house: Any, state: HookState, seconds: float
) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            reconciler = make_reconciler(house, state=state, g=client)
            await look(house, reconciler)
            await open_accepted(house, "17")
            await look(house, reconciler, seconds - 1)
            assert client.asked == []
            await look(house, reconciler, 1)
            assert client.asked == [["17"]]

    run(scenario())


def test_questions_about_one_that_stays_silent_become_rarer(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            client.failed = "HTTP 500"
            reconciler = make_reconciler(house, g=client)
            await look(house, reconciler)
            await open_accepted(house, "17")
            began, moments = house.clock.now, []
            while house.clock.now < began + 7000:
                before = len(client.asked)
                await look(house, reconciler, 5)
                if len(client.asked) > before:
                    moments.append(house.clock.now - began)
            gaps = [later - earlier for earlier, later in pairwise(moments)]
            assert moments[:4] == [30, 60, 90, 120]
            assert gaps == sorted(gaps)
            assert 290 <= gaps[-1] <= 305

    run(scenario())


def test_news_make_it_be_asked_soon_again(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            client.failed = "HTTP 500"
            reconciler = make_reconciler(house, g=client)
            await look(house, reconciler)
            task = await open_accepted(house, "17")
            await look(house, reconciler, 3000)
            nonce = (await house.submission(task)).nonce
            news = Progress(gateway_id="17", status="IN_PROGRESS", progress=5)
            await house.store.write(record, task.id, nonce, news, "callback")
            await look(house, reconciler, SILENT - 1)
            assert len(client.asked) == 1
            await look(house, reconciler, 1)
            assert len(client.asked) == 2

    run(scenario())


def test_a_task_that_its_gateway_forgot_is_lost_after_the_silence_and_not_before(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            reconciler = make_reconciler(house, g=client)
            await look(house, reconciler)
            task = await open_accepted(house, "17")
            await look(house, reconciler, LOST - 400)
            assert (await house.task(task)).submission == "accepted"
            await look(house, reconciler, 401)
            assert (await house.task(task)).submission == "lost"
            last = (await house.events(task))[-1]
            assert last.type == "task.lost"
            assert last.data["reason"] == "Its gateway does not know it any more."
            await look(house, reconciler, 3600)
            assert len(client.asked) == 2
            # Late evidence still counts.
            done = Progress(gateway_id="17", status="SUCCESS", progress=100)
            await house.store.write(record, task.id, (await house.submission(task)).nonce, done, "callback")
            after = await house.task(task)
            assert (after.submission, after.status) == ("accepted", "SUCCESS")

    run(scenario())


@pytest.mark.parametrize("failed", ["HTTP 401", "HTTP 500", "TimeoutError"])
def test_a_failing_gateway_is_no_evidence_of_loss(run: Any, open_house: Any, failed: str) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            client.failed = failed
            reconciler = make_reconciler(house, g=client)
            task = await open_accepted(house, "17")
            for _ in range(5):
                await look(house, reconciler, LOST)
            assert len(client.asked) == 5
            assert (await house.task(task)).submission == "accepted"

    run(scenario())


def test_a_submission_in_doubt_is_lost_after_its_time_without_any_sign(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            reconciler = make_reconciler(house, g=client)
            task = await open_doubtful(house)
            await look(house, reconciler, LOST - 1)
            assert (await house.task(task)).submission == "unknown"
            assert client.searched == [[task.id]]
            await look(house, reconciler, 2)
            assert (await house.task(task)).submission == "lost"
            assert (await house.told(task))[-1] == "task.lost"

    run(scenario())


def test_a_gateway_that_hangs_keeps_no_other_from_being_asked(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            hanging, quick = StubClient(), StubClient()
            hanging.hangs = asyncio.Event()
            quick.known["2"] = Progress(gateway_id="2", status="SUCCESS", progress=100)
            reconciler = make_reconciler(house, g=hanging, h=quick)
            await open_accepted(house, "1", "g")
            task = await open_accepted(house, "2", "h")
            stuck = asyncio.create_task(look(house, reconciler, 0.001, "g"))
            await hanging.hangs.wait()
            await look(house, reconciler, 0, "h")
            assert (await house.task(task)).status == "SUCCESS"
            assert (hanging.asked, quick.asked) == ([["1"]], [["2"]])
            stuck.cancel()
            await asyncio.gather(stuck, return_exceptions=True)

    run(scenario())


def test_one_task_can_be_asked_about_at_once(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            reconciler = make_reconciler(house, g=client)
            task = await open_accepted(house, "17")
            client.known["17"] = Progress(gateway_id="17", status="IN_PROGRESS", progress=42)
            assert await reconciler.reconcile_task("g", task.id, "17") is None
            assert (await house.task(task)).progress == 42
            client.known.clear()
            assert await reconciler.reconcile_task("g", task.id, "17") is None
            assert (await house.task(task)).submission == "accepted"  # a moment of not knowing loses nothing
            client.failed = "HTTP 401"
            assert await reconciler.reconcile_task("g", task.id, "17") == "HTTP 401"
            assert await reconciler.reconcile_task("gone", task.id, "17") == "No gateway 'gone' is configured."

    run(scenario())


def test_an_answer_about_another_task_changes_nothing_and_is_told_once(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            reconciler = make_reconciler(house, g=client)
            task = await open_accepted(house, "17")
            client.known["17"] = Progress(gateway_id="18", status="SUCCESS", progress=100)
            with capture_logs() as lines:
                for _ in range(3):
                    failed = await reconciler.reconcile_task("g", task.id, "17")
                    assert failed == "asked about its task 17, it told of 18"
                await look(house, reconciler, LOST)
            assert await house.task(task) == task
            told = [line for line in lines if line["log_level"] == "warning"]
            assert [(line["task"], line["why"]) for line in told] == [(task.id, failed)]

    run(scenario())


def test_a_search_that_failed_is_told(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            reconciler = make_reconciler(house, g=client)
            task = await open_doubtful(house)
            assert await reconciler.reconcile_task("g", task.id, None) is None  # not to be found is an answer
            client.failed = "HTTP 500"
            failed = await reconciler.reconcile_task("g", task.id, None)
            assert failed == "it has never named the task, and to look for it was in vain: HTTP 500"

    run(scenario())


def test_a_task_that_succeeded_without_a_name_can_be_given_it(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            reconciler = make_reconciler(house, g=client)
            task = await open_doubtful(house)
            nameless = Progress(status="SUCCESS", progress=100)
            await house.store.write(record, task.id, (await house.submission(task)).nonce, nameless, "callback")
            client.by_state[task.id] = Progress(gateway_id="17", status="SUCCESS", progress=100)
            assert await reconciler.reconcile_task("g", task.id, None) is None
            after = await house.task(task)
            assert (after.status, after.gateway_id) == ("SUCCESS", "17")

    run(scenario())


def test_a_click_that_existed_is_told_of_by_the_task_of_the_lost_click_before_it(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            parent = await house.open()
            clicks = []
            for gateway_id in (None, "55"):  # the first one's answer never came; the second one says: 21, see 55
                child, _ = await house.store.write(open_click, parent, synthesise_button("U1"), origin="api")
                clicks.append(child)
                await house.store.write(claim_due, gateway="g", limit=9)
                number = (await house.submission(child)).id
                if gateway_id is None:
                    await house.store.write(doubt, number, reason="no answer")
                    await house.store.write(lose_task, child.id, reason="silence", silent_since=10**15)
                else:
                    await house.store.write(acknowledge, number, gateway_id, "submit", {"code": 21}, is_new=False)
            lost, existed = clicks
            client = StubClient()
            done = Progress(gateway_id="55", status="SUCCESS", progress=100, image_url="https://cdn.example/1.png")
            client.shared["55"] = (Listed(state=lost.id, progress=done),)
            reconciler = make_reconciler(house, g=client)
            assert await reconciler.reconcile_task("g", existed.id, "55") is None
            assert (await house.task(existed)).image_url == "https://cdn.example/1.png"

    run(scenario())


def test_tasks_that_share_an_id_are_all_told(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            client.known["17"] = Progress(gateway_id="17", status="SUCCESS", progress=100)
            tasks = [await open_accepted(house, "17") for _ in range(2)]
            await look(house, make_reconciler(house, g=client), 0.001)
            assert client.asked == [["17"]]
            assert [(await house.task(task)).status for task in tasks] == ["SUCCESS", "SUCCESS"]

    run(scenario())


def test_of_two_tasks_with_one_gateway_id_each_gets_its_own_row(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            first, second, third = [await open_accepted(house, "17") for _ in range(3)]
            # The third one's is not shown, as where a gateway's rows are keyed by their ids.
            client.shared["17"] = tuple(
                Listed(state=task.id, progress=Progress(gateway_id="17", status=status, progress=percent))
                for task, status, percent in ((second, "SUCCESS", 100), (first, "IN_PROGRESS", 40))
            )
            await look(house, make_reconciler(house, g=client), SILENT)
            assert (await house.task(first)).progress == 40
            assert (await house.task(second)).status == "SUCCESS"
            assert (await house.task(third)).status == "NOT_START"

    run(scenario())


def test_a_row_with_a_state_that_is_nobodys_counts(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            task = await open_accepted(house, "17")
            done = Progress(gateway_id="17", status="SUCCESS", progress=100)
            client.shared["17"] = (Listed(state="somebody's own", progress=done),)
            await look(house, make_reconciler(house, g=client), SILENT)
            assert (await house.task(task)).status == "SUCCESS"

    run(scenario())


def test_a_task_that_goes_by_anothers_id_is_looked_for_by_its_state(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            other, task = await open_accepted(house, "17"), await open_accepted(house, "17")
            busy = Progress(gateway_id="17", status="IN_PROGRESS", progress=40)
            client.shared["17"] = (Listed(state=other.id, progress=busy),)
            client.by_state[task.id] = Progress(gateway_id="18", status="SUCCESS", progress=100)
            await look(house, make_reconciler(house, g=client), SILENT)
            found = await house.task(task)
            assert (found.status, found.gateway_id) == ("SUCCESS", "18")
            assert (await house.task(other)).progress == 40

    run(scenario())


def test_a_task_of_which_only_anothers_row_is_ever_told_is_lost_in_the_end(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            client = StubClient()
            other, task = await open_accepted(house, "17"), await open_accepted(house, "17")
            done = Progress(gateway_id="17", status="SUCCESS", progress=100)
            client.shared["17"] = (Listed(state=other.id, progress=done),)
            reconciler = make_reconciler(house, g=client)
            await look(house, reconciler, SILENT)
            assert (await house.task(task)).submission == "accepted"
            await look(house, reconciler, LOST + 1)
            assert (await house.task(task)).submission == "lost"
            assert (await house.task(other)).status == "SUCCESS"

    run(scenario())
