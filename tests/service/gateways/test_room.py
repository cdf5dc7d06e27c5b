"""How much a gateway takes, step by step."""

from service.gateways.room import Room

SECOND = 1000


def test_a_fresh_gateway_takes_all_it_may() -> None:
    room = Room(32)
    assert not room.rests(0)
    assert (room.free(0), room.free(30), room.free(40)) == (32, 2, 0)


def test_refusals_in_a_row_double_the_rest_up_to_half_a_minute() -> None:
    room, now, rests = Room(32), 0, []
    for _ in range(7):
        now = room.rests_until + 1
        rests.append(room.refuse(now=now, sent_at=now, seq=1))
    assert rests == [1, 2, 4, 8, 16, 30, 30]


def test_what_was_out_together_is_refused_once() -> None:
    room = Room(32)
    assert room.refuse(now=10, sent_at=5, seq=1) == 1
    assert room.refuse(now=510, sent_at=5, seq=1) == 0.5, "the rest that is left"
    room.lift(7)
    assert room.refuse(now=600, sent_at=6, seq=1) == 1, "not 2: it was sent before the first refusal"
    assert room.ends_after == 7, "the ending that lifted the rest does not lift this one too"


def test_an_ending_lifts_the_rest_and_one_may_try() -> None:
    room = Room(32)
    room.refuse(now=0, sent_at=0, seq=3)
    assert (room.rests(1), room.ends_after) == (True, 3)
    room.lift(9)
    assert (room.rests(1), room.free(0), room.free(1)) == (False, 1, 0)


def test_each_acceptance_gives_one_more_place_up_to_the_limit() -> None:
    room = Room(3)
    room.refuse(now=0, sent_at=0, seq=0)
    room.lift(1)
    places = []
    for _ in range(4):
        room.accept(1)
        places.append(room.free(0))
    assert places == [2, 3, 3, 3]


def test_an_acceptance_starts_the_count_anew_and_shortens_a_long_rest() -> None:
    room = Room(32)
    for now in (0, 2 * SECOND, 10 * SECOND):
        room.refuse(now=now, sent_at=now, seq=0)
    assert room.rests_until == 14 * SECOND
    room.accept(10 * SECOND)
    assert room.rests_until == 11 * SECOND
    assert room.refuse(now=12 * SECOND, sent_at=12 * SECOND, seq=0) == 1
