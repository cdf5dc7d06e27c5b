"""Gateways that hang, babble, cut their answers or forsake their connections, beside one that is sound."""

import pytest

from tests.journeys.conftest import RULES, Member
from tests.journeys.processes import wait_until

pytestmark = pytest.mark.fault
TASKS = 6
VICES = {
    "hangs": {"hang": 0.5},
    "babbles": {"garbage": 0.7},
    "cuts": {"cut": 0.7},
    "forsakes": {"close_idle": 0.05},
    "is late": {"answer_after_callback": "all"},
    "is sound": {},
}
AMBIGUOUS = ("babbles", "cuts")  # it answers, and nobody can tell what


def test_no_task_is_lost_or_paid_twice_and_nobody_else_is_harmed(stage):
    gateways, service = stage.gather(*(Member(name, vices) for name, vices in VICES.items()), rules=RULES)
    ids = {name: [service.submit(f"一只猫 {place}", gateway=name) for place in range(TASKS)] for name in VICES}
    done = "SELECT count(*) AS number FROM tasks WHERE status = 'SUCCESS' AND gateway = ?"

    def served(name):
        return service.ledger.rows(done, name)[0]["number"] == 2 * TASKS

    wait_until(lambda: served("is sound"), "the sound one has served all, whatever the others do")
    assert service.http.get("/readyz").status_code == 200
    for name in VICES:
        wait_until(lambda name=name: served(name), f"the one that {name} has served all")
    tasks = service.ledger.tasks()
    assert {(task["status"], task["submission"]) for task in tasks} == {("SUCCESS", "accepted")}
    assert service.ledger.rows("SELECT DISTINCT attempts FROM submissions") == [{"attempts": 1}]
    doubted = service.ledger.sources("task.unknown").keys()
    for name, gateway in gateways.items():
        books, here = gateway.books(), [task for task in tasks if task["gateway"] == name]
        assert sorted(task["parent_id"] for task in here if task["parent_id"]) == ids[name]
        assert sorted(each["state"] for each in books["submissions"]) == [task["id"] for task in here]
        assert (books["double_spends"], books["repeated_states"]) == ([], [])
        assert service.ledger.lacks(books) == []
        if name in ("hangs", *AMBIGUOUS):
            assert books["counts"]["spoiled"] > 0
        if name not in AMBIGUOUS:
            assert not doubted & {task["id"] for task in here}
    assert service.http.get("/readyz").status_code == 200
