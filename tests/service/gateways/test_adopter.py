"""Rows of a gateway become tasks of the ledger."""

from collections.abc import Sequence
from typing import Any

import pytest

from hooks.wire import Listed
from service.gateways.adopter import IN_DOUBT, NOT_TAKEN, Adopter, Adoption, take
from service.gateways.client import Told
from storage.errors import LedgerUnavailable
from storage.queue import claim_due
from storage.records import Progress
from storage.submissions import acknowledge, doubt


def listed(gateway_id: str, state: str | None = None, **claims: Any) -> Listed:
    return Listed(state=state, progress=Progress(**{"gateway_id": gateway_id, "status": "SUCCESS"} | claims))


def test_a_strangers_task_is_adopted_once(ledger: Any) -> None:
    task, is_new = ledger.do(take, "g", "17", listed("17", "theirs", properties={"prompt": "Cat"}))
    assert (is_new, task.gateway_id, task.state, task.prompt, task.origin) == (True, "17", "theirs", "Cat", "adopted")
    assert ledger.do(take, "g", "17", listed("17", "theirs")) == (task, False)


def test_a_row_that_names_a_task_of_ours_is_that_task(ledger: Any) -> None:
    task = ledger.open()
    ledger.claim()
    ledger.do(doubt, ledger.submission(task).id, reason="no answer")
    taken, is_new = ledger.do(take, "g", "17", listed("17", task.id))
    assert (taken.id, taken.gateway_id, taken.submission, taken.status) == (task.id, "17", "accepted", "SUCCESS")
    assert not is_new


def test_a_row_that_names_our_task_and_is_another_is_adopted(ledger: Any) -> None:
    """Its client may have chosen a state that looks like an id of ours."""
    task = ledger.open_accepted("16")
    taken, is_new = ledger.do(take, "g", "17", listed("17", task.id))
    assert (is_new, taken.gateway_id, ledger.task(task).gateway_id) == (True, "17", "16")


WITHOUT_ANSWER = ["sending", "unknown"]


def open_doubtful(ledger: Any, state: str, gateway: str = "g") -> Any:
    task = ledger.open(gateway=gateway)
    ledger.do(claim_due, gateway=gateway, limit=9)
    if state == "unknown":
        ledger.do(doubt, ledger.submission(task).id, reason="no answer")
    return task


@pytest.mark.parametrize("state", WITHOUT_ANSWER)
def test_a_row_without_a_state_is_left_while_it_may_be_one_of_ours(ledger: Any, state: str) -> None:
    task = open_doubtful(ledger, state)
    assert ledger.do(take, "g", "17", listed("17")) is None
    _, is_new = ledger.do(take, "g", "18", listed("18", "theirs"))
    assert is_new, "ours would carry our own id"
    ledger.do(acknowledge, ledger.submission(task).id, "17", "submit")
    assert ledger.do(take, "g", "17", listed("17"))[0].id == task.id
    assert ledger.do(take, "g", "19", listed("19"))[1]


@pytest.mark.parametrize("state", WITHOUT_ANSWER)
def test_doubt_about_another_gateways_task_keeps_no_row_waiting(ledger: Any, state: str) -> None:
    open_doubtful(ledger, state, gateway="h")
    assert ledger.do(take, "g", "17", listed("17"))[1]


def test_a_row_from_long_before_what_is_in_doubt_is_none_of_it(ledger: Any) -> None:
    open_doubtful(ledger, "unknown")
    now, day = ledger.store.now(), 86_400_000
    assert ledger.do(take, "g", "17", listed("17", properties={"submitTime": now - day + 1})) is None
    assert ledger.do(take, "g", "17", listed("17", properties={"submitTime": now - day}))[1]


@pytest.mark.parametrize(
    ("said", "known"), [(1_741_531_578_000, True), (0, False), ("x", False), (2**63, False), (10**30, False)]
)
def test_a_time_that_is_none_is_now(ledger: Any, said: Any, known: bool) -> None:
    task, _ = ledger.do(take, "g", "17", listed("17", properties={"submitTime": said}))
    assert task.submitted_at == (said if known else ledger.store.now())


class Teller:
    """A gateway that knows whatever it is asked about."""

    def __init__(self, *rows: Listed) -> None:
        self.rows = {str(row.progress.gateway_id): row for row in rows}

    async def ask(self, gateway_ids: Sequence[str]) -> Told:
        return Told(found={each: (self.rows[each],) for each in gateway_ids})

    async def list_all(self) -> tuple[Listed, ...]:
        return tuple(self.rows.values())


@pytest.mark.parametrize("everything", [False, True])
def test_a_row_that_cannot_be_taken_keeps_no_other_out(run: Any, open_house: Any, everything: bool) -> None:
    bad = listed("16", properties={"prompt": "a half \ud800"})

    async def scenario() -> None:
        async with open_house() as house:
            adopter = Adopter(house.store, {"g": Teller(bad, listed("17"))})  # type: ignore[dict-item]
            adoption = await (adopter.adopt_all("g") if everything else adopter.adopt("g", ["16", "17"]))
            assert isinstance(adoption, Adoption)
            assert (set(adoption.tasks), adoption.new) == ({"17"}, {"17"})
            assert (adoption.withheld, adoption.failed) == ({"16": NOT_TAKEN}, NOT_TAKEN)

    run(scenario())


def test_what_may_be_ours_is_told_as_not_known_now(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:
            await house.open()
            await house.store.write(claim_due, gateway="g", limit=9)
            adopter = Adopter(house.store, {"g": Teller(listed("17"))})  # type: ignore[dict-item]
            adoption = await adopter.adopt("g", ["17"])
            assert (adoption.tasks, adoption.missing, adoption.failed) == ({}, frozenset(), IN_DOUBT)

    run(scenario())


def test_a_ledger_that_takes_nothing_is_told_as_that(run: Any, open_house: Any) -> None:
    async def scenario() -> None:
        async with open_house() as house:

            async def write(*_: Any) -> None:
                raise LedgerUnavailable

            house.store.write = write
            adopter = Adopter(house.store, {"g": Teller(listed("17"))})  # type: ignore[dict-item]
            with pytest.raises(LedgerUnavailable):
                await adopter.adopt("g", ["17"])

    run(scenario())


def test_a_task_of_another_gateway_is_not_touched(ledger: Any) -> None:
    task = ledger.open(gateway="h")
    taken, is_new = ledger.do(take, "g", "17", listed("17", task.id))
    assert (is_new, taken.id == task.id) == (True, False)
    ledger.do(acknowledge, ledger.submission(task).id, "18", "submit")
    assert ledger.task(task).gateway_id == "18"
