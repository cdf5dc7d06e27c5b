"""What rules decide is done in the event's own transaction, and kept with what came of it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from storage.attachments import hash_attachment, read_attachments
from storage.effects import fail_effect, finish_effect, list_effects
from storage.events import list_events
from storage.firings import apply_rule, list_firings
from storage.openings import open_click
from storage.pauses import list_pauses
from storage.reactions import Click, Decision, Download, Firing, Notify, Refused, Resubmit, Submit, Tag
from storage.records import NewTask, Task
from storage.submissions import list_submissions, reject
from storage.tasks import read_task
from tests.storage.conftest import Script, decide

if TYPE_CHECKING:
    from tests.conftest import Ledger

URL = "https://cdn.example/a.png"
NOTIFY = Notify(address="0123456789abcdef", text="done")
HOUR = 3_600_000  # milliseconds


def fire(ledger: "Ledger", script: Script, *decisions: Decision, **fields: Any) -> tuple[Task, list[Firing]]:
    """A grid that succeeds, and what is decided about it; the grid, and its firings."""
    script.on["task.succeeded"] = lambda task, _facts: decisions if task.depth == 0 else ()
    task = ledger.open_grid(**fields)
    return task, ledger.firings(task)


def test_a_click_opens_a_child_and_keeps_what_it_will_cost(scripted: "Ledger", script: Script) -> None:
    task, (firing,) = fire(scripted, script, decide(Click(button=scripted.grid[0], cost=0.25)))
    (child,) = scripted.children(task)
    assert (firing.outcome, firing.reason, firing.root_id, firing.version) == ("fired", None, task.id, "v1")
    assert firing.actions == ({"action": "click", "button": "U1", "task_id": child.id, "result": "opened"},)
    assert (child.origin, scripted.submission(child).cost) == ("rule:r", 0.25)


def test_a_click_brings_the_answer_to_the_window_that_it_opens(scripted: "Ledger", script: Script) -> None:
    mask = b"\x89PNG mask"
    task, _ = fire(scripted, script, decide(Click(button=scripted.grid[8], prompt="更大", mask=mask)))
    (child,) = scripted.children(task)
    window = scripted.submission(child).request["window"]
    assert window["prompt"] == "更大"
    ((media_type, content),) = scripted.ask(read_attachments, [window["mask"]])
    assert (media_type, content) == ("image/png", mask)
    assert window["mask"] == hash_attachment(scripted.ask(read_attachments, [window["mask"]])[0])


def test_a_submit_opens_a_task_in_the_same_chain(scripted: "Ledger", script: Script) -> None:
    new = NewTask(gateway="elsewhere", action="IMAGINE", prompt="狗", origin="")
    task, (firing,) = fire(scripted, script, decide(Submit(new=new, cost=1.0)), tags=("红",), state="mine")
    (child,) = scripted.children(task)
    assert (child.prompt, child.gateway, child.root_id, child.depth) == ("狗", "g", task.id, 1)
    assert (child.tags, child.state, child.origin) == (("红",), "mine", "rule:r")
    assert scripted.submission(child).cost == 1.0
    assert firing.actions == ({"action": "submit", "prompt": "狗", "task_id": child.id, "result": "opened"},)


def test_a_resubmit_opens_the_task_once_more(scripted: "Ledger", script: Script) -> None:
    script.on["task.failed"] = lambda _task, _facts: [decide(Resubmit(cost=0.5))]
    task = scripted.open_accepted(then=("U1",))
    scripted.record(task, status="FAILURE", fail_reason="超时")
    (firing,) = scripted.firings(task)
    retry = scripted.ask(read_task, firing.actions[0]["task_id"])
    assert (retry.retry_of, retry.attempt, retry.root_id, retry.parent_id) == (task.id, 2, task.id, None)
    assert scripted.submission(retry).cost == 0.5


def test_tags_go_to_the_task_or_to_its_root_and_the_next_event_shows_them(scripted: "Ledger", script: Script) -> None:
    script.on["task.succeeded"] = lambda task, _facts: (
        [decide(Tag(tags=("盒",)), Tag(tags=("鞋", "红"), root=True))] if task.depth else []
    )
    root = scripted.open_grid(tags=("红",))
    child, _ = scripted.do(open_click, root, scripted.grid[4], origin="api")
    scripted.claim()
    scripted.record(child, status="SUCCESS", progress=100)
    assert scripted.task(child).tags == ("红", "盒")
    assert scripted.task(root).tags == ("红", "鞋")
    (firing,) = scripted.firings(child)
    assert [(action["task_id"], action["result"]) for action in firing.actions] == [
        (child.id, "done"),
        (root.id, "done"),
    ]
    (settled,) = scripted.ask(list_events, task=root.id, types=("chain.settled",), after=firing.seq)[0]
    assert settled.task == scripted.task(root)


def test_a_rule_that_tags_and_clicks_hands_its_tag_on(scripted: "Ledger", script: Script) -> None:
    task, _ = fire(scripted, script, decide(Tag(tags=("auto",)), Click(button=scripted.grid[0])))
    assert scripted.children(task)[0].tags == ("auto",)


def test_notifications_and_downloads_are_planned_and_shown_as_they_stand(scripted: "Ledger", script: Script) -> None:
    script.on["task.succeeded"] = lambda task, _facts: [
        decide(NOTIFY, Download(task_id=task.id, url=URL, path="猫/1.png"))
    ]
    task = scripted.open_grid()
    told, kept = sorted(scripted.ask(list_effects, task=task.id), key=lambda each: each.id)
    assert [action["result"] for action in scripted.firings(task)[0].actions] == ["planned", "planned"]
    scripted.do(finish_effect, told.id)
    scripted.do(fail_effect, kept.id, "404")
    (firing,) = scripted.firings(task)
    assert firing.outcome == "fired"
    assert firing.actions == (
        {"action": "notify", "address": NOTIFY.address, "effect_id": told.id, "result": "done"},
        {
            "action": "download",
            "task_id": task.id,
            "effect_id": kept.id,
            "result": "failed",
            "detail": "404",
            "path": "猫/1.png",
        },
    )


def test_what_cannot_be_done_undoes_none_of_the_others(scripted: "Ledger", script: Script) -> None:
    refused = Refused(wanted={"action": "click", "button": "U9"}, detail="there is no button U9")
    task, (firing,) = fire(scripted, script, decide(refused, Click(button=scripted.grid[0])))
    assert (firing.outcome, firing.reason) == ("fired", None)
    assert firing.actions[0] == {
        "action": "click",
        "button": "U9",
        "result": "error",
        "detail": "there is no button U9",
    }
    assert [child.button for child in scripted.children(task)] == ["U1"]


@pytest.mark.parametrize(
    ("impossible", "told"),
    [
        (Tag(tags=tuple(f"t{number}" for number in range(51))), "A task has 50 tags at most."),
        (Download(task_id="8000000000000001", url=URL, path="a.png"), "FOREIGN KEY constraint failed"),
        (Download(task_id="8000000000000001", url="\ud800", path="a.png"), "surrogates"),
    ],
)
def test_an_action_that_fails_is_undone_alone_and_loses_no_callback(
    scripted: "Ledger", script: Script, impossible: Any, told: str
) -> None:
    task, (firing,) = fire(scripted, script, decide(Click(button=scripted.grid[0]), impossible, NOTIFY))
    assert [action["result"] for action in firing.actions] == ["opened", "error", "planned"]
    assert told in firing.actions[1]["detail"]
    assert (scripted.task(task).status, scripted.task(task).tags) == ("SUCCESS", ())
    assert [each.kind for each in scripted.ask(list_effects)] == ["notify"]


def test_of_an_action_that_fails_half_way_nothing_is_left(scripted: "Ledger", script: Script) -> None:
    dear: Any = "dear"
    half = Click(button=scripted.grid[4], mask=b"mask", cost=dear)  # its task is there before its price is refused
    task, (firing,) = fire(scripted, script, decide(half, Click(button=scripted.grid[0])))
    assert [action["result"] for action in firing.actions] == ["error", "opened"]
    assert [child.button for child in scripted.children(task)] == ["U1"]
    assert scripted.sql("SELECT count(*) FROM attachments") == [(0,)]


def test_a_firing_that_could_do_nothing_is_blocked_and_says_why(scripted: "Ledger", script: Script) -> None:
    nine = Refused(wanted={"action": "click", "button": "U9"}, detail="there is no U9")
    click = Click(button=scripted.grid[0])
    _, firings = fire(
        scripted,
        script,
        decide(click, rule="first"),
        decide(click, rule="stood"),
        decide(click, nine, nine, rule="both"),
        decide(nine, rule="refused"),
        decide(rule="idle"),
    )
    assert [(each.rule, each.outcome, each.reason, each.detail) for each in firings] == [
        ("first", "fired", None, None),
        ("stood", "blocked", "exists", "Everything that it wants stood already; nothing was spent."),
        ("both", "blocked", "error", "there is no U9"),
        ("refused", "blocked", "error", "there is no U9"),
        ("idle", "blocked", "error", "There was nothing that it could do."),
    ]


def test_each_decision_is_carried_out_before_the_next_is_asked_for(scripted: "Ledger", script: Script) -> None:
    spent: list[int] = []

    def rules(task: Task, facts: Any) -> Iterator[Decision]:
        for place in range(3):
            spent.append(facts.count_follow_ups(None))
            yield decide(Click(button=scripted.grid[place]), rule=f"r{place}")

    script.on["task.succeeded"] = rules
    scripted.open_grid()
    assert spent == [0, 1, 2]


def test_rules_that_raise_half_way_keep_what_they_did_before(scripted: "Ledger", script: Script) -> None:
    def rules(task: Task, _facts: Any) -> Iterator[Decision]:
        yield decide(Click(button=scripted.grid[0]))
        raise ZeroDivisionError

    script.on["task.succeeded"] = rules
    task = scripted.open_grid()
    assert [(each.rule, each.outcome, each.reason) for each in scripted.firings(task)] == [
        ("r", "fired", None),
        ("(rules)", "blocked", "error"),
    ]
    assert [child.button for child in scripted.children(task)] == ["U1"]


@pytest.mark.parametrize(
    ("decision", "result"),
    [
        ({"outcome": "deferred", "reason": "backoff", "next_at": 1_800_000_001_000}, "waits"),
        ({"outcome": "blocked", "reason": "dry_run"}, "would"),
        ({"outcome": "blocked", "reason": "depth"}, "would"),
    ],
)
def test_what_waits_and_what_is_blocked_say_what_they_would_do(
    scripted: "Ledger", script: Script, decision: dict[str, Any], result: str
) -> None:
    new = NewTask(gateway="g", action="IMAGINE", prompt="狗", origin="")
    wanted = (Click(button=scripted.grid[0]), Submit(new=new), Resubmit(), Tag(tags=("a",), root=True), NOTIFY)
    nine = Refused(wanted={"action": "click", "button": "U9"}, detail="there is no U9")
    task, (firing,) = fire(scripted, script, decide(*wanted, nine, detail="because", **decision))
    assert (firing.outcome, firing.reason, firing.detail) == (decision["outcome"], decision["reason"], "because")
    assert firing.next_at == decision.get("next_at")
    assert scripted.children(task) == []
    told = ({"button": "U1"}, {"prompt": "狗"}, {}, {"tags": ["a"], "root": True}, {"address": NOTIFY.address})
    names = ("click", "submit", "resubmit", "tag", "notify")
    assert firing.actions[:-1] == tuple(
        {"action": name, "result": result} | more for name, more in zip(names, told, strict=True)
    )
    assert firing.actions[-1] == {"action": "click", "button": "U9", "result": "error", "detail": "there is no U9"}


def test_the_fuse_pauses_its_rule_and_says_so_in_the_same_commit(scripted: "Ledger", script: Script) -> None:
    blown = {"outcome": "blocked", "reason": "paused", "detail": "20 firings", "pauses_rule": True}
    script.on["task.succeeded"] = lambda task, _facts: [decide(**blown)] if task.depth else []
    root = scripted.open_grid(tags=("红",))
    child, _ = scripted.do(open_click, root, scripted.grid[4], origin="api")
    scripted.claim()
    scripted.record(child, status="SUCCESS", progress=100)
    (pause,) = scripted.ask(list_pauses)
    assert (pause.scope, pause.origin, pause.detail) == ("r", "fuse", "20 firings")
    (event,) = scripted.ask(list_events, types=("rule.paused",))[0]
    assert event.task == scripted.task(root)
    assert event.data == {"source": "service", "rule": "r", "origin": "fuse", "detail": "20 firings"}


class TestPast:
    """A rule may be applied to what happened before it was there."""

    def test_it_decides_once_and_what_acted_or_waits_stays(self, scripted: "Ledger", script: Script) -> None:
        wait = {"outcome": "deferred", "reason": "budget", "next_at": 9 * 10**12}
        decided: list[dict[str, Any]] = [{}, {"outcome": "blocked", "reason": "dry_run"}, wait]
        tasks = []
        for fields in decided:
            tasks += [fire(scripted, script, decide(Click(button=scripted.grid[0]), **fields))[0]]
        script.on.clear()
        tasks += [scripted.open_grid("g9"), scripted.open_grid("g8")]
        asked: list[str] = []

        def past(rule: str, event_type: str, task: Task, facts: Any) -> Decision | None:
            asked.append(task.id)
            return None if task.id == tasks[4].id else decide(Click(button=scripted.grid[1]), rule=rule)

        script.past = past
        items = [(task.id, scripted.events(task)[-1].seq) for task in tasks]
        firings = scripted.do(apply_rule, "r", items)
        assert [(each.task_id, each.outcome, each.reason) for each in firings] == [
            (tasks[1].id, "fired", None),
            (tasks[3].id, "fired", None),
        ]
        assert asked == [tasks[1].id, tasks[3].id, tasks[4].id]
        assert [len(scripted.children(task)) for task in tasks] == [1, 1, 0, 1, 0]
        assert scripted.do(apply_rule, "r", items) == []
        assert firings == [scripted.firings(tasks[1])[0], scripted.firings(tasks[3])[0]]

    def test_what_is_decided_anew_begins_anew_with_its_own_event(self, scripted: "Ledger", script: Script) -> None:
        task, (before,) = fire(scripted, script, decide(outcome="blocked", reason="dry_run"))
        script.past = lambda rule, *_: decide(Click(button=scripted.grid[1]), rule=rule)
        scripted.clock.now += 60
        ((seq,),) = scripted.sql("SELECT seq FROM events WHERE type = 'chain.settled'")
        (firing,) = scripted.do(apply_rule, "r", [(task.id, seq)])
        assert (firing.id, firing.seq, firing.created_at) == (before.id, seq, before.created_at + 60_000)

    def test_a_rule_that_raises_leaves_a_blocked_firing(self, scripted: "Ledger", script: Script) -> None:
        task = scripted.open_grid()

        def past(*_: Any) -> None:
            raise ZeroDivisionError

        script.past = past
        (firing,) = scripted.do(apply_rule, "r", [(task.id, scripted.events(task)[-1].seq)])
        assert (firing.rule, firing.outcome, firing.reason) == ("r", "blocked", "error")


def test_a_batch_goes_by_one_set_of_rules(scripted: "Ledger", script: Script) -> None:
    """Rules are replaced while the service runs."""
    tasks = [scripted.open_accepted(f"g{number}") for number in range(2)]
    script.on["task.failed"] = lambda _task, _facts: [decide(NOTIFY, rule="old")]
    other = Script()
    other.on["task.failed"] = lambda _task, _facts: [decide(NOTIFY, rule="new")]

    def both(tx: Any) -> None:
        for task in tasks:
            reject_or_fail(tx, task)
            scripted.store.react = other

    def reject_or_fail(tx: Any, task: Task) -> None:
        (submission,) = list_submissions(tx, task.id)
        tx.execute("UPDATE submissions SET state = 'planned' WHERE id = ?", (submission.id,))
        reject(tx, submission.id, reason="no", kind="gateway", answer=None)

    scripted.do(both)
    assert [each.rule for task in tasks for each in scripted.firings(task)] == ["old", "old"]


def test_firings_are_found_by_task_rule_root_and_outcome(scripted: "Ledger", script: Script) -> None:
    click, wait = Click(button=scripted.grid[0]), {"outcome": "deferred", "reason": "budget", "next_at": 9 * 10**12}
    one, _ = fire(scripted, script, decide(click, rule="a"), decide(click, rule="b"))
    two, _ = fire(scripted, script, decide(click, rule="a", **wait))

    def found(**filters: Any) -> list[tuple[str, str]]:
        return [(each.rule, each.task_id) for each in scripted.ask(list_firings, **filters)]

    assert found() == [("a", one.id), ("b", one.id), ("a", two.id)]
    assert found(root=one.id) == found(task=one.id) == found()[:2]
    assert found(rule="a") == [("a", one.id), ("a", two.id)]
    assert found(outcome="deferred") == found(root=two.id) == [("a", two.id)]
    assert found(rule="a", outcome="blocked") == []
    assert len(found(limit=1)) == 1
