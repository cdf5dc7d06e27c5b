"""Task ids: ours at a glance, safe for JavaScript, unique and rising whatever the clock does."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from storage.openings import open_task
from storage.transaction import TaskIds, to_json

if TYPE_CHECKING:
    from tests.conftest import Ledger

YEAR_2050 = 2_524_608_000_000  # milliseconds


@given(st.lists(st.integers(min_value=0, max_value=YEAR_2050), min_size=2, max_size=50))
def test_ids_are_ours_at_a_glance_and_rise_whatever_the_clock_does(times: list[int]) -> None:
    ids = TaskIds(None)
    made = [ids.next(now) for now in times]
    assert all(len(each) == 16 and each.isascii() and each.isdigit() and each[0] == "8" for each in made)
    assert all(int(each) < 2**53 for each in made)
    assert made == sorted(set(made)), "text and numbers sort alike, and none comes twice"
    assert TaskIds(made[-1]).next(0) > made[-1], "also after a restart with a clock that stepped back"


def test_an_id_tells_the_time() -> None:
    made = [TaskIds(None).next(now) for now in (1_800_000_000_000, 1_800_000_000_001)]
    assert int(made[1]) - int(made[0]) == 1000, "microseconds"


def test_ids_stay_unique_when_the_clock_steps_back_and_the_ledger_is_reopened(
    open_ledger: "Callable[..., Ledger]",
) -> None:
    made = []
    for now in (1_800_000_000.0, 1_700_000_000.0, 0.0, 1_750_000_000.0):
        ledger = open_ledger()
        ledger.clock.now = now
        made += [ledger.open().id for _ in range(3)]
        ledger.store.close()
    assert made == sorted(set(made))
    assert len(made) == 12


def test_an_id_of_a_verb_that_failed_is_not_needed(ledger: "Ledger") -> None:
    def fail(tx: Any, new: Any) -> None:
        open_task(tx, new)
        raise RuntimeError

    first = ledger.open()
    future = ledger.store.submit(fail, None)
    assert future.exception(10) is not None
    assert ledger.open().id > first.id


def test_the_same_content_is_the_same_text_whoever_sent_it_in_which_order() -> None:
    one = {"b": [1, {"z": None, "y": 1.5}], "a": "猫"}
    other = {"a": "猫", "b": [1, {"y": 1.5, "z": None}]}
    assert to_json(one) == to_json(other) == '{"a":"猫","b":[1,{"y":1.5,"z":null}]}'
