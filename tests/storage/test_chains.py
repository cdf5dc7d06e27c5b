"""A chain settles when its last task has ended and nothing waits: exactly then, in the same commit."""

from typing import TYPE_CHECKING, Any

import pytest

from storage.adoption import adopt
from storage.chains import is_settled, read_chain
from storage.deferrals import drop_waiting, resume_due
from storage.events import list_events
from storage.openings import open_click, open_retry
from storage.pauses import pause, resume
from storage.reactions import Click, Decision, Resubmit, Tag
from storage.records import Chain, Event, Picture, Progress, Task
from storage.submissions import acknowledge, doubt, lose_task, reject
from storage.windows import answer_window
from storage.withdrawals import withdraw
from tests.storage.conftest import Script, decide

if TYPE_CHECKING:
    from tests.conftest import Ledger

FOREVER = 10**15  # milliseconds; later than any news of these tests
PICTURE = "https://cdn.example/a.png"


def settlings(ledger: "Ledger", root: Task) -> list[Event]:
    return ledger.ask(list_events, task=root.id, types=("chain.settled",))[0]


def work(ledger: "Ledger", task: Task, **ending: Any) -> None:
    """Let a planned task be sent, and end."""
    ledger.claim()
    ledger.record(task, **ending or {"status": "SUCCESS", "progress": 100})


def click(ledger: "Ledger", task: Task, place: int) -> Task:
    child, new = ledger.do(open_click, task, ledger.grid[place], origin="api")
    assert new
    return child


class TestSettling:
    def test_a_root_that_ends_alone_settles_its_chain(self, ledger: "Ledger") -> None:
        task = ledger.open_grid()
        (event,) = settlings(ledger, task)
        assert event.task == task
        assert event.data["source"] == "service"
        assert event.data["chain"] == {
            "root_id": task.id,
            "tasks": 1,
            "succeeded": {"IMAGINE": 1},
            "failed": {},
            "cancelled": {},
            "retried": {},
            "lost": 0,
            "cost": None,
            "pictures": [],
        }
        assert event.seq == ledger.events(task)[-1].seq + 1

    def test_it_waits_for_the_last_and_a_chain_that_grows_settles_again(self, ledger: "Ledger") -> None:
        root = ledger.open_grid()
        one, two = click(ledger, root, 0), click(ledger, root, 1)
        work(ledger, one)
        assert len(settlings(ledger, root)) == 1, "the other one is at work"
        ledger.record(one, status="SUCCESS", progress=100, image_url=PICTURE)
        assert len(settlings(ledger, root)) == 1, "no repetition settles anything"
        ledger.record(two, status="FAILURE")
        assert [event.data["chain"]["tasks"] for event in settlings(ledger, root)] == [1, 3]

    def test_two_endings_in_one_batch_settle_once(self, ledger: "Ledger") -> None:
        root = ledger.open_grid()
        children = [click(ledger, root, place) for place in range(2)]
        ledger.claim()
        futures = [
            ledger.store.submit(lose_task, child.id, reason="silence", silent_since=FOREVER) for child in children
        ]
        for child in children:
            ledger.do(acknowledge, ledger.submission(child).id, None, "submit")
        for child in children:
            futures.append(ledger.store.submit(lose_task, child.id, reason="silence", silent_since=FOREVER))
        for future in futures:
            future.result(10)
        assert [event.data["chain"]["lost"] for event in settlings(ledger, root)] == [0, 2]

    def test_whatever_ends_a_task_may_settle_its_chain(self, ledger: "Ledger") -> None:
        refused, taken_back, cancelled, lost = (
            ledger.open(),
            ledger.open(gateway="h"),
            ledger.open_accepted("g1"),
            ledger.open_accepted("g2"),
        )
        ledger.do(reject, ledger.submission(refused).id, reason="no", kind="gateway", answer=None)
        ledger.do(withdraw, taken_back.id)
        ledger.record(cancelled, status="CANCEL")
        ledger.do(lose_task, lost.id, reason="silence", silent_since=FOREVER)
        chains = [settlings(ledger, task)[0].data["chain"] for task in (refused, taken_back, cancelled, lost)]
        assert [(chain["failed"], chain["cancelled"], chain["lost"]) for chain in chains] == [
            ({"IMAGINE": 1}, {}, 0),
            ({}, {"IMAGINE": 1}, 0),
            ({}, {"IMAGINE": 1}, 0),
            ({}, {}, 1),
        ]

    def test_doubt_and_an_open_window_settle_nothing(self, ledger: "Ledger") -> None:
        doubted, window = ledger.open(), ledger.open_accepted("g1")
        ledger.claim()
        ledger.do(doubt, ledger.submission(doubted).id, reason="?")
        ledger.record(window, status="MODAL")
        answered = ledger.do(answer_window, window.id, prompt="狗", mask=None)
        ledger.do(reject, ledger.submission(answered).id, reason="no", kind="gateway", answer=None)
        assert settlings(ledger, doubted) == settlings(ledger, window) == []

    def test_late_news_of_what_was_lost_settle_it_once_more(self, ledger: "Ledger") -> None:
        task = ledger.open_accepted()
        ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
        ledger.record(task, status="IN_PROGRESS", progress=50)
        assert [event.data["chain"]["lost"] for event in settlings(ledger, task)] == [1]
        ledger.record(task, status="SUCCESS", progress=100)
        last = settlings(ledger, task)[-1].data["chain"]
        assert (last["lost"], last["succeeded"]) == (0, {"IMAGINE": 1})

    def test_a_contradiction_and_a_belief_after_refusal_settle_nothing_anew(self, ledger: "Ledger") -> None:
        task = ledger.open()
        ledger.claim()
        ledger.do(reject, ledger.submission(task).id, reason="no", kind="gateway", answer=None)
        ledger.record(task, status="SUCCESS", progress=100)
        assert ledger.told(task)[-1] == "task.contradicted"
        assert len(settlings(ledger, task)) == 1

    def test_what_was_adopted_after_its_end_settles_only_what_grows_from_it(self, ledger: "Ledger") -> None:
        done = Progress(gateway_id="77", status="SUCCESS", progress=100, buttons=ledger.grid)
        root, _ = ledger.do(adopt, "g", "77", done)
        assert settlings(ledger, root) == []
        work(ledger, click(ledger, root, 0))
        (event,) = settlings(ledger, root)
        assert event.data["chain"]["tasks"] == 2

    def test_while_everything_is_paused_what_is_planned_keeps_its_chain_open(self, ledger: "Ledger") -> None:
        root = ledger.open_grid()
        ledger.do(pause, "*", origin="cli")
        child = click(ledger, root, 0)
        assert ledger.claim() == []
        ledger.do(resume, "*")
        work(ledger, child)
        assert len(settlings(ledger, root)) == 2


class TestRules:
    """Rules come first: what they open or put off keeps their chain from settling."""

    def test_what_a_rule_opens_on_an_ending_keeps_its_chain_open(self, scripted: "Ledger", script: Script) -> None:
        script.on["task.succeeded"] = lambda task, _facts: (
            [] if task.depth else [decide(Click(button=scripted.grid[0]))]
        )
        root = scripted.open_grid()
        assert settlings(scripted, root) == []
        work(scripted, scripted.children(root)[0])
        assert len(settlings(scripted, root)) == 1

    def test_a_rule_on_the_settling_fires_once_and_may_let_the_chain_grow(
        self, scripted: "Ledger", script: Script
    ) -> None:
        seen: list[Chain] = []

        def rules(task: Task, facts: Any) -> list[Decision]:
            seen.append(facts.chain(task.root_id))
            return [decide(Click(button=scripted.grid[0]))]

        script.on["chain.settled"] = rules
        root = scripted.open_grid()
        (child,) = scripted.children(root)
        (firing,) = scripted.firings(root)
        assert firing.seq == settlings(scripted, root)[0].seq
        work(scripted, child)
        assert [chain.tasks for chain in seen] == [1, 2]
        assert len(settlings(scripted, root)) == 2
        assert len(scripted.firings(root)) == 1

    def test_a_firing_that_waits_keeps_its_chain_open_until_it_is_resolved(
        self, scripted: "Ledger", script: Script
    ) -> None:
        now = scripted.store.now()
        script.on["task.succeeded"] = lambda _task, _facts: [
            decide(Click(button=scripted.grid[0]), outcome="deferred", reason="budget", next_at=now + 1000)
        ]
        root = scripted.open_grid()
        assert settlings(scripted, root) == []
        script.due = lambda firing, *_: decide(outcome="deferred", reason="budget", next_at=now + 5000)
        scripted.clock.now += 2
        scripted.do(resume_due)
        assert settlings(scripted, root) == []
        script.due = lambda firing, *_: decide(outcome="blocked", reason="paused")
        scripted.clock.now += 4
        scripted.do(resume_due)
        assert len(settlings(scripted, root)) == 1

    def test_one_that_waited_on_the_settling_itself_settles_nothing_again(
        self, scripted: "Ledger", script: Script
    ) -> None:
        waits = {"outcome": "deferred", "reason": "quiet_hours", "next_at": scripted.store.now() + 1000}
        script.on["chain.settled"] = lambda _task, _facts: [decide(Tag(tags=("done",)), **waits)]
        root = scripted.open_grid()
        script.due = lambda *_: decide(Tag(tags=("done",)))
        scripted.clock.now += 2
        scripted.do(resume_due)
        assert scripted.task(root).tags == ("done",)
        assert len(settlings(scripted, root)) == 1

    def test_one_that_waited_on_the_settling_holds_back_what_has_grown_meanwhile(
        self, scripted: "Ledger", script: Script
    ) -> None:
        waits = {"outcome": "deferred", "reason": "quiet_hours", "next_at": scripted.store.now() + 1000}
        script.on["chain.settled"] = lambda _task, _facts: [decide(**waits)]
        root = scripted.open_grid()
        work(scripted, click(scripted, root, 0))
        assert len(settlings(scripted, root)) == 1
        script.due = lambda *_: decide(Click(button=scripted.grid[1]))
        scripted.clock.now += 2
        scripted.do(resume_due)
        assert len(settlings(scripted, root)) == 1, "it opened a task, which goes on"
        work(scripted, next(child for child in scripted.children(root) if child.button == "U2"))
        assert [event.data["chain"]["tasks"] for event in settlings(scripted, root)] == [1, 3]

    def test_what_is_dropped_lets_its_chain_settle(self, scripted: "Ledger", script: Script) -> None:
        waits = {"outcome": "deferred", "reason": "budget", "next_at": scripted.store.now() + 1000}
        script.on["task.succeeded"] = lambda _task, _facts: [decide(Click(button=scripted.grid[0]), **waits)]
        root = scripted.open_grid()
        scripted.do(drop_waiting, "because", rule="r")
        assert len(settlings(scripted, root)) == 1

    def test_a_retry_keeps_the_chain_open_and_its_failure_counts_as_retried(
        self, scripted: "Ledger", script: Script
    ) -> None:
        script.on["task.failed"] = lambda task, _facts: [decide(Resubmit())] if task.attempt == 1 else []
        root = scripted.open_accepted()
        scripted.record(root, status="FAILURE")
        assert settlings(scripted, root) == []
        (row,) = scripted.sql("SELECT id FROM tasks WHERE retry_of = ?", root.id)
        retry = next(claim.task for claim in scripted.claim() if claim.task.id == row[0])
        scripted.record(retry, status="FAILURE")
        (event,) = settlings(scripted, root)
        chain = event.data["chain"]
        assert (chain["tasks"], chain["retried"], chain["failed"]) == (2, {"IMAGINE": 1}, {"IMAGINE": 1})


def test_what_was_asked_for_once_more_and_has_come_back_is_at_work(ledger: "Ledger") -> None:
    root = ledger.open_accepted()
    ledger.do(lose_task, root.id, reason="silence", silent_since=FOREVER)
    ledger.do(open_retry, ledger.task(root), origin="api")
    assert ledger.ask(read_chain, root.id).retried == {"IMAGINE": 1}
    ledger.record(root, status="IN_PROGRESS", progress=5)
    assert ledger.ask(read_chain, root.id).retried == {}


def test_a_chain_counts_by_action_sums_costs_and_keeps_pictures_in_order(ledger: "Ledger") -> None:
    root = ledger.open_grid()
    ledger.do(lambda tx: tx.execute("UPDATE tasks SET cost = 0.1 WHERE id = ?", (root.id,)).rowcount)
    one, two, failed, cancelled, lost, retried, open_one = [click(ledger, root, place) for place in range(7)]
    ledger.do(lambda tx: tx.execute("UPDATE tasks SET cost = 0.2 WHERE id = ?", (one.id,)).rowcount)
    ledger.claim()
    ledger.record(two, status="SUCCESS", progress=100, video_urls=("https://cdn.example/v.mp4",))
    ledger.record(one, status="SUCCESS", progress=100, image_url=PICTURE)
    ledger.record(failed, status="FAILURE")
    ledger.record(cancelled, status="CANCEL")
    ledger.record(lost, status="SUBMITTED")
    ledger.do(lose_task, lost.id, reason="silence", silent_since=FOREVER)
    ledger.record(retried, status="CANCEL")
    ledger.do(open_retry, ledger.task(retried), origin="api")
    assert not ledger.ask(is_settled, root.id)
    assert ledger.ask(read_chain, root.id) == Chain(
        root_id=root.id,
        tasks=9,
        succeeded={"IMAGINE": 1, "UPSCALE": 2},
        failed={"UPSCALE": 1},
        cancelled={"UPSCALE": 1},
        retried={"VARIATION": 1},
        lost=1,
        cost=0.3,
        pictures=(
            Picture(task_id=one.id, action="UPSCALE", index=1, image_url=PICTURE),
            Picture(
                task_id=two.id,
                action="UPSCALE",
                index=2,
                image_url=None,
                video_urls=("https://cdn.example/v.mp4",),
            ),
        ),
    )
    assert open_one.id in {task_id for (task_id,) in ledger.sql("SELECT id FROM tasks WHERE status = 'NOT_START'")}


@pytest.mark.parametrize("root_id", ["8000000000000001", ""])
def test_a_chain_that_is_not_there_is_empty(ledger: "Ledger", root_id: str) -> None:
    assert ledger.ask(read_chain, root_id).tasks == 0
