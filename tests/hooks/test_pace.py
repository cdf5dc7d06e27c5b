"""So many in a second, and never many more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.pace import LATENESS, LONGEST_PAUSE, Pace

NOW = 1_800_000_000_000


def test_the_first_one_goes_at_once_and_the_next_one_after_its_pause() -> None:
    pace = Pace()
    assert pace.count(NOW, 2) == 1
    pace.take(NOW, 2)
    assert pace.count(NOW, 2) == 0
    assert pace.next_at(NOW, 2) == NOW + 500 - LATENESS
    assert pace.count(NOW + 500, 2) == 1


def test_a_rate_below_one_a_second_is_kept() -> None:
    pace = Pace()
    pace.take(NOW, 0.1)
    assert pace.next_at(NOW, 0.1) == NOW + 10_000 - LATENESS


@pytest.mark.parametrize("rate", [5e-324, 1e-308, 1e-9])
def test_no_rate_is_so_low_that_nothing_goes_any_more(rate: float) -> None:
    pace = Pace()
    pace.take(NOW, rate)
    assert pace.count(NOW + 1000, rate) == 0
    assert pace.next_at(NOW, rate) <= NOW + LONGEST_PAUSE
    assert pace.count(NOW + LONGEST_PAUSE, rate) == 1


@pytest.mark.parametrize("step", [-3_600_000, -10_000, -1])
def test_a_clock_that_steps_back_stops_nothing(step: int) -> None:
    pace = Pace()
    pace.take(NOW, 2)
    assert pace.next_at(NOW + step, 2) <= NOW + step + 500


@given(
    rate=st.floats(0.1, 500),
    looks=st.lists(st.integers(0, 700), min_size=1, max_size=200),
)
def test_in_no_second_go_more_than_allowed_and_none_is_kept_back_for_long(rate: float, looks: list[int]) -> None:
    pace, now, gone = Pace(), NOW, list[int]()
    for look in looks:
        now += look
        for _ in range(pace.count(now, rate)):
            pace.take(now, rate)
            gone.append(now)
        assert pace.count(now, rate) == 0
        assert now < pace.next_at(now, rate) <= now + 1000 / rate + 1
        second = [each for each in gone if each > now - 1000]
        assert len(second) <= rate * (1000 + LATENESS) / 1000 + 2
