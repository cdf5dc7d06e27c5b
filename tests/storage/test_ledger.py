"""What one callback may and may not do to the ledger."""

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from storage.errors import LedgerUnavailable, NoSuchSubmission
from storage.events import list_events
from storage.ledger import open_window, record
from storage.openings import open_click
from storage.reactions import Click, Decision
from storage.records import Button, Progress, Task
from storage.submissions import acknowledge, doubt, lose_task, reject

FOREVER = 10**15  # milliseconds; later than any news of these tests

if TYPE_CHECKING:
    from tests.conftest import Ledger


def test_a_callback_that_overtakes_the_answer_proves_the_submission(ledger: "Ledger") -> None:
    task = ledger.open()
    ledger.claim()
    assert ledger.record(task, gateway_id="g1", status="SUBMITTED", progress=0) == "news"
    assert ledger.told(task) == ["task.submitted", "task.progressed"]
    task = ledger.task(task)
    assert (task.submission, task.gateway_id, task.submitted_at) == ("accepted", "g1", 1_800_000_000_000)
    ledger.do(acknowledge, ledger.submission(task).id, "g1", "submit", {"code": 1, "result": "g1"})
    assert ledger.submission(task).answer == {"code": 1, "result": "g1"}
    assert ledger.told(task) == ["task.submitted", "task.progressed"]


@pytest.mark.parametrize("status", ["NOT_START", "IN_PROGRESS", "SUCCESS", "FAILURE"])
def test_a_callback_under_a_foreign_id_changes_nothing(ledger: "Ledger", status: str) -> None:
    task = ledger.open_accepted("g1")
    before = (
        ledger.sql("SELECT * FROM tasks"),
        ledger.sql("SELECT * FROM submissions"),
        ledger.sql("SELECT * FROM gateway_ids"),
    )
    assert ledger.record(task, gateway_id="g2", status=status, progress=50) == "foreign"
    after = (
        ledger.sql("SELECT * FROM tasks"),
        ledger.sql("SELECT * FROM submissions"),
        ledger.sql("SELECT * FROM gateway_ids"),
    )
    assert after == before
    assert ledger.told(task) == ["task.submitted"]


def test_a_foreign_id_does_not_settle_a_doubt(ledger: "Ledger") -> None:
    task = ledger.open_accepted("g1")
    ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
    assert ledger.record(task, gateway_id="g2", status="SUCCESS", progress=100) == "foreign"
    assert ledger.task(task).submission == "lost"


def test_a_task_without_a_gateway_id_adopts_the_first_and_its_events_say_so(ledger: "Ledger") -> None:
    task = ledger.open_accepted(None)
    ledger.record(task, status="SUBMITTED")
    ledger.record(task, gateway_id="g1", status="IN_PROGRESS", progress=1)
    assert ledger.record(task, gateway_id="g2", status="IN_PROGRESS", progress=2) == "foreign"
    assert ledger.task(task).gateway_id == "g1"
    assert [event.task.gateway_id for event in ledger.events(task) if event.task] == [None, None, "g1"]


def test_a_task_that_awaits_its_window_adopts_a_new_id_and_answers_to_both(ledger: "Ledger") -> None:
    task = ledger.open()
    ledger.claim()
    ledger.do(open_window, ledger.submission(task).id, "g1", {"code": 21})
    assert (ledger.task(task).status, ledger.told(task)) == ("MODAL", ["task.submitted", "task.modal"])
    assert ledger.record(task, gateway_id="g2", status="IN_PROGRESS", progress=1) == "news"
    assert ledger.record(task, gateway_id="g1", status="IN_PROGRESS", progress=2) == "news"
    assert ledger.record(task, gateway_id="g3", status="IN_PROGRESS", progress=3) == "foreign"
    assert ledger.task(task).gateway_id == "g2"
    assert [event.task.gateway_id for event in ledger.events(task) if event.task] == ["g1", "g1", "g2", "g2"]
    assert ledger.sql("SELECT gateway_id FROM gateway_ids WHERE task_id = ? ORDER BY 1", task.id) == [("g1",), ("g2",)]


def test_two_tasks_may_share_a_gateway_id(ledger: "Ledger") -> None:
    one, other = ledger.open_accepted("g1"), ledger.open_accepted("g1")
    assert ledger.record(other, gateway_id="g1", status="SUCCESS", progress=100) == "news"
    assert (ledger.task(one).status, ledger.task(other).status) == ("NOT_START", "SUCCESS")


def test_a_hook_that_the_ledger_does_not_know_is_refused(ledger: "Ledger") -> None:
    task, other = ledger.open_accepted(), ledger.open_accepted()
    for task_id, nonce in (
        (task.id, "elsewhere"),
        ("8000000000000009", "x"),
        (task.id, ledger.submission(other).nonce),
    ):
        with pytest.raises(NoSuchSubmission):
            ledger.do(record, task_id, nonce, Progress(status="SUCCESS"), "callback")
    assert ledger.task(task).status == "NOT_START"


def test_a_fetch_needs_no_nonce_and_says_where_it_came_from(ledger: "Ledger") -> None:
    task = ledger.open_accepted()
    ledger.do(record, task.id, None, Progress(gateway_id="g1", status="SUCCESS", progress=100), "fetch")
    assert [event.data["source"] for event in ledger.events(task)] == ["submit", "fetch"]


def test_what_a_gateway_invents_is_kept_and_comes_out_again(ledger: "Ledger") -> None:
    task = ledger.open_accepted()
    strange = {"猫": ["🐈", None, 1.5, {"deep": {"er": True}}], "big": 10**30, "__proto__": {}, "": "empty"}
    odd = Button(label="", emoji="❓", custom_id="XX::1", kind="")
    ledger.record(task, status="宇宙", progress=7, properties=strange, buttons=(odd,))
    row = ledger.task(task)
    assert (row.status, row.properties, row.buttons) == ("宇宙", strange, (odd,))
    assert ledger.events(task)[-1].task == row


def test_a_silent_replacement_shows_in_the_evidence_of_a_contradiction(ledger: "Ledger") -> None:
    task = ledger.open_accepted()
    ledger.record(task, status="SUCCESS", progress=100)
    ledger.record(task, status="SUCCESS", progress=100, image_url="https://cdn.example/a.png")
    assert ledger.record(task, status="FAILURE", fail_reason="超时", fail_kind="timeout") == "contradiction"
    assert ledger.record(task, status="FAILURE", fail_reason="again", fail_kind="unknown") == "contradiction"
    (kept,) = [event for event in ledger.events(task) if event.type == "task.contradicted"]
    assert kept.task == ledger.task(task)
    assert kept.data == {
        "source": "callback",
        "claim": {"status": "FAILURE", "fail_reason": "超时", "fail_kind": "timeout"},
    }


def refuse(ledger: "Ledger", task: Task) -> None:
    ledger.claim()
    ledger.do(reject, ledger.submission(task).id, reason="违规", kind="moderation", answer={"code": 24})


@pytest.mark.parametrize("status", ["FAILURE", "CANCEL"])
def test_a_refused_task_of_which_the_gateway_says_nothing_better_stays_refused(ledger: "Ledger", status: str) -> None:
    task = ledger.open()
    refuse(ledger, task)
    ledger.record(task, gateway_id="g1", status=status)
    assert (ledger.task(task).status, ledger.task(task).submission) == ("FAILURE", "rejected")


@pytest.mark.parametrize("status", ["NOT_START", "IN_PROGRESS", "SUCCESS", "宇宙"])
def test_a_refused_task_on_which_the_gateway_works_was_paid_and_stays_failed(ledger: "Ledger", status: str) -> None:
    task = ledger.open()
    refuse(ledger, task)
    before = ledger.task(task)
    assert ledger.record(task, gateway_id="g1", status=status, image_url="https://cdn.example/a.png") == "contradiction"
    after = ledger.task(task)
    assert (after.status, after.fail_reason, after.submission) == ("FAILURE", "违规", "accepted")
    assert (after.updated_at, after.gateway_id) == (before.updated_at, "g1")
    assert ledger.submission(task).state == "accepted"
    assert ledger.told(task) == ["task.failed", "task.contradicted"]
    evidence = ledger.events(task)[-1]
    assert evidence.task == after
    assert evidence.data["claim"] == {"status": status, "image_url": "https://cdn.example/a.png"}
    assert ledger.record(task, gateway_id="g1", status="IN_PROGRESS", progress=1) == "known"
    assert ledger.claim() == []


def test_a_callback_revives_what_was_lost(ledger: "Ledger") -> None:
    task = ledger.open()
    ledger.claim()
    ledger.do(doubt, ledger.submission(task).id, reason="no answer")
    ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
    assert ledger.record(task, gateway_id="g1", status="SUCCESS", progress=100) == "news"
    assert (ledger.task(task).submission, ledger.submission(task).state) == ("accepted", "accepted")
    assert ledger.told(task) == ["task.unknown", "task.lost", "task.submitted", "task.succeeded"]


class Raising:
    """Rules that fail as a whole."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def listens(self, event_type: str) -> bool:
        return event_type == "task.succeeded"

    def __call__(self, event_type: str, task: Task, facts: Any) -> tuple[Decision, ...]:
        facts.then(task.id)
        raise self.error


def test_rules_that_raise_as_a_whole_leave_a_firing_and_lose_no_callback(open_ledger: "Callable[..., Ledger]") -> None:
    ledger = open_ledger(react=Raising(ZeroDivisionError("secret words")))
    task = ledger.open_grid()
    (firing,) = ledger.firings(task)
    assert (firing.rule, firing.outcome, firing.reason, firing.detail) == (
        "(rules)",
        "blocked",
        "error",
        "the rule failed: ZeroDivisionError",
    )
    assert (firing.seq, task.status) == (ledger.events(task)[-1].seq, "SUCCESS")


def test_trouble_of_the_ledger_is_not_taken_for_a_rules(open_ledger: "Callable[..., Ledger]") -> None:
    class Broken(Raising):
        def __call__(self, event_type: str, task: Task, facts: Any) -> tuple[Decision, ...]:
            facts._db = sqlite3.connect(":memory:")  # nothing can be read there, as on a failing disk
            facts.then(task.id)
            return ()

    ledger = open_ledger(react=Broken(ValueError()))
    task = ledger.open_accepted()
    with pytest.raises(LedgerUnavailable, match="cannot be asked"):
        ledger.record(task, status="SUCCESS", progress=100)
    assert ledger.task(task).status == "NOT_START"
    assert ledger.firings(task) == []


def test_one_rule_that_raises_is_blocked_while_another_goes_on(
    open_ledger: "Callable[..., Ledger]", reactor: Callable[..., Any]
) -> None:
    rules = reactor(
        "id: broken, on: task.succeeded, match: {depth: 0}, do: [click: U4]",
        "id: sound, on: task.succeeded, match: {depth: 0}, do: [click: U1]",
    )
    ledger = open_ledger(react=rules)
    task = ledger.open_accepted()
    ledger.record(task, status="SUCCESS", progress=100, buttons=ledger.grid[:1])
    assert [(each.rule, each.outcome, each.reason) for each in ledger.firings(task)] == [
        ("broken", "blocked", "error"),
        ("sound", "fired", None),
    ]
    assert [each.button for each in ledger.children(task)] == ["U1"]


def test_an_event_and_what_follows_from_it_are_one_commit(open_ledger: "Callable[..., Ledger]") -> None:
    class Clicks:
        def listens(self, event_type: str) -> bool:
            return event_type == "task.succeeded"

        def __call__(self, event_type: str, task: Task, facts: Any) -> tuple[Decision, ...]:
            return (
                Decision(
                    rule="r",
                    version="v",
                    origin="rule:r",
                    actions=tuple(Click(button=each) for each in task.buttons[:2]),
                ),
            )

    ledger = open_ledger(react=Clicks())
    task = ledger.open_accepted()

    def half(tx: Any) -> None:
        record(tx, task.id, None, Progress(status="SUCCESS", progress=100, buttons=ledger.grid), "fetch")
        raise RuntimeError("the verb fails after all")

    with pytest.raises(RuntimeError, match="after all"):
        ledger.do(half)
    assert (ledger.firings(task), ledger.children(task), ledger.told(task)) == ([], [], ["task.submitted"])
    ledger.record(task, status="SUCCESS", progress=100, buttons=ledger.grid)
    assert [(each["button"], each["result"]) for each in ledger.firings(task)[0].actions] == [
        ("U1", "opened"),
        ("U2", "opened"),
    ]


class OnProgress:
    """Decides to click a button anew at every progress."""

    def listens(self, event_type: str) -> bool:
        return event_type == "task.progressed"

    def __call__(self, event_type: str, task: Task, facts: Any) -> tuple[Decision, ...]:
        return (
            Decision(
                rule="again",
                version="v",
                origin="rule:again",
                actions=tuple(Click(button=each) for each in task.buttons[4:5]),
            ),
        ) * 2


def test_a_rule_decides_once_about_a_task_however_often_it_is_asked(open_ledger: "Callable[..., Ledger]") -> None:
    ledger = open_ledger(react=OnProgress())
    task = ledger.open_accepted()
    for percent in (1, 2, 3):
        assert ledger.record(task, status="IN_PROGRESS", progress=percent, buttons=ledger.grid) == "news"
    (firing,) = ledger.firings(task)
    assert (firing.outcome, firing.seq) == ("fired", ledger.events(task)[1].seq)
    assert [each.button for each in ledger.children(task)] == ["V1"]


def test_the_database_itself_keeps_a_second_firing_away(ledger: "Ledger") -> None:
    task = ledger.open_accepted()
    insert = (
        "INSERT INTO firings (rule, version, task_id, root_id, seq, outcome, actions, created_at, updated_at)"
        " VALUES ('r', 'v', ?1, ?1, 1, 'fired', '[]', 0, 0)"
    )
    ledger.do(lambda tx: tx.execute(insert, (task.id,)).rowcount)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        ledger.do(lambda tx: tx.execute(insert, (task.id,)).rowcount)


class TestOneLiveClick:
    """At most one live click per (parent, kind `upsample`, index), whoever asks."""

    RULE = "id: first, on: task.succeeded, match: {depth: 0}, do: [click: U1]"

    def test_rule_then_and_api_share_one_child(
        self, open_ledger: "Callable[..., Ledger]", reactor: Callable[..., Any]
    ) -> None:
        ledger = open_ledger(react=reactor(self.RULE))
        task = ledger.open_grid(then=("U1", "U2"))
        firings = {each.rule: each for each in ledger.firings(task)}
        one, two = ledger.children(task)
        assert (one.button, one.origin, two.button) == ("U1", "then", "U2")
        assert [click["result"] for click in firings["then"].actions] == ["opened", "opened"]
        rule = firings["first"]
        assert (rule.outcome, rule.reason) == ("blocked", "exists")
        assert rule.actions == ({"action": "click", "button": "U1", "task_id": one.id, "result": "exists"},)
        assert ledger.do(open_click, task, ledger.grid[0], origin="api") == (ledger.task(one), False)
        assert len(ledger.children(task)) == 2

    def test_a_rule_gets_the_child_that_the_api_opened(
        self, open_ledger: "Callable[..., Ledger]", reactor: Callable[..., Any]
    ) -> None:
        ledger = open_ledger(react=reactor(self.RULE))
        task = ledger.open_accepted()
        child, new = ledger.do(open_click, task, ledger.grid[0], origin="api")
        assert new
        ledger.record(task, status="SUCCESS", progress=100, buttons=ledger.grid)
        assert ledger.firings(task)[0].reason == "exists"
        assert [each.id for each in ledger.children(task)] == [child.id]

    def test_the_same_button_under_another_job_is_the_same_click(self, ledger: "Ledger") -> None:
        task = ledger.open_grid()
        first, _ = ledger.do(open_click, task, ledger.grid[0], origin="api")
        other = Button(label="", emoji="1️⃣", custom_id=None, kind="upsample", index=1)
        assert ledger.do(open_click, task, other, origin="api")[0].id == first.id

    @pytest.mark.parametrize("state", ["planned", "sending", "unknown", "accepted", "succeeded"])
    def test_while_it_lives_nobody_clicks_again(self, ledger: "Ledger", state: str) -> None:
        task, child = self.open_child(ledger)
        if state != "planned":
            ledger.claim()
        if state == "unknown":
            ledger.do(doubt, ledger.submission(child).id, reason="no answer")
        if state in ("accepted", "succeeded"):
            ledger.do(acknowledge, ledger.submission(child).id, "g7", "submit")
        if state == "succeeded":
            ledger.record(child, status="SUCCESS", progress=100)
        again, new = ledger.do(open_click, task, ledger.grid[0], origin="api")
        assert (again.id, new) == (child.id, False)

    @pytest.mark.parametrize("end", ["failed", "cancelled", "rejected", "lost"])
    def test_one_that_came_to_nothing_frees_the_button(self, ledger: "Ledger", end: str) -> None:
        task, child = self.open_child(ledger)
        ledger.claim()
        submission = ledger.submission(child).id
        if end == "rejected":
            ledger.do(reject, submission, reason="no", kind="gateway", answer=None)
        else:
            ledger.do(acknowledge, submission, "g7", "submit")
        if end == "lost":
            ledger.do(lose_task, child.id, reason="silence", silent_since=FOREVER)
        if end in ("failed", "cancelled"):
            ledger.record(child, status={"failed": "FAILURE", "cancelled": "CANCEL"}[end])
        again, new = ledger.do(open_click, task, ledger.grid[0], origin="api")
        assert new
        assert again.id != child.id
        assert ledger.do(open_click, task, ledger.grid[0], origin="api")[0].id == again.id

    @pytest.mark.parametrize("status", ["IN_PROGRESS", "SUCCESS"])
    def test_a_refused_one_on_which_the_gateway_works_keeps_its_place(self, ledger: "Ledger", status: str) -> None:
        task, child = self.open_child(ledger)
        refuse(ledger, child)
        ledger.record(child, gateway_id="g7", status=status)
        assert ledger.do(open_click, task, ledger.grid[0], origin="api") == (ledger.task(child), False)

    @pytest.mark.parametrize(("second", "kept"), [("SUCCESS", True), ("CANCEL", False)])
    def test_one_that_failed_keeps_its_place_if_the_gateway_says_that_it_succeeded(
        self, ledger: "Ledger", second: str, kept: bool
    ) -> None:
        task, child = self.open_child(ledger)
        ledger.record(child, gateway_id="g7", status="FAILURE")
        assert ledger.record(child, gateway_id="g7", status=second) == "contradiction"
        again, new = ledger.do(open_click, task, ledger.grid[0], origin="api")
        assert (new, again.id == child.id) == (not kept, kept)

    def test_a_second_variation_is_a_new_task(self, ledger: "Ledger") -> None:
        task = ledger.open_grid()
        clicks = [ledger.do(open_click, task, ledger.grid[4], origin="api") for _ in range(2)]
        assert [new for _, new in clicks] == [True, True]
        assert clicks[0][0].id != clicks[1][0].id

    def test_other_pictures_and_other_parents_are_other_clicks(self, ledger: "Ledger") -> None:
        one, other = ledger.open_grid("g1"), ledger.open_grid("g2")
        clicks = [
            ledger.do(open_click, parent, button, origin="api") for parent in (one, other) for button in ledger.grid[:4]
        ]
        assert all(new for _, new in clicks)
        assert len({child.id for child, _ in clicks}) == 8

    def test_a_child_inherits_from_its_chain(self, ledger: "Ledger") -> None:
        task = ledger.open_grid(tags=("红", "b"), state="order-7", params={"ar": "16:9"})
        child, _ = ledger.do(open_click, task, ledger.grid[1], origin="rule:x")
        inherited = (child.gateway, child.prompt, child.params, child.tags, child.state)
        assert inherited == (task.gateway, task.prompt, task.params, task.tags, task.state)
        assert (child.parent_id, child.root_id, child.depth) == (task.id, task.id, 1)
        assert (child.action, child.button, child.index, child.origin) == ("UPSCALE", "U2", 2, "rule:x")
        grandchild, _ = ledger.do(open_click, child, ledger.grid[4], origin="api")
        assert (grandchild.root_id, grandchild.depth) == (task.id, 2)

    @staticmethod
    def open_child(ledger: "Ledger") -> tuple[Task, Task]:
        task = ledger.open_grid()
        return task, ledger.do(open_click, task, ledger.grid[0], origin="api")[0]


def test_firings_outlive_repeated_endings(open_ledger: "Callable[..., Ledger]", reactor: Callable[..., Any]) -> None:
    ledger = open_ledger(react=reactor("id: vary, on: task.succeeded, match: {depth: 0}, do: [click: V1]"))
    task = ledger.open_grid(then=("V2",))
    for _ in range(3):
        ledger.record(task, status="SUCCESS", progress=100, buttons=ledger.grid, image_url="https://cdn.example/a")
    assert [each.rule for each in ledger.firings(task)] == ["then", "vary"]
    assert [each.button for each in ledger.children(task)] == ["V2", "V1"]
    assert ledger.ask(list_events, types=("task.succeeded",))[0][0].task.id == task.id
