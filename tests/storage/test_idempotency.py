"""A request that is repeated under one key gets its first answer again, and makes nothing twice."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from storage.errors import IdempotencyConflict, NoSuchTask
from storage.idempotency import KEPT_FOR, answer_once
from storage.openings import open_task
from storage.records import NewTask

if TYPE_CHECKING:
    from tests.conftest import Ledger

NEW = NewTask(gateway="g", action="IMAGINE", prompt="猫", origin="api")


def create(tx: Any, key: str | None, fingerprint: str = "same") -> tuple[int, str]:
    return answer_once(tx, key, fingerprint, lambda: (202, open_task(tx, NEW).id))


def tasks(ledger: "Ledger") -> int:
    return int(ledger.sql("SELECT count(*) FROM tasks")[0][0])


def test_the_same_key_gets_the_same_answer(ledger: "Ledger") -> None:
    first = ledger.do(create, "k")
    assert first[0] == 202
    assert ledger.do(create, "k") == first
    assert tasks(ledger) == 1


def test_two_at_once_under_one_key_make_one_task(ledger: "Ledger") -> None:
    answers = [ledger.store.submit(create, "k") for _ in range(20)]
    assert len({future.result(10) for future in answers}) == 1
    assert tasks(ledger) == 1


def test_another_request_under_a_key_that_is_used_is_refused(ledger: "Ledger") -> None:
    ledger.do(create, "k")
    with pytest.raises(IdempotencyConflict, match="another request"):
        ledger.do(create, "k", "other")
    assert tasks(ledger) == 1


def test_other_keys_and_none_are_other_requests(ledger: "Ledger") -> None:
    answers = {ledger.do(create, key) for key in ("k", "K", "k ", None, None)}
    assert len(answers) == tasks(ledger) == 5


def test_a_request_that_failed_leaves_its_key_free(ledger: "Ledger") -> None:
    def fail(tx: Any) -> tuple[int, str]:
        def make() -> tuple[int, str]:
            open_task(tx, NEW)
            raise NoSuchTask

        return answer_once(tx, "k", "one", make)

    with pytest.raises(NoSuchTask):
        ledger.do(fail)
    assert tasks(ledger) == 0
    assert ledger.do(create, "k", "other")[0] == 202


def test_a_key_is_forgotten_after_a_week_and_not_before(open_ledger: "Callable[..., Ledger]") -> None:
    ledger = open_ledger()
    first = ledger.do(create, "k")
    ledger.clock.now += KEPT_FOR / 1000
    ledger.store.close()
    later = open_ledger(clock=ledger.clock)
    assert later.do(create, "k") == first
    later.clock.now += 0.001
    assert later.do(create, "k", "other") != first
    assert later.sql("SELECT count(*) FROM idempotency_keys") == [(1,)]


def test_a_clock_that_steps_back_forgets_no_key(ledger: "Ledger") -> None:
    first = ledger.do(create, "k")
    ledger.clock.now -= 10 * KEPT_FOR / 1000
    assert ledger.do(create, "k") == first
    assert tasks(ledger) == 1
