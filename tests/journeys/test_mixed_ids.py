"""Gateways whose ids cannot be relied on: shared, somebody else's, a parent's, several at once, or new ones."""

import pytest

from tests.journeys.conftest import RULES, Member
from tests.journeys.processes import PICTURE, wait_until

pytestmark = pytest.mark.fault
TASKS = 6


def test_no_mixture_of_ids_loses_a_task_or_pays_for_one_twice(stage):
    gateways, service = stage.gather(
        Member("shares", {"share_id": 0.5}),
        Member("existed", {"existed": 1}, configured={"prices": {"IMAGINE": 2, "UPSCALE": 1}}),
        Member("foreign", {"foreign_id": 0.3}),
        Member("renames", {"modal_new_id": 1}),
        Member("marks", {}, dialect="trueai", preset="new-api", configured={"auth": "raw"}),
        rules=RULES,
    )
    ids = {name: [service.submit(f"一只猫 {place}", gateway=name) for place in range(TASKS)] for name in gateways}
    described = service.submit(action="DESCRIBE", images=[PICTURE], gateway="marks")

    def child(parent):
        """The child of a task, when it has succeeded."""
        found = "SELECT id FROM tasks WHERE parent_id = ? AND status = 'SUCCESS'"
        return wait_until(lambda: service.ledger.rows(found, parent), f"the child of {parent} has succeeded")[0]["id"]

    children = {name: [child(each) for each in of_gateway] for name, of_gateway in ids.items()}
    books = {name: gateway.books() for name, gateway in gateways.items()}
    for name, each in books.items():
        assert (each["double_spends"], each["repeated_states"]) == ([], []), name
        assert each["counts"]["imagine"] == TASKS

    # Two tasks under one id: each has its own U1, of its own picture.
    rows = service.ledger.rows("SELECT gateway_id FROM gateway_ids WHERE gateway = 'shares'")
    shared = service.ledger.rows(
        "SELECT gateway_id FROM gateway_ids WHERE gateway = 'shares' GROUP BY gateway_id HAVING count(*) > 1"
    )
    assert 0 < len(shared) < len(rows)
    assert books["shares"]["counts"]["clicks"] == TASKS

    # 21 names the task of somebody else, which nobody called us about: asked for, it was told; and it cost nothing.
    assert books["existed"]["counts"]["existed"] == TASKS
    costs = {task["id"]: task["cost"] for task in service.ledger.tasks()}
    assert {costs[each] for each in ids["existed"]} == {2.0}
    assert {costs[each] for each in children["existed"]} == {None}

    # Callbacks about others changed nothing: in the end each task goes by the id that it has there.
    own = {each["state"]: each["id"] for each in books["foreign"]["submissions"]}
    assert own == {each["id"]: each["gateway_id"] for each in service.ledger.tasks() if each["gateway"] == "foreign"}

    # The answer to a window made a task with a new id, and it is the same task here.
    window = service.click(ids["renames"][0], "V1", prompt="一只更大的猫")
    wait_until(lambda: service.task(window)["status"] == "SUCCESS", "the window was answered")
    known = service.ledger.rows("SELECT gateway_id FROM gateway_ids WHERE task_id = ?", window)
    assert len(known) == 2
    assert gateways["renames"].count("modals") == 1
    kinds = service.ledger.rows("SELECT kind, state, attempts FROM submissions WHERE task_id = ? ORDER BY id", window)
    assert [tuple(each.values()) for each in kinds] == [("submit", "accepted", 1), ("modal", "accepted", 1)]

    # A favourite is answered with its parent's id: done, and no task.
    mark = service.click(children["marks"][0], "❤️")
    marked = service.task(mark, wait=10)
    assert (marked["status"], marked["gateway_id"]) == ("SUCCESS", None)
    assert gateways["marks"].count("marked") == 1

    # One click that makes several tasks is the first of them; the others are known by their ids.
    wait_until(lambda: service.task(described)["status"] == "SUCCESS", "it is described")
    spawned = service.click(described, "Imagine all")
    wait_until(lambda: service.task(spawned)["status"] == "SUCCESS", "the first of them has succeeded")
    (answer,) = service.ledger.rows("SELECT answer ->> 'result' AS result FROM submissions WHERE task_id = ?", spawned)
    named = answer["result"].split(",")
    assert (len(named), service.task(spawned)["gateway_id"]) == (4, named[0])
