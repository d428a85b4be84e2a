"""Calendar files of meetings, as two independent readers understand them: icalendar with recurring-ical-events, and
dateutil, which builds each zone from the file's own VTIMEZONE.
"""

import io
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from dateutil import tz
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mentorships.meetings.api.calendar_files import calendar_file
from services.mentorships.meetings.domain import series
from services.mentorships.meetings.domain.occurrences import from_then_on
from services.mentorships.meetings.domain.states import Series
from shared.zones import zones
from tests.unit.mentorships_meetings import agreed, cancelled, known, plan, proposed, seen, suspended
from tests.unit.mentorships_people import NOW

FIRST_ID, SECOND_ID, THIRD_ID = "2027-02-05T17:00", "2027-03-05T17:00", "2027-04-02T17:00"
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Asia/Kolkata",
    "America/Santiago",
)
_IRREGULAR = {"Africa/Casablanca", "Africa/El_Aaiun"}
"""icalendar 7.3.2 misses their clock changes around the year 2032."""


def parsed(content: bytes) -> icalendar.Calendar:
    found = icalendar.Calendar.from_ical(content)
    assert isinstance(found, icalendar.Calendar)
    return found


def first_events(content: bytes, count: int) -> list[datetime]:
    events = recurring_ical_events.of(parsed(content)).after(NOW)
    return [event["dtstart"].dt.astimezone(UTC) for event in islice(events, count)]


def by_dateutil(content: bytes, count: int) -> list[datetime]:
    """The first dates of the file's only rule, in the zone that the file describes."""
    text = content.decode()
    zone = tz.tzical(io.StringIO(text)).get()
    lines = text.replace("\r\n ", "").split("\r\n")
    event = lines[lines.index("BEGIN:VEVENT") :]
    rule = next(line for line in event if line.startswith("RRULE:"))
    starts = next(line for line in event if line.startswith("DTSTART")).rpartition(":")[2]
    dates = rrulestr(rule, dtstart=datetime.strptime(starts, "%Y%m%dT%H%M%S"))  # noqa: DTZ007 -- local time
    return [date.replace(tzinfo=zone).astimezone(UTC) for date in islice(dates, count)]


@pytest.mark.parametrize("zone", ZONES)
def test_two_readers_find_the_same_meetings_for_six_years(zone: str) -> None:
    of = agreed(plan(zone=zone))
    assert of.plan is not None
    ours = [meeting.starts_at for meeting in islice(from_then_on(of.plan, {}, NOW), 72)]
    content = calendar_file([seen(of)])
    assert first_events(content, 72) == ours
    assert by_dateutil(content, 72) == ours


@settings(max_examples=25)
@given(st.sampled_from(sorted(zones() - _IRREGULAR)), st.integers(0, 23))
def test_the_zone_in_the_file_has_the_offsets_of_the_tz_database(zone: str, hour: int) -> None:
    of = agreed(plan("FREQ=WEEKLY", starts=datetime(2027, 2, 5, hour), zone=zone))
    assert of.plan is not None
    if of.plan.zone == "UTC":
        return
    described = tz.tzical(io.StringIO(calendar_file([seen(of)]).decode())).get()
    for week in range(0, 52 * 10, 7):
        local = datetime(2027, 2, 5, hour) + timedelta(weeks=week)
        expected = local.replace(tzinfo=ZoneInfo(of.plan.zone)).utcoffset()
        assert local.replace(tzinfo=described).utcoffset() == expected, local


def test_summer_time_begins_at_two_o_clock_by_a_rule() -> None:
    text = calendar_file([seen(agreed())]).decode()
    assert "DTSTART:20270328T020000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\n" in text
    assert "DTSTART:20271031T030000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\n" in text


def test_a_moved_and_a_cancelled_meeting_are_in_the_file() -> None:
    moved = known(series.move(agreed(), FIRST_ID, starts=datetime(2027, 2, 8, 9), now=NOW))
    both = known(series.cancel_one(moved, SECOND_ID, now=NOW))
    content = calendar_file([seen(both)])
    expected = [datetime(2027, 2, 8, 8, tzinfo=UTC), datetime(2027, 4, 2, 15, tzinfo=UTC)]
    assert first_events(content, 2) == expected
    whole, single = parsed(content).walk("VEVENT")
    assert whole["uid"] == single["uid"]
    assert single["recurrence-id"].dt == datetime(2027, 2, 5, 17, tzinfo=ZoneInfo("Europe/Berlin"))


def test_a_single_meeting_is_moved_and_cancelled_as_a_whole() -> None:
    single = agreed(plan(""))
    moved = known(series.move(single, FIRST_ID, starts=datetime(2027, 2, 8, 9), now=NOW))
    [event] = parsed(calendar_file([seen(moved)])).walk("VEVENT")
    assert event["dtstart"].dt == datetime(2027, 2, 8, 9, tzinfo=ZoneInfo("Europe/Berlin"))
    assert "recurrence-id" not in event
    without = known(series.cancel_one(single, FIRST_ID, now=NOW))
    [event] = parsed(calendar_file([seen(without)])).walk("VEVENT")
    assert event["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("of", "status", "method"),
    [
        (agreed, "CONFIRMED", "PUBLISH"),
        (lambda: suspended(agreed()), "CANCELLED", "PUBLISH"),
        (cancelled, "CANCELLED", "CANCEL"),
    ],
    ids=["agreed", "suspended", "cancelled"],
)
def test_the_file_says_whether_meetings_take_place(of: object, status: str, method: str) -> None:
    assert callable(of)
    calendar = parsed(calendar_file([seen(of())]))
    [event] = calendar.walk("VEVENT")
    assert (event["status"], calendar["method"]) == (status, method)


def test_what_is_only_proposed_is_in_no_file() -> None:
    assert parsed(calendar_file([seen(proposed())])).walk("VEVENT") == []


def test_texts_cannot_add_lines_to_the_file() -> None:
    name = "Ada\r\nATTACH:https://example.org;x,y\\n"
    [event] = parsed(calendar_file([seen(agreed(), name=name)])).walk("VEVENT")
    assert "ATTACH" not in event
    assert str(event["summary"]).startswith("Mentoring: Ada")


@given(st.lists(st.sampled_from(["move", "cancel", "counter and agree", "suspend and resume"]), max_size=6))
def test_the_uid_stays_and_the_sequence_rises_with_each_change(steps: list[str]) -> None:
    of = agreed()
    shown = [_shown(of)]
    for at, step in enumerate(steps):
        of = _after(of, step, at)
        shown.append(_shown(of))
    assert {uid for uid, _ in shown} == {"s@preceptor"}
    sequences = [sequence for _, sequence in shown]
    assert sequences == sorted(set(sequences))


def _after(of: Series, step: str, at: int) -> Series:
    coming = next(from_then_on(plan(), of.changes, NOW))
    if step == "move":
        return known(series.move(of, coming.id, starts=datetime(2027, 6, 1, 9 + at), now=NOW))
    if step == "cancel":
        return known(series.cancel_one(of, coming.id, now=NOW))
    if step == "counter and agree":
        return series.agree(series.counter(of, plan(), by="mentor", now=NOW).state, by="mentee", now=NOW).state
    return known(series.resume(known(series.suspend(of, now=NOW)), now=NOW))


def _shown(of: Series) -> tuple[str, int]:
    event = parsed(calendar_file([seen(of)])).walk("VEVENT")[0]
    return str(event["uid"]), int(event["sequence"])
