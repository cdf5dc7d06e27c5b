from hooks.backoff import DELIVERY_PAUSES, NOT_YET, capacity_pause, spread, unsent_pause


def test_not_yet_answers_are_tried_again_for_about_two_minutes():
    assert sum(NOT_YET) == 120
    assert list(NOT_YET) == sorted(NOT_YET)


def test_a_full_gateway_is_left_alone_for_longer_each_time_up_to_30_seconds():
    assert [capacity_pause(count) for count in range(1, 9)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_refused_connection_is_tried_again_ever_later_up_to_a_minute():
    assert [unsent_pause(count) for count in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_pause_stays_at_its_ceiling_however_long_an_outage_lasts():
    assert capacity_pause(10**12) == 30
    assert unsent_pause(10**12) == 60


def test_a_pause_is_never_shorter_than_a_second():
    assert capacity_pause(0) == 1
    assert unsent_pause(-5) == 1


def test_a_delivery_is_tried_ten_times_within_three_and_a_half_days():
    assert len(DELIVERY_PAUSES) + 1 == 10
    assert list(DELIVERY_PAUSES) == sorted(DELIVERY_PAUSES)
    assert 3 < sum(DELIVERY_PAUSES) / 86_400 < 3.5


def test_pauses_are_spread_by_a_fifth_to_both_sides():
    assert [round(spread(300, chance)) for chance in (0, 0.25, 0.5, 1)] == [240, 270, 300, 360]
