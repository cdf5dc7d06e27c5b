"""More than a gateway takes at once: what waits, waits in the ledger, in order, and nobody hears of a full queue."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.journeys.conftest import RULES, Member
from tests.journeys.processes import wait_until

pytestmark = pytest.mark.journey
PROMPTS = 1000
CALLERS = 4
SLOTS, QUEUE = 3, 10
LIMIT = SLOTS + QUEUE


def count(service, condition):
    return service.ledger.rows(f"SELECT count(*) AS number FROM tasks WHERE {condition}")[0]["number"]


def test_a_thousand_prompts_wait_in_the_ledger_and_none_is_refused(stage):
    # A text of SHORTEN goes through the same line as a picture of IMAGINE, with a fifth of the callbacks.
    small = {"slots": SLOTS, "queue": QUEUE, "upscale_seconds": 0.01}
    limited = Member("g", small, configured={"limits": {"in_flight": LIMIT}})
    gateways, service = stage.gather(limited, RINGBACK_LOG="warning")
    with ThreadPoolExecutor(CALLERS) as callers:
        prompts = [f"一只猫 {place}, a cat" for place in range(PROMPTS)]
        ids = sorted(callers.map(lambda prompt: service.submit(prompt, action="SHORTEN"), prompts))
    wait_until(lambda: count(service, "status = 'SUCCESS'") == PROMPTS, "every prompt was served")
    books = gateways["g"].books()
    assert (books["counts"]["refused"], books["counts"]["submissions"]) == (0, PROMPTS)
    assert SLOTS < books["most_outstanding"] <= LIMIT
    assert service.ledger.rows("SELECT DISTINCT attempts FROM submissions") == [{"attempts": 1}]
    # So many are under way at once that one may overtake those beside it, and nobody else.
    arrived = [each["state"] for each in books["arrivals"]]
    turns = {task_id: turn for turn, task_id in enumerate(ids)}
    assert sorted(arrived) == ids
    assert max(abs(turns[task_id] - place) for place, task_id in enumerate(arrived)) < LIMIT


def test_in_a_group_the_next_steps_in_for_a_full_one_and_for_nothing_else(stage):
    # The first is full soon, and whatever it takes, its answer breaks off.
    gateways, service = stage.gather(
        Member("first", {"slots": 1, "queue": 1, "hang_up": 1, "grid_seconds": 0.3}),
        Member("second", {}),
        groups={"both": ["first", "second"]},
        rules=RULES,
    )
    ids = [service.submit(f"一只猫 {place}", gateway="both") for place in range(30)]
    wait_until(lambda: count(service, "status = 'SUCCESS'") == 2 * len(ids), "all have succeeded")
    paid = []
    for name, gateway in gateways.items():
        books = gateway.books()
        assert (books["double_spends"], books["repeated_states"]) == ([], [])
        assert books["counts"]["imagine"] > 0
        here = {each["state"]: each for each in books["submissions"]}
        paid += here
        # What follows from a task was asked where that was made.
        assert {each["parent"] for each in here.values() if each["parent"]} <= {each["id"] for each in here.values()}
        assert {each["gateway"] for each in service.ledger.tasks() if each["id"] in here} == {name}
    assert sorted(paid) == [task["id"] for task in service.ledger.tasks()]
    first = gateways["first"].books()["counts"]
    assert first["refused"] > 0
    assert first["unanswered"] > 0
    # What it left without an answer was in doubt until a callback proved it, and nobody else was asked for it.
    doubted = service.ledger.sources("task.unknown").keys()
    assert doubted <= {task["id"] for task in service.ledger.tasks() if task["gateway"] == "first"}
