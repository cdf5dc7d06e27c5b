"""Notifications and downloads are rows, planned with their firing and tried until they are done or given up."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from storage.effects import (
    LEASE,
    Turn,
    claim_effects,
    count_effects,
    fail_effect,
    finish_effect,
    list_effects,
    list_turns,
    retry_effect,
    retry_failed,
)
from storage.openings import open_task
from storage.reactions import Download, Effect, Notify
from storage.records import NewTask, Task
from storage.store import Store
from storage.submissions import list_submissions, reject
from tests.storage.conftest import Script, decide

if TYPE_CHECKING:
    from tests.conftest import Ledger

NOTIFY = Notify(address="0123456789abcdef", title="好了", text="four upscales ready")
URL = "https://cdn.example/a.png"


def owe(ledger: "Ledger", script: Script, *actions: Any, rule: str = "r") -> Task:
    """A grid whose success owes these."""
    script.on["task.succeeded"] = lambda _task, _facts: [decide(*actions, rule=rule)]
    return ledger.open_grid()


def turns(ledger: "Ledger", kind: str = "notify", **options: Any) -> list[Turn]:
    return ledger.ask(list_turns, kind, now=ledger.store.now(), **options)


def take(ledger: "Ledger", kind: str = "notify", each: int = 1) -> list[Effect]:
    """Claim what is due, lane by lane."""
    return ledger.do(claim_effects, [effect for turn in turns(ledger, kind, each=each) for effect in turn.due])


def download(task: Task, path: str, url: str = URL) -> Any:
    return Download(task_id=task.id, url=url, path=path)


def test_an_effect_is_taken_done_and_not_taken_again(scripted: "Ledger", script: Script) -> None:
    task = owe(scripted, script, NOTIFY)
    now = scripted.store.now()
    assert turns(scripted) == [Turn(lane=NOTIFY.address, due=(1,), next_at=None)]
    assert turns(scripted, "download") == []
    (effect,) = take(scripted)
    assert effect == Effect(
        id=effect.id,
        firing_id=scripted.firings(task)[0].id,
        task_id=task.id,
        kind="notify",
        lane=NOTIFY.address,
        request={"address": NOTIFY.address, "title": "好了", "text": NOTIFY.text},
        state="planned",
        attempts=1,
        next_at=now + LEASE,
        detail=None,
        created_at=now,
        done_at=None,
    )
    assert turns(scripted) == [Turn(lane=NOTIFY.address, due=(), next_at=now + LEASE)]
    scripted.do(finish_effect, effect.id, "204")
    scripted.clock.now += LEASE
    assert turns(scripted) == []
    assert scripted.do(claim_effects, [effect.id]) == [], "what is done stays so"
    (effect,) = scripted.ask(list_effects)
    assert (effect.state, effect.detail, effect.next_at, effect.done_at) == ("done", "204", None, now)


def test_what_is_never_finished_is_taken_again_when_its_lease_is_over(scripted: "Ledger", script: Script) -> None:
    owe(scripted, script, NOTIFY)
    take(scripted)
    assert take(scripted) == []
    scripted.clock.now += LEASE / 1000
    assert [effect.attempts for effect in take(scripted)] == [2]


def test_after_a_crash_it_is_taken_again_at_once(
    scripted: "Ledger", script: Script, open_ledger: "Callable[..., Ledger]"
) -> None:
    owe(scripted, script, NOTIFY)
    take(scripted)
    scripted.store.close()
    again = open_ledger(clock=scripted.clock)
    assert [effect.attempts for effect in take(again)] == [2]


def test_one_that_is_tried_again_says_why_and_when(scripted: "Ledger", script: Script) -> None:
    owe(scripted, script, NOTIFY)
    (effect,) = take(scripted)
    scripted.do(retry_effect, effect.id, seconds=1.5, detail="503")
    now = scripted.store.now()
    assert turns(scripted) == [Turn(lane=NOTIFY.address, due=(), next_at=now + 1500)]
    assert scripted.ask(list_effects)[0].detail == "503"
    scripted.clock.now += 2
    (again,) = take(scripted)
    assert (again.id, again.attempts) == (effect.id, 2)
    scripted.do(fail_effect, effect.id, "410")
    (effect,) = scripted.ask(list_effects)
    assert (effect.state, effect.detail, effect.next_at) == ("failed", "410", None)
    for verb, arguments in ((finish_effect, {}), (retry_effect, {"seconds": 1, "detail": "late"})):
        scripted.do(verb, effect.id, **arguments)
    assert scripted.ask(list_effects) == [effect], "what was given up stays so"


def test_what_was_tried_less_often_comes_first_and_then_what_is_older(scripted: "Ledger", script: Script) -> None:
    owe(scripted, script, *[NOTIFY] * 4)
    (first,) = take(scripted)
    scripted.do(retry_effect, first.id, seconds=0, detail="503")
    (turn,) = turns(scripted, each=9)
    assert turn.due == (2, 3, 4, 1)
    assert turns(scripted, held=(2, 4), each=2)[0].due == (3, 1), "what is under way is not taken again"
    assert [effect.id for effect in scripted.do(claim_effects, [3, 1])] == [3, 1]


def test_each_lane_has_its_turn_however_much_waits_in_another(scripted: "Ledger", script: Script) -> None:
    other = Notify(address="fedcba9876543210", text="x")
    owe(scripted, script, *[NOTIFY] * 30, other)
    assert turns(scripted, each=2) == [
        Turn(lane=NOTIFY.address, due=(1, 2), next_at=None),
        Turn(lane=other.address, due=(31,), next_at=None),
    ]
    scripted.do(fail_effect, 31, "410")
    assert [turn.lane for turn in turns(scripted)] == [NOTIFY.address]


@pytest.mark.parametrize(
    ("url", "lane"),
    [
        ("https://CDN.example:8443/a.png?x", "cdn.example"),
        ("http://[::1]/a", "::1"),
        ("https://[x/", ""),
        ("a.png", ""),
    ],
)
def test_pictures_of_one_host_are_a_lane(scripted: "Ledger", script: Script, url: str, lane: str) -> None:
    owe(scripted, script, download(scripted.open(), "a.png", url))
    assert [effect.lane for effect in take(scripted, "download")] == [lane]


def test_looking_for_turns_reads_little_of_a_long_backlog(scripted: "Ledger", script: Script) -> None:
    owe(scripted, script, NOTIFY)
    (effect,) = take(scripted)  # so that both are asked for: what is due, and what will be

    def explain(db: Any) -> str:
        statements: list[str] = []
        db.set_trace_callback(statements.append)
        list_turns(db, "notify", now=scripted.store.now())
        db.set_trace_callback(None)
        return "\n".join(str(row[3]) for each in statements for row in db.execute(f"EXPLAIN QUERY PLAN {each}"))

    plan = scripted.ask(explain)
    assert effect.state == "planned"
    assert plan.count("effects_waiting (kind=? AND lane=?") == 2
    assert "SCAN effects" not in plan
    assert "TEMP B-TREE" not in plan, "those that are due are found in order"


def test_what_was_given_up_can_be_tried_again_from_the_beginning(scripted: "Ledger", script: Script) -> None:
    owe(scripted, script, *[NOTIFY] * 2, rule="one")
    owe(scripted, script, NOTIFY, rule="two")
    for effect in take(scripted, each=9):
        scripted.do(fail_effect, effect.id, "404")
    assert scripted.do(retry_failed, rule="three") == 0
    assert scripted.do(retry_failed, ids=[1, 99], rule="two") == 0
    assert scripted.do(retry_failed, ids=[2]) == 1
    assert scripted.do(retry_failed, rule="two") == 1
    scripted.clock.now += 1
    states = [(effect.id, effect.state, effect.attempts, effect.done_at) for effect in scripted.ask(list_effects)[:2]]
    assert states == [(3, "planned", 0, None), (2, "planned", 0, None)]
    assert scripted.do(retry_failed) == 1
    assert scripted.do(retry_failed) == 0
    assert turns(scripted, each=9)[0].due == (1, 2, 3)


def test_effects_are_found_and_counted(scripted: "Ledger", script: Script) -> None:
    one = owe(scripted, script, NOTIFY, NOTIFY)
    two = owe(scripted, script, NOTIFY)
    script.on["task.failed"] = lambda task, _facts: [decide(download(task, "a.png"))]
    scripted.record(three := scripted.open_accepted("g7"), status="FAILURE")
    (done,) = take(scripted)
    scripted.do(finish_effect, done.id)
    assert scripted.ask(count_effects) == {
        ("notify", "done"): 1,
        ("notify", "planned"): 2,
        ("download", "planned"): 1,
    }

    def found(**filters: Any) -> list[int]:
        return [effect.id for effect in scripted.ask(list_effects, **filters)]

    assert found() == [4, 3, 2, 1]
    assert found(task=one.id) == found(firing=scripted.firings(one)[0].id) == [2, 1]
    assert found(task=two.id, state="planned") == [3]
    assert found(kind="download") == found(task=three.id) == [4]
    assert found(state="done") == [1]
    assert found(limit=1) == [4]


class TestPaths:
    """One picture goes to one path once, and no picture over another one."""

    @staticmethod
    def keep(ledger: "Ledger", script: Script, *wanted: tuple[Task, str], rule: str = "r") -> list[tuple[str, str]]:
        """Download pictures of tasks; gives for each what came of it, and where it goes."""
        task = owe(ledger, script, *(download(each, path) for each, path in wanted), rule=rule)
        return [(action["result"], action["path"]) for action in ledger.firings(task)[0].actions]

    def test_another_tasks_picture_goes_beside_the_one_that_is_there(self, scripted: "Ledger", script: Script) -> None:
        one, two = scripted.open(), scripted.open()
        wanted = [(one, "猫/a.b.png"), (two, "猫/a.b.png"), (one, "猫/a.b.png"), (two, "猫/a.b.png")]
        assert self.keep(scripted, script, *wanted) == [
            ("planned", "猫/a.b.png"),
            ("planned", f"猫/a.b-{two.id}.png"),
            ("exists", "猫/a.b.png"),
            ("exists", f"猫/a.b-{two.id}.png"),
        ]
        assert self.keep(scripted, script, (one, "猫/a.b.png"), rule="other") == [("exists", "猫/a.b.png")]

    @pytest.mark.parametrize("name", ["a", ".png", "a.", "猫.tar.gz", "-"])
    def test_any_name_finds_its_place(self, scripted: "Ledger", script: Script, name: str) -> None:
        one, two = scripted.open(), scripted.open()
        (_, first), (_, second) = self.keep(scripted, script, (one, f"x/{name}"), (two, f"x/{name}"))
        assert first == f"x/{name}"
        assert second != first
        assert second.startswith("x/")
        assert two.id in second

    def test_a_name_that_was_made_to_be_in_the_way_is_gone_around(self, scripted: "Ledger", script: Script) -> None:
        one, two, three = scripted.open(), scripted.open(), scripted.open()
        kept = self.keep(scripted, script, (one, "a.png"), (three, f"a-{two.id}.png"), (two, "a.png"))
        assert kept[2] == ("planned", f"a-{two.id}-{two.id}.png")

    def test_names_that_differ_in_case_alone_are_one_on_some_disks(self, scripted: "Ledger", script: Script) -> None:
        one, two = scripted.open(), scripted.open()
        assert self.keep(scripted, script, (one, "A.png"), (two, "a.PNG"))[1] == ("planned", f"a-{two.id}.PNG")


def test_a_planned_effect_wakes_who_does_it(tmp_path: Path, script: Script) -> None:
    script.on["task.failed"] = lambda _task, _facts: [decide(NOTIFY)]

    def fail(tx: Any) -> None:
        task = open_task(tx, NewTask(gateway="g", action="IMAGINE", origin="api"))
        reject(tx, list_submissions(tx, task.id)[0].id, reason="no", kind="gateway", answer=None)

    async def wake() -> bool:
        store = Store(tmp_path / "ringback.db", react=script)
        store.start(asyncio.get_running_loop())
        try:
            with store.bell.listen("effects") as listener:
                await store.write(fail)
                return await listener.wait(10)
        finally:
            store.close()

    assert asyncio.run(wake())
