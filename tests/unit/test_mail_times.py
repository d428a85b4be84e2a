"""Quiet hours and digests in the person's zone: over midnight, and where a clock change skips or repeats an hour."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.notifications.preferences.domain.times import DigestTime, QuietHours, after_quiet_hours, next_digest

VIENNA, NEW_YORK, KOLKATA = ZoneInfo("Europe/Vienna"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")
NIGHT = QuietHours(begins=time(21), ends=time(7))
NOON = QuietHours(begins=time(12), ends=time(14))
EIGHT_ON_MONDAYS = DigestTime(at=time(8), weekday=0)


def local(*fields: int, zone: ZoneInfo = VIENNA, fold: int = 0) -> datetime:
    return datetime(*fields, tzinfo=zone, fold=fold).astimezone(UTC)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("moment", "quiet", "end"),
    [
        (local(2027, 1, 4, 20, 59), NIGHT, local(2027, 1, 4, 20, 59)),
        (local(2027, 1, 4, 21, 0), NIGHT, local(2027, 1, 5, 7)),
        (local(2027, 1, 4, 23, 30), NIGHT, local(2027, 1, 5, 7)),
        (local(2027, 1, 5, 0, 0), NIGHT, local(2027, 1, 5, 7)),
        (local(2027, 1, 5, 6, 59), NIGHT, local(2027, 1, 5, 7)),
        (local(2027, 1, 5, 7, 0), NIGHT, local(2027, 1, 5, 7)),
        (local(2027, 12, 31, 22), NIGHT, local(2028, 1, 1, 7)),
        (local(2027, 1, 4, 12), NOON, local(2027, 1, 4, 14)),
        (local(2027, 1, 4, 14), NOON, local(2027, 1, 4, 14)),
    ],
)
def test_a_mail_waits_until_the_quiet_hours_end(moment: datetime, quiet: QuietHours, end: datetime) -> None:
    assert after_quiet_hours(moment, quiet, VIENNA) == end


def test_without_quiet_hours_nothing_waits() -> None:
    assert after_quiet_hours(local(2027, 1, 4, 3), None, VIENNA) == local(2027, 1, 4, 3)


def test_the_night_of_a_clock_change_is_an_hour_shorter_or_longer() -> None:
    spring, autumn = local(2027, 3, 27, 21), local(2027, 10, 30, 21)
    assert after_quiet_hours(spring, NIGHT, VIENNA) - spring == timedelta(hours=9)
    assert after_quiet_hours(autumn, NIGHT, VIENNA) - autumn == timedelta(hours=11)


def test_quiet_hours_that_end_in_the_skipped_hour_end_after_it() -> None:
    quiet = QuietHours(begins=time(21), ends=time(2, 30))
    assert after_quiet_hours(local(2027, 3, 28, 1), quiet, VIENNA) == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


def test_quiet_hours_that_end_in_the_repeated_hour_end_once() -> None:
    quiet = QuietHours(begins=time(21), ends=time(2, 30))
    assert after_quiet_hours(local(2027, 10, 31, 1), quiet, VIENNA) == local(2027, 10, 31, 2, 30)
    again = local(2027, 10, 31, 2, 15, fold=1)
    assert after_quiet_hours(again, quiet, VIENNA) == local(2027, 10, 31, 2, 30, fold=1)


@pytest.mark.parametrize("zone", [VIENNA, NEW_YORK, KOLKATA])
def test_a_daily_digest_comes_at_the_hour_of_the_persons_own_day(zone: ZoneInfo) -> None:
    before, at = local(2027, 1, 4, 7, 59, zone=zone), local(2027, 1, 4, 8, zone=zone)
    assert next_digest(before, "daily", EIGHT_ON_MONDAYS, zone) == at
    assert next_digest(at, "daily", EIGHT_ON_MONDAYS, zone) == local(2027, 1, 5, 8, zone=zone)


def test_a_weekly_digest_comes_on_its_day_of_the_week() -> None:
    friday = DigestTime(at=time(16), weekday=4)
    assert next_digest(local(2027, 1, 4, 9), "weekly", friday, VIENNA) == local(2027, 1, 8, 16)
    assert next_digest(local(2027, 1, 8, 16), "weekly", friday, VIENNA) == local(2027, 1, 15, 16)
    assert next_digest(local(2027, 1, 9, 9), "weekly", friday, VIENNA) == local(2027, 1, 15, 16)


def test_a_digest_keeps_its_hour_over_a_clock_change() -> None:
    for day in ((2027, 3, 27), (2027, 10, 30)):
        due = next_digest(local(*day, 12), "daily", EIGHT_ON_MONDAYS, VIENNA)
        assert due.astimezone(VIENNA).hour == 8


_MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_TIMES = st.times().map(lambda each: each.replace(second=0, microsecond=0))
_ZONES = st.sampled_from([VIENNA, NEW_YORK, KOLKATA, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")])


@given(_MOMENTS, _TIMES, _TIMES, _ZONES)
def test_after_quiet_hours_it_is_later_and_never_quiet_any_more(
    moment: datetime, begins: time, ends: time, zone: ZoneInfo
) -> None:
    awake_minutes = ((begins.hour - ends.hour) * 60 + begins.minute - ends.minute) % 1440
    assume(120 <= awake_minutes < 1440)  # else a clock change can skip every hour in which mail may be sent
    quiet = QuietHours(begins=begins, ends=ends)
    end = after_quiet_hours(moment, quiet, zone)
    assert moment <= end <= moment + timedelta(hours=25)
    assert after_quiet_hours(end, quiet, zone) == end


@given(_MOMENTS, st.sampled_from(["daily", "weekly"]), _TIMES, st.integers(0, 6), _ZONES)
def test_a_digest_is_always_ahead_and_not_too_far(
    moment: datetime, cadence: str, at: time, weekday: int, zone: ZoneInfo
) -> None:
    due = next_digest(moment, cadence, DigestTime(at=at, weekday=weekday), zone)  # type: ignore[arg-type]
    assert moment < due <= moment + timedelta(days=8 if cadence == "weekly" else 2)
