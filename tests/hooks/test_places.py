"""Who may go next: nobody holds more than its own, and what is in doubt leaves places for what is not."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hooks.places import Places
from storage.outbox import Parcel, Turn
from storage.records import Event
from storage.records_of_deliveries import Delivery, Subscription

NOW = 1_800_000_000_000


def make_parcel(number: int, lane: str, *, tries: int = 1, rate: float | None = None) -> Parcel:
    delivery = Delivery(
        id=number,
        subscription_id=lane,
        seq=number,
        task_id=None,
        lane=lane,
        state="sending",
        apart=True,
        attempts=tries,
        tries=tries,
        next_at=None,
        created_at=NOW,
        done_at=None,
    )
    subscription = Subscription(
        id=lane, origin="api", host="h:1", sealed="", events=("*",), rate=rate, created_at=NOW, updated_at=NOW
    )
    event = Event(seq=number, id=f"evt_{number}", type="task.lost", time=NOW, task=None)
    return Parcel(delivery=delivery, subscription=subscription, event=event, secrets=())


def turn(lane: str, first: Any = (), again: Any = (), **fields: Any) -> Turn:
    return Turn(lane=lane, first=tuple(first), again=tuple(again), **{"next_at": None} | fields)


def take(places: Places, turns: list[Turn]) -> list[int]:
    """Let all begin that may; gives them."""
    chosen = places.choose(turns, NOW)
    for number in chosen:
        (one,) = [each for each in turns if number in each.first + each.again]
        tries = 2 if number in one.again else 1
        places.take(make_parcel(number, one.lane, tries=tries, rate=one.rate), NOW)
    return chosen


def test_one_that_is_not_known_to_answer_holds_one_place_and_one_that_does_all_its_own() -> None:
    places = Places(8)
    places["known"].answers = True
    turns = [turn("known", range(10, 20), concurrency=3), turn("new", range(20, 30), concurrency=3)]
    assert sorted(take(places, turns)) == [10, 11, 12, 20]


def test_a_quarter_of_the_places_is_kept_for_those_of_whom_nothing_is_in_doubt() -> None:
    places = Places(8)
    places["known"].answers = True
    doubtful = [turn(f"new {number}", [number]) for number in range(20)]
    assert len(take(places, doubtful)) == 6
    assert take(places, [turn("known", [100], [101])]) == [100]
    assert places.find_pause([turn("known", [], [101])], NOW) is None, "who leaves a place will tell"


def test_slow_ones_leave_places_for_who_is_quick() -> None:
    places = Places(8)
    for name in ("slow", "slower", "quick"):
        places[name].answers = True
    places["slow"].is_slow = places["slower"].is_slow = True
    slow = [turn("slow", range(10, 20), concurrency=8), turn("slower", range(20, 30), concurrency=8)]
    assert len(take(places, slow)) == 6
    assert take(places, [*slow, turn("quick", [100, 101], concurrency=8)]) == [100, 101]


def test_what_is_known_of_one_that_was_changed_is_forgotten() -> None:
    places = Places(8)
    places["a"].answers = True
    places["a"].rest(NOW, 86_400)
    assert take(places, [turn("a", [1, 2])]) == []
    assert take(places, [turn("a", [1, 2], changed_at=NOW)]) == [1], "nobody knows whether it answers"


def test_a_single_place_is_for_anything() -> None:
    assert take(Places(1), [turn("new", [], [1])]) == [1]


def test_first_attempts_and_retries_of_a_lane_go_by_turns() -> None:
    places, gone = Places(1), list[int]()
    waiting = [turn("a", [1, 2, 3], [11, 12, 13])]
    while waiting[0].first or waiting[0].again:
        (number,) = take(places, waiting)
        places.leave(make_parcel(number, "a").delivery)
        gone.append(number)
        left = [[each for each in kind if each != number] for kind in (waiting[0].first, waiting[0].again)]
        waiting = [turn("a", *left)]
    assert gone == [11, 1, 12, 2, 13, 3]


def test_the_pause_is_until_the_next_of_a_lane_with_room_may_go() -> None:
    places = Places(8)
    places["resting"].rest(NOW, 30)
    turns = [turn("later", next_at=NOW + 5000), turn("resting", [1])]
    assert places.choose(turns, NOW) == []
    assert places.find_pause(turns, NOW) == 5
    assert places.find_pause(turns[1:], NOW) == 30
    paced = turn("paced", [2, 3], rate=0.5)
    places["paced"].answers = True
    assert take(places, [paced]) == [2]
    assert 1.9 <= (places.find_pause([turn("paced", [3], rate=0.5)], NOW) or 0) <= 2


def test_a_lane_that_holds_all_its_own_has_no_pause() -> None:
    places = Places(8)
    take(places, [turn("a", [1])])
    assert places.find_pause([turn("a", [2]), turn("a", next_at=NOW + 5)], NOW) is None


WAITING = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 16), st.booleans()), max_size=9)


@given(number=st.integers(1, 64), waiting=WAITING)
def test_no_bound_is_broken_and_nothing_that_may_go_is_kept(
    number: int, waiting: list[tuple[int, int, int, bool]]
) -> None:
    places = Places(number)
    turns = []
    for place, (first, again, concurrency, answers) in enumerate(waiting):
        begin = place * 100
        turns.append(
            turn(
                f"{place}", range(begin, begin + first), range(begin + 50, begin + 50 + again), concurrency=concurrency
            )
        )
        places[f"{place}"].answers = answers
    chosen = take(places, turns)
    assert len(chosen) == len(set(chosen)) <= number
    doubtful = [each for each in chosen if each % 100 >= 50 or not waiting[each // 100][3]]
    assert len(doubtful) <= max(1, number * 3 // 4)
    for place, (first, again, concurrency, answers) in enumerate(waiting):
        own = [each for each in chosen if each // 100 == place]
        most = min(concurrency if answers else 1, first + again)
        assert len(own) <= most
        if len(chosen) < number and len(doubtful) < max(1, number * 3 // 4):
            assert len(own) == most, "there was room"
