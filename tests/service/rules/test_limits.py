"""When quiet hours end, whatever the clocks do in between."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from service.rules.limits import QuietHours

ZONES = sorted(available_timezones() - {"localtime"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ms(text: str, zone: str = "UTC", fold: int = 0) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return (local.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)


def quiet(start: str, end: str, zone: str) -> QuietHours:
    return QuietHours(start=time.fromisoformat(start), end=time.fromisoformat(end), zone=ZoneInfo(zone))


def is_quiet(hours: QuietHours, instant: int) -> bool:
    clock = (EPOCH + timedelta(milliseconds=instant)).astimezone(hours.zone).time()
    if hours.start < hours.end:
        return hours.start <= clock < hours.end
    return not hours.end <= clock < hours.start


@pytest.mark.parametrize(
    ("start", "end", "now", "expected"),
    [
        ("23:00", "07:00", "2026-11-23T22:59:59.999", None),
        ("23:00", "07:00", "2026-11-23T23:00", "2026-11-24T07:00"),
        ("23:00", "07:00", "2026-11-24T00:00", "2026-11-24T07:00"),
        ("23:00", "07:00", "2026-11-24T06:59:59.999", "2026-11-24T07:00"),
        ("23:00", "07:00", "2026-11-24T07:00", None),
        ("12:00", "13:30", "2026-11-24T12:30:10.250", "2026-11-24T13:30"),
        ("12:00", "13:30", "2026-11-24T13:30", None),
        ("22:00", "00:00", "2026-11-24T23:30", "2026-11-25T00:00"),
        ("00:00", "08:00", "2026-11-24T00:00", "2026-11-24T08:00"),
    ],
)
def test_quiet_hours_end_at_their_hour(start: str, end: str, now: str, expected: str | None) -> None:
    hours = quiet(start, end, "Asia/Shanghai")
    assert hours.ends_at(ms(now, "Asia/Shanghai")) == (expected and ms(expected, "Asia/Shanghai"))


BERLIN = "Europe/Berlin"  # 2026-03-29: 02:00 becomes 03:00; 2026-10-25: 03:00 becomes 02:00


@pytest.mark.parametrize(
    ("start", "end", "now", "expected"),
    [
        ("23:00", "07:00", ms("2026-03-29T01:00", BERLIN), ms("2026-03-29T05:00")),
        ("23:00", "07:00", ms("2026-10-25T01:00", BERLIN), ms("2026-10-25T06:00")),
        # The end is skipped: it is over when the clocks jump.
        ("01:00", "02:30", ms("2026-03-29T01:30", BERLIN), ms("2026-03-29T01:00")),
        # The end is there twice: it is over, and begins anew with the repeated hour.
        ("01:00", "02:30", ms("2026-10-25T02:10", BERLIN), ms("2026-10-25T00:30")),
        ("01:00", "02:30", ms("2026-10-25T02:45", BERLIN), None),
        ("01:00", "02:30", ms("2026-10-25T02:10", BERLIN, fold=1), ms("2026-10-25T01:30")),
        # What ends with the repeated hour ends when it has been repeated.
        ("01:00", "03:00", ms("2026-10-25T02:10", BERLIN), ms("2026-10-25T02:00")),
    ],
)
def test_clocks_that_change_move_the_end(start: str, end: str, now: int, expected: int | None) -> None:
    assert quiet(start, end, BERLIN).ends_at(now) == expected


@given(
    zone=st.sampled_from(ZONES),
    start=st.times().map(lambda each: each.replace(second=0, microsecond=0)),
    end=st.times().map(lambda each: each.replace(second=0, microsecond=0)),
    now=st.integers(ms("1980-01-01T00:00"), ms("2080-01-01T00:00")),
)
@example(zone="Pacific/Apia", start=time(22), end=time(7), now=ms("2011-12-29T23:00", "Pacific/Apia"))
@example(zone="Australia/Lord_Howe", start=time(1), end=time(2, 15), now=ms("2026-10-03T15:10"))
def test_the_end_is_the_first_instant_that_is_not_quiet(zone: str, start: time, end: time, now: int) -> None:
    assume(start != end)
    hours = QuietHours(start=start, end=end, zone=ZoneInfo(zone))
    ends = hours.ends_at(now)
    if ends is None:
        assert not is_quiet(hours, now)
        return
    assert is_quiet(hours, now)
    assert now < ends
    assert not is_quiet(hours, ends)
    assert is_quiet(hours, ends - 1)
    assert all(is_quiet(hours, now + (ends - now) * step // 50) for step in range(50))
