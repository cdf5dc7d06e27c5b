"""Numbers and times in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.wording import count, tell_amount, tell_instant, tell_pause

NOW = 1_800_000_000_000  # 2027-01-15 08:00:00 UTC


@pytest.mark.parametrize(
    ("instant", "told"),
    [
        (NOW, "08:00:00 UTC"),
        (NOW + 1, "08:00:01 UTC"),  # nothing is promised too early
        (NOW + 15 * 3_600_000, "23:00:00 UTC"),
        (NOW + 16 * 3_600_000, "2027-01-16 00:00:00 UTC"),
    ],
)
def test_an_instant_has_its_date_where_it_is_not_todays(instant: int, told: str) -> None:
    assert tell_instant(instant, NOW) == told


@pytest.mark.parametrize(
    ("pause", "told"),
    [(30_000, "30s"), (300_000, "5m"), (90_000, "90s"), (7_200_000, "2h"), (86_400_000, "1d"), (1_500, "1500ms")],
)
def test_a_pause_is_told_as_one_writes_it(pause: int, told: str) -> None:
    assert tell_pause(pause) == told


def test_one_is_no_plural() -> None:
    assert (count(0, "hop"), count(1, "hop"), count(2, "hop")) == ("0 hops", "1 hop", "2 hops")


@given(st.lists(st.integers(0, 10_000), max_size=200))
def test_a_sum_of_cents_is_told_without_the_noise_of_its_arithmetic(cents: list[int]) -> None:
    total = 0.0
    for each in cents:
        total += each / 100
    assert float(tell_amount(total)) == sum(cents) / 100
