"""So many POSTs in any minute."""

from hypothesis import given
from hypothesis import strategies as st

from service.gateways.rate import MINUTE, Rate

NOW = 1_800_000_000_000  # milliseconds


def test_what_was_sent_counts_for_a_minute() -> None:
    rate = Rate(3, [NOW - MINUTE, NOW - MINUTE + 1])
    assert rate.free(NOW) == 2
    rate.note(NOW)
    rate.note(NOW)
    assert (rate.free(NOW), rate.pause(NOW)) == (0, 0.001)
    assert rate.free(NOW + 1) == 1


def test_more_than_the_limit_from_before_wait_until_enough_of_them_are_old() -> None:
    rate = Rate(1, [NOW - 30_000, NOW - 20_000])
    assert (rate.free(NOW), rate.pause(NOW)) == (0, 40.0)


def test_a_clock_that_stepped_back_lets_nothing_count_for_hours() -> None:
    rate = Rate(2, [])
    rate.note(NOW + 7_200_000)
    rate.note(NOW + 7_200_000)
    assert rate.free(NOW) == 2


@given(limit=st.integers(1, 4), steps=st.lists(st.integers(0, 40_000), max_size=30))
def test_in_no_minute_are_there_more_than_the_limit(limit: int, steps: list[int]) -> None:
    rate, now = Rate(limit, []), NOW
    sent = list[int]()
    for step in steps:
        now += step
        if not rate.free(now):
            now += round(rate.pause(now) * 1000)
            assert rate.free(now) > 0, "a pause is long enough"
        rate.note(now)
        sent.append(now)
    assert all(later - first >= MINUTE for first, later in zip(sent, sent[limit:], strict=False))
