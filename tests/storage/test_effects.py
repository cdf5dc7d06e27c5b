"""Notifications and downloads are rows, planned with their firing and tried until they are done or given up."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from storage.effects import (
    LEASE,
    claim_effects,
    count_effects,
    fail_effect,
    finish_effect,
    list_effects,
    read_next_effect,
    retry_effect,
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


def download(task: Task, path: str, url: str = URL) -> Any:
    return Download(task_id=task.id, url=url, path=path)


def test_an_effect_is_taken_done_and_not_taken_again(scripted: "Ledger", script: Script) -> None:
    task = owe(scripted, script, NOTIFY)
    now = scripted.store.now()
    assert scripted.ask(read_next_effect, "notify", now) == now
    assert scripted.do(claim_effects, "download", 9) == []
    (effect,) = scripted.do(claim_effects, "notify", 9)
    assert effect == Effect(
        id=effect.id,
        firing_id=scripted.firings(task)[0].id,
        task_id=task.id,
        kind="notify",
        request={"address": NOTIFY.address, "title": "好了", "text": NOTIFY.text},
        state="planned",
        attempts=1,
        next_at=now + LEASE,
        detail=None,
        created_at=now,
        done_at=None,
    )
    assert scripted.do(claim_effects, "notify", 9) == []
    scripted.do(finish_effect, effect.id, "204")
    scripted.clock.now += LEASE
    assert scripted.do(claim_effects, "notify", 9) == []
    (effect,) = scripted.ask(list_effects)
    assert (effect.state, effect.detail, effect.next_at, effect.done_at) == ("done", "204", None, now)
    assert scripted.ask(read_next_effect, "notify", now) is None


def test_what_is_never_finished_is_taken_again_when_its_lease_is_over(scripted: "Ledger", script: Script) -> None:
    owe(scripted, script, NOTIFY)
    scripted.do(claim_effects, "notify", 1)
    assert scripted.do(claim_effects, "notify", 1) == []
    scripted.clock.now += LEASE / 1000
    assert [effect.attempts for effect in scripted.do(claim_effects, "notify", 1)] == [2]


def test_after_a_crash_it_is_taken_again_at_once(
    scripted: "Ledger", script: Script, open_ledger: "Callable[..., Ledger]"
) -> None:
    owe(scripted, script, NOTIFY)
    scripted.do(claim_effects, "notify", 1)
    scripted.store.close()
    again = open_ledger(clock=scripted.clock)
    assert [effect.attempts for effect in again.do(claim_effects, "notify", 1)] == [2]


def test_one_that_is_tried_again_says_why_and_when(scripted: "Ledger", script: Script) -> None:
    owe(scripted, script, NOTIFY)
    (effect,) = scripted.do(claim_effects, "notify", 1)
    scripted.do(retry_effect, effect.id, seconds=1.5, detail="503")
    now = scripted.store.now()
    assert scripted.ask(read_next_effect, "notify", now) == now + 1500
    assert scripted.ask(list_effects)[0].detail == "503"
    scripted.clock.now += 2
    (again,) = scripted.do(claim_effects, "notify", 1)
    assert (again.id, again.attempts) == (effect.id, 2)
    scripted.do(fail_effect, effect.id, "410")
    (effect,) = scripted.ask(list_effects)
    assert (effect.state, effect.detail, effect.next_at) == ("failed", "410", None)
    for verb, arguments in ((finish_effect, {}), (retry_effect, {"seconds": 1, "detail": "late"})):
        scripted.do(verb, effect.id, **arguments)
    assert scripted.ask(list_effects) == [effect], "what was given up stays so"


def test_the_oldest_are_taken_first_and_no_more_than_asked_for(scripted: "Ledger", script: Script) -> None:
    owe(scripted, script, *[NOTIFY] * 3)
    first = scripted.do(claim_effects, "notify", 2)
    rest = scripted.do(claim_effects, "notify", 2)
    assert [effect.id for effect in first + rest] == [1, 2, 3]


def test_effects_are_found_and_counted(scripted: "Ledger", script: Script) -> None:
    one = owe(scripted, script, NOTIFY, NOTIFY)
    two = owe(scripted, script, NOTIFY)
    script.on["task.failed"] = lambda task, _facts: [decide(download(task, "a.png"))]
    scripted.record(three := scripted.open_accepted("g7"), status="FAILURE")
    (done, *_) = scripted.do(claim_effects, "notify", 1)
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
