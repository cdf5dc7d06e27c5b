"""Lanes take turns, and one that fails is left alone for a while."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.lanes import Lane, Lanes

NOW = 1_800_000_000_000


def make_lanes(**held: list[int]) -> Lanes[Lane]:
    """Lanes with what each of them holds."""
    lanes = Lanes(Lane)
    for name, numbers in held.items():
        for number in numbers:
            lanes.begin(name, number)
    return lanes


def test_a_lane_with_much_waiting_lets_the_others_go_beside_it() -> None:
    waiting = [("a", range(10, 20), 4), ("b", [20], 4), ("c", [30, 31], 4)]
    assert make_lanes().line_up(waiting, NOW) == [10, 20, 30, 11, 31, 12, 13]


def test_what_a_lane_holds_counts_as_its_share() -> None:
    lanes = make_lanes(a=[1, 2], b=[3])
    assert lanes.line_up([("a", [10, 11, 12], 3), ("b", [20, 21], 3), ("c", [30], 3)], NOW) == [30, 20, 10, 21]


def test_whose_turn_is_the_longest_ago_is_first() -> None:
    lanes = make_lanes(a=[1], b=[2])
    for name, number in (("a", 1), ("b", 2)):
        lanes.end(name, number)
    lanes.begin("a", 3)
    lanes.end("a", 3)
    assert lanes.line_up([("a", [10], 1), ("b", [20], 1), ("c", [30], 1)], NOW) == [30, 20, 10]


def test_a_lane_that_rests_lets_nothing_go_until_then() -> None:
    lanes = make_lanes()
    lanes["a"].rest(NOW, 1.5)
    assert lanes.line_up([("a", [10], 1), ("b", [20], 1)], NOW + 1499) == [20]
    assert lanes.line_up([("a", [10], 1), ("b", [20], 1)], NOW + 1500) == [10, 20]


def test_rests_grow_with_failures_in_a_row_up_to_the_last_one() -> None:
    lane, now = Lane(), NOW
    for rest in (5, 10, 20, 20):
        lane.fail(now, (5, 10, 20))
        assert lane.rests_until(now) == now + rest * 1000
        now += rest * 1000
    lane.succeed()
    lane.fail(now, (5, 10, 20))
    assert lane.rests_until(now) == now + 5000


def test_those_that_fail_together_count_as_one_failure() -> None:
    lane = Lane()
    for _ in range(4):
        lane.fail(NOW, (5, 10, 20))
    assert lane.rests_until(NOW) == NOW + 5000
    lane.fail(NOW + 5000, (5, 10, 20))
    assert lane.rests_until(NOW + 5000) == NOW + 15_000


def test_a_shorter_rest_does_not_end_a_longer_one() -> None:
    lane = Lane()
    lane.rest(NOW, 60)
    lane.rest(NOW + 1000, 1)
    lane.succeed()
    assert lane.rests_until(NOW + 1000) == NOW + 60_000


def test_a_clock_that_steps_back_makes_no_rest_longer() -> None:
    lane = Lane()
    lane.rest(NOW, 60)
    assert lane.rests_until(NOW - 3_600_000) == NOW - 3_600_000
    lane.rest(NOW - 3_600_000, 1)
    assert lane.rests_until(NOW - 3_600_000) == NOW - 3_599_000


def test_where_there_are_many_those_of_which_nothing_is_left_are_forgotten_once_they_have_rested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lanes = make_lanes(held=[1], done=[2], resting=[3], waiting=[4])
    for name, number in (("done", 2), ("resting", 3), ("waiting", 4)):
        lanes.end(name, number)
    lanes["resting"].rest(NOW, 1)
    for name in ("held", "done", "resting", "waiting"):
        lanes[name].failures = 7
    lanes.forget_others([], NOW + 1000)
    assert lanes["done"].failures == 7
    monkeypatch.setattr("hooks.lanes.KEPT", 3)
    lanes.forget_others(["waiting"], NOW)
    assert [lanes[name].failures for name in ("held", "done", "resting", "waiting")] == [7, 0, 7, 7]
    lanes.forget_others([], NOW + 1000)
    assert [lanes[name].failures for name in ("held", "resting", "waiting")] == [7, 0, 0]


@given(
    waiting=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5), st.integers(0, 5)), max_size=8),
)
def test_nobody_holds_more_than_its_own_and_no_place_stays_empty(waiting: list[tuple[int, int, int]]) -> None:
    held = {
        f"lane {place}": [place * 100 + 50 + n for n in range(holds)] for place, (_, holds, _) in enumerate(waiting)
    }
    lanes = make_lanes(**held)
    asked = [
        (f"lane {place}", [place * 100 + n for n in range(waits)], most)
        for place, (waits, _, most) in enumerate(waiting)
    ]
    line = lanes.line_up(asked, NOW)
    for name, numbers, most in asked:
        chosen = [number for number in line if number in numbers]
        assert chosen == numbers[: max(0, most - len(held[name]))], "the first ones, in their order"
