"""Rotas: read from files within bounds, and meetings that they leave out and bring back."""

import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from services.mentorships.meetings.domain import series
from services.mentorships.rotas import domain
from services.mentorships.rotas.api.files import spans_of_calendar, spans_of_csv
from services.mentorships.rotas.domain import MOST_DUTIES, REST, Rota
from shared.contracts.meetings import MeetingSkipped
from shared.errors import Rejected
from tests.unit.mentorships_meetings import BERLIN, FIRST, agreed, known, on_duty
from tests.unit.mentorships_people import ADA, DAY, NOW

EVENT = "BEGIN:VEVENT\r\nUID:1\r\n{}\r\nEND:VEVENT"
HOUR = timedelta(hours=1)


def tracemalloc_peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def calendar(*events: str) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", *(EVENT.format(event) for event in events), "END:VCALENDAR", ""])


def rota(*spans: tuple[datetime, datetime]) -> Rota:
    duties = domain.duties(spans, zone=BERLIN, now=NOW)
    decided = domain.set_rota(None, ADA, duties, source="person", now=NOW)
    assert decided is not None
    return decided.state


def test_a_meeting_in_a_duty_is_left_out_with_the_reason_and_the_next_time_that_suits_both() -> None:
    duties = {"mentor": [on_duty()], "mentee": [on_duty(on=FIRST + DAY)]}
    decided = series.respect_duties(agreed(), duties, now=NOW)
    after = known(decided)
    skip = after.skips["2027-02-05T17:00"]
    assert (skip.side, skip.reason, skip.instead) == ("mentor", "shift", "2027-02-07T17:00")
    assert after.sequence == agreed().sequence + 1, "calendars show it"
    assert decided is not None
    assert isinstance(decided.event, MeetingSkipped)
    assert decided.event.instead_at == datetime.fromisoformat("2027-02-07T16:00:00+00:00")
    assert series.respect_duties(after, duties, now=NOW) is None


def test_a_duty_that_is_gone_brings_the_meeting_back_without_a_notification() -> None:
    skipped = known(series.respect_duties(agreed(), {"mentor": [on_duty()]}, now=NOW))
    decided = series.respect_duties(skipped, {"mentor": []}, now=NOW)
    assert decided is not None
    assert (decided.state.skips, decided.state.changes, decided.event) == ({}, {}, None)


def test_either_moves_a_meeting_that_is_left_out_and_it_stays_there() -> None:
    duties = {"mentor": [on_duty()]}
    skipped = known(series.respect_duties(agreed(), duties, now=NOW))
    moved = known(series.move(skipped, "2027-02-05T17:00", starts=FIRST + DAY, now=NOW))
    assert (moved.skips, moved.changes) == ({}, {"2027-02-05T17:00": "2027-02-06T17:00"})
    assert series.respect_duties(moved, duties, now=NOW) is None


def test_what_people_cancelled_stays_cancelled() -> None:
    cancelled = known(series.cancel_one(agreed(), "2027-02-05T17:00", now=NOW))
    assert series.respect_duties(cancelled, {"mentor": [on_duty()]}, now=NOW) is None


def test_after_a_night_duty_there_is_a_rest_and_after_a_day_shift_there_is_none() -> None:
    evening = NOW.replace(hour=18)
    night, day = rota((evening, evening + 12 * HOUR)), rota((NOW, NOW + 8 * HOUR))
    assert [(busy.reason, busy.ends_at) for busy in night.busy] == [("after_night", evening + 12 * HOUR + REST)]
    assert [(busy.reason, busy.ends_at) for busy in day.busy] == [("shift", NOW + 8 * HOUR)]


def test_the_same_rota_again_changes_nothing() -> None:
    first = rota((NOW, NOW + HOUR))
    assert domain.set_rota(first, ADA, first.duties, source="person", now=NOW) is None
    passed = domain.pass_time(first, NOW)
    assert passed is not None
    assert domain.pass_time(passed.state, NOW + DAY) is None


def test_a_calendar_and_a_table_give_the_same_duties() -> None:
    events = calendar("DTSTART;TZID=Europe/Berlin:20270205T190000\r\nDTEND;TZID=Europe/Berlin:20270206T070000")
    table = "\ufeffStarts;Ends;Ward\n2027-02-05T19:00;2027-02-06T07:00;secret\n"
    floating = calendar("DTSTART:20270205T190000\r\nDURATION:PT12H")
    expected = spans_of_calendar(events, "UTC")
    assert expected == spans_of_csv(table, BERLIN) == spans_of_calendar(floating, BERLIN)
    [(begin, end)] = spans_of_calendar(calendar("DTSTART;VALUE=DATE:20270205"), BERLIN)
    assert end - begin == DAY


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (calendar("DTSTART:20270205T190000Z\r\nRRULE:FREQ=SECONDLY;COUNT=1000000000"), "single events"),
        (calendar("DTSTART:20270205T190000Z\r\nRDATE:20270206T190000Z"), "single events"),
        (calendar("DTEND:20270205T190000Z"), "iCalendar"),
        (calendar("DTSTART:00010101T000000\r\nDURATION:PT1H"), ""),
        ("BEGIN:VCALENDAR\r\n" * 1_000, "iCalendar"),
        ("BEGIN:VEVENT\r\n" * 15_000 + "END:VEVENT\r\n" * 15_000, "iCalendar"),
        ("no calendar", "iCalendar"),
    ],
)
def test_a_calendar_that_repeats_or_is_none_is_refused(content: str, message: str) -> None:
    if not message:
        assert domain.duties(spans_of_calendar(content, "UTC"), zone="UTC", now=NOW) == ()
        return
    with pytest.raises(Rejected) as refused:
        spans_of_calendar(content, BERLIN)
    assert message in refused.value.errors[0].message


ZONE = """BEGIN:VTIMEZONE
TZID:{}
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0500
TZOFFSETTO:+0500
RRULE:FREQ=SECONDLY;COUNT={}
END:STANDARD
END:VTIMEZONE
"""
ALARM = "BEGIN:VALARM\nACTION:AUDIO\nTRIGGER:-PT15M\nDURATION:PT5M\nREPEAT:2\nEND:VALARM\n"


def with_zone(name: str, *, changes: int = 1, also: str = "") -> str:
    times = f"DTSTART;TZID={name}:20270205T190000\nDTEND;TZID={name}:20270206T070000\n"
    zone = ZONE.format(name, changes)
    return f"BEGIN:VCALENDAR\n{zone}BEGIN:VEVENT\nUID:1\n{times}{also}END:VEVENT\nEND:VCALENDAR\n"


def test_the_rules_of_time_zones_in_a_calendar_are_not_expanded() -> None:
    before = tracemalloc_peak(lambda: spans_of_calendar(with_zone("Europe/Berlin"), BERLIN))
    after = tracemalloc_peak(lambda: spans_of_calendar(with_zone("Europe/Berlin", changes=20_000), BERLIN))
    assert after < 2 * before, "each change of a zone would take memory"


def test_a_zone_that_a_calendar_defines_itself_is_refused_and_not_remembered_for_other_files() -> None:
    for content in (with_zone("Ward Time"), with_zone("Ward Time").replace(ZONE.format("Ward Time", 1), "")):
        with pytest.raises(Rejected, match="see errors") as refused:
            spans_of_calendar(content, BERLIN)
        assert "zone that it defines itself" in refused.value.errors[0].message


def test_a_calendar_may_define_a_known_zone_and_have_alarms() -> None:
    assert spans_of_calendar(with_zone("Europe/Berlin", also=ALARM), "UTC") == spans_of_csv(
        "starts,ends\n2027-02-05T19:00,2027-02-06T07:00\n", BERLIN
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("from,to\n1,2\n", "columns"),
        ("", "columns"),
        ("starts,ends\n2027-02-05,\n", "line 2"),
        ("starts,ends\n" * 20_001, "lines"),
        (f'starts,ends\n"{"x" * 200_000}",\n', "characters in a line; line 2"),
    ],
)
def test_a_table_without_its_columns_or_times_is_refused_with_the_line(content: str, message: str) -> None:
    with pytest.raises(Rejected) as refused:
        spans_of_csv(content, BERLIN)
    assert message in refused.value.errors[0].message


@pytest.mark.parametrize(
    "spans",
    [
        [(NOW + DAY, NOW + DAY)],
        [(NOW, NOW + 3 * DAY)],
        [(NOW + 400 * DAY, NOW + 400 * DAY + HOUR)],
        [(NOW + number * HOUR, NOW + (number + 1) * HOUR) for number in range(MOST_DUTIES + 1)],
    ],
)
def test_duties_that_are_endless_far_away_or_too_many_are_refused(spans: list[tuple[datetime, datetime]]) -> None:
    with pytest.raises(Rejected):
        domain.duties(spans, zone=BERLIN, now=NOW)
