"""How much a gateway takes, step by step."""

from service.gateways.room import Room

SECOND = 1000


def fill(room: Room, *sent_at: int) -> None:
    """POSTs go out, and hang."""
    for number, each in enumerate(sent_at, start=1):
        room.enter(number, each)


def test_a_fresh_gateway_takes_all_it_may() -> None:
    room = Room(32)
    assert not room.rests(0)
    assert room.free(0) == 32
    fill(room, *[0] * 30)
    assert room.free(0) == 2
    fill(room, *[0] * 32)
    assert (room.free(0), room.free(60 * SECOND)) == (0, 0), "only an answer frees a place"


def test_refusals_in_a_row_double_the_rest_up_to_half_a_minute() -> None:
    room, now, rests = Room(32), 0, []
    for _ in range(7):
        now = room.rests_until + 1
        room.refuse(now=now, sent_at=now, seq=1)
        rests.append((room.rests_until - now) / SECOND)
    assert rests == [1, 2, 4, 8, 16, 30, 30]


def test_what_was_out_together_is_refused_once() -> None:
    room = Room(32)
    for now in (10, 510):
        room.refuse(now=now, sent_at=5, seq=1)
        assert room.rests_until == 10 + SECOND
    room.lift(7)
    room.refuse(now=600, sent_at=6, seq=1)
    assert room.rests_until == 600 + SECOND, "not 2: it was sent before the first refusal"
    assert room.ends_after == 7, "the ending that lifted the rest does not lift this one too"


def test_an_ending_lifts_the_rest_and_one_may_try() -> None:
    room = Room(32)
    room.refuse(now=0, sent_at=0, seq=3)
    assert (room.rests(1), room.ends_after) == (True, 3)
    room.lift(9)
    assert (room.rests(1), room.free(1)) == (False, 1)
    room.enter(1, 1)
    assert room.free(1) == 0


def test_each_acceptance_gives_one_more_place_up_to_the_limit() -> None:
    room = Room(3)
    room.refuse(now=0, sent_at=0, seq=0)
    room.lift(1)
    places = []
    for _ in range(4):
        room.accept(1)
        places.append(room.free(1))
    assert places == [2, 3, 3, 3]


def test_an_acceptance_starts_the_count_anew_and_shortens_a_long_rest() -> None:
    room = Room(32)
    for now in (0, 2 * SECOND, 10 * SECOND):
        room.refuse(now=now, sent_at=now, seq=0)
    assert room.rests_until == 14 * SECOND
    room.accept(10 * SECOND)
    assert room.rests_until == 11 * SECOND
    room.refuse(now=12 * SECOND, sent_at=12 * SECOND, seq=0)
    assert room.rests_until == 13 * SECOND


def test_what_hangs_since_before_a_refusal_takes_no_place_after_it() -> None:
    room = Room(32)
    fill(room, *[5] * 31)
    room.refuse(now=10, sent_at=5, seq=0)
    assert room.free(room.rests_until) == 1
    room.enter(99, room.rests_until)
    assert room.free(room.rests_until) == 0
    room.leave(99)
    assert room.free(room.rests_until) == 1


def test_what_was_out_beside_a_refusal_is_waited_for_when_an_ending_lifts_the_rest() -> None:
    room = Room(32)
    fill(room, 5, 5)
    room.refuse(now=10, sent_at=5, seq=0)
    room.lift(1)
    assert (room.rests(20), room.free(20), room.free(1009), room.free(1010)) == (False, 0, 0, 1)
    room.leave(1)
    room.leave(2)
    assert room.free(20) == 1


def test_what_hangs_still_counts_against_the_limit() -> None:
    room = Room(3)
    fill(room, 5, 5, 5)
    room.refuse(now=10, sent_at=5, seq=0)
    assert room.free(2000) == 0
    room.leave(1)
    assert room.free(2000) == 1


def test_one_that_hangs_after_a_refusal_gives_way_after_the_longest_rest() -> None:
    room = Room(32)
    room.refuse(now=0, sent_at=0, seq=0)
    room.enter(1, 1 * SECOND)
    assert room.free(31 * SECOND - 1) == 0
    assert room.free(31 * SECOND) == 1


def test_what_is_settled_otherwise_and_hangs_frees_its_place() -> None:
    room = Room(3)
    fill(room, 0, 0, 1)
    room.keep_only({2, 7}, 1 * SECOND)
    assert room.free(1 * SECOND) == 1, "the third may be answered at any moment"
    room.leave(1)  # its answer comes after all
    assert room.free(1 * SECOND) == 1


def test_a_rest_that_began_before_the_clock_stepped_back_is_over() -> None:
    room = Room(2)
    room.refuse(now=10**9, sent_at=10**9, seq=0)
    assert room.rests(10**9)
    assert not room.rests(10**9 - 3600 * SECOND)
