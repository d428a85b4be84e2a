"""Rules and zones of meetings: what is refused before expansion, and that local times stay over clock changes."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mentorships.meetings.domain.occurrences import between, find, from_then_on
from services.mentorships.meetings.domain.plans import Plan, require_start
from services.mentorships.meetings.domain.zones import current_zone, exists
from shared.errors import Rejected
from shared.zones import zones
from tests.unit.mentorships_meetings import BERLIN, FIRST, plan
from tests.unit.mentorships_people import DAY, NOW

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def refusal(rule: str, **changed: object) -> tuple[str, str]:
    with pytest.raises(Rejected) as refused:
        plan(rule, **changed)  # type: ignore[arg-type]
    [error] = refused.value.errors
    return error.field, error.message


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("FREQ=SECONDLY", "FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"),
        ("FREQ=HOURLY;INTERVAL=24", "FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"),
        ("FREQ=DAILY;COUNT=1000000000", "COUNT from 1 to 500"),
        ("FREQ=DAILY;COUNT=0", "a part or value"),
        ("FREQ=DAILY;INTERVAL=0", "a part or value"),
        ("FREQ=DAILY;INTERVAL=53", "INTERVAL from 1 to 52"),
        ("FREQ=DAILY;BYHOUR=1,2,3", "a part or value"),
        ("FREQ=DAILY;BYMONTH=2", "a part or value"),
        ("FREQ=DAILY;UNTIL=20260101", "UNTIL after the start"),
        ("FREQ=DAILY;UNTIL=20270230", "UNTIL that exists"),
        ("FREQ=DAILY;UNTIL=20990101", "within ten years"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20280101", "not both"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31", "February has no day 31"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-31", "February has no day 31"),
        ("FREQ=YEARLY;BYMONTH=2", "or neither"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=31", "a part or value"),
        ("FREQ=MONTHLY;BYDAY=6FR", "a part or value"),
        ("FREQ=MONTHLY;BYDAY=1FR;BYMONTHDAY=5", "not both"),
        ("FREQ=MONTHLY;BYDAY=1FR;BYSETPOS=1", "BYSETPOS"),
        ("FREQ=MONTHLY;FREQ=DAILY", "each part once"),
        ("BYDAY=1FR", "each part once"),
        ("every first Friday", "each part once"),
        ("FREQ=DAILY;" + "X=1;" * 100, "each part once"),
        ("FREQ=DAILY\r\nX-EVIL:1", "FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"),
    ],
)
def test_a_rule_that_cannot_be_expanded_safely_is_refused(rule: str, says: str) -> None:
    field, message = refusal(rule)
    assert field == "rule"
    assert says in message


def test_the_start_must_be_a_date_of_the_rule_and_the_refusal_names_one() -> None:
    field, message = refusal("FREQ=WEEKLY;BYDAY=MO")
    assert (field, "2027-02-08T17:00" in message) == ("starts", True)


@pytest.mark.parametrize(
    ("rule", "starts"),
    [
        ("FREQ=MONTHLY;BYMONTHDAY=31;INTERVAL=12", datetime(2027, 2, 10, 9)),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", datetime(2028, 2, 29, 9)),
        ("FREQ=MONTHLY;BYDAY=5FR;INTERVAL=12", datetime(2027, 1, 29, 9)),
        ("FREQ=YEARLY;INTERVAL=3", datetime(2027, 1, 29, 9)),
    ],
)
def test_a_rule_that_matches_never_or_rarely_is_refused_at_once(rule: str, starts: datetime) -> None:
    assert refusal(rule, starts=starts)[0] in ("starts", "rule")


def test_an_unknown_zone_is_refused_and_a_former_name_replaced() -> None:
    assert refusal("", zone="Europe/Atlantis")[0] == "zone"
    assert refusal("", zone="US/Eastern")[0] == "zone"
    assert plan("", zone="Asia/Calcutta").zone == "Asia/Kolkata"
    assert plan("", zone="Europe/Copenhagen").zone == "Europe/Copenhagen"


def test_every_zone_has_a_current_name_with_the_same_clock() -> None:
    for name in zones():
        current = current_zone(name)
        assert current is not None
        for month in range(1, 13):
            moment = datetime(2027, month, 15, tzinfo=UTC)
            assert moment.astimezone(ZoneInfo(name)).utcoffset() == moment.astimezone(ZoneInfo(current)).utcoffset()


def test_a_start_in_a_skipped_hour_is_refused_and_the_refusal_names_the_next_time() -> None:
    field, message = refusal("", starts=datetime(2027, 3, 28, 2, 30))
    assert (field, "2027-03-28T03:30" in message) == ("starts", True)


def test_an_occurrence_in_a_skipped_hour_moves_forward_and_keeps_its_id() -> None:
    weekly = plan("FREQ=WEEKLY", starts=datetime(2027, 3, 21, 2, 30))
    _, skipped, after = islice(from_then_on(weekly, {}, NOW), 3)
    assert (skipped.id, skipped.starts_at) == ("2027-03-28T02:30", datetime(2027, 3, 28, 1, 30, tzinfo=UTC))
    assert after.starts_at == datetime(2027, 4, 4, 0, 30, tzinfo=UTC)


def test_of_a_time_that_comes_twice_the_first_is_meant() -> None:
    [twice] = from_then_on(plan("", starts=datetime(2027, 10, 31, 2, 30)), {}, NOW)
    assert twice.starts_at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("starts", [NOW - DAY, NOW, NOW + 367 * DAY])
def test_a_plan_in_the_past_or_years_away_is_refused(starts: datetime) -> None:
    with pytest.raises(Rejected):
        require_start(plan("", starts=starts.replace(tzinfo=None), zone="UTC"), now=NOW)


def test_skipped_dates_are_left_out_and_must_be_dates_of_the_rule() -> None:
    without = plan(skipped=(date(2027, 3, 5),))
    coming = [meeting.id[:10] for meeting in islice(from_then_on(without, {}, NOW), 2)]
    assert coming == ["2027-02-05", "2027-04-02"]
    assert refusal("FREQ=MONTHLY;BYDAY=1FR", skipped=(date(2027, 3, 6),))[0] == "skipped"


def test_until_as_a_date_includes_meetings_of_that_day() -> None:
    last = list(from_then_on(plan("FREQ=DAILY;UNTIL=20270207"), {}, NOW))[-1]
    assert last.id == "2027-02-07T17:00"


@st.composite
def regular(draw: st.DrawFn) -> Plan:
    """A plan in any zone whose rule names the weekday or the day of its start."""
    starts = draw(st.datetimes(datetime(2027, 1, 1), datetime(2028, 1, 1))).replace(second=0, microsecond=0)
    zone = draw(st.sampled_from(sorted(zones())))
    weekday, number = WEEKDAYS[starts.weekday()], (starts.day - 1) // 7 + 1
    rules = ["FREQ=DAILY", f"FREQ=WEEKLY;BYDAY={weekday}", f"FREQ=MONTHLY;BYMONTHDAY={min(starts.day, 28)}"]
    if number < 5:
        rules.append(f"FREQ=MONTHLY;BYDAY={number}{weekday}")
    starts = starts.replace(day=min(starts.day, 28))
    rule = draw(st.sampled_from(rules if number < 5 else rules[:1] + rules[2:]))
    interval = draw(st.integers(1, 4))
    return plan(f"{rule};INTERVAL={interval}", starts=_shown(starts, zone), zone=zone)


def _shown(starts: datetime, zone: str) -> datetime:
    return starts if exists(starts, zone) else starts.replace(hour=12)


@given(regular())
def test_meetings_keep_their_local_time_over_years(wanted: Plan) -> None:
    begin = datetime(2027, 1, 1, tzinfo=UTC)
    found = between(wanted, {}, begin, begin + timedelta(days=3 * 366))
    zone = ZoneInfo(wanted.zone)
    clock = wanted.starts[11:]
    for meeting in found:
        shown = meeting.starts_at.astimezone(zone)
        local = datetime.fromisoformat(meeting.id)
        assert meeting.id[11:] == clock
        assert shown.replace(tzinfo=None) == local or not exists(local, wanted.zone)
        assert shown.fold == 0 or not exists(local, wanted.zone)
        assert find(wanted, {}, meeting.id) == meeting
    assert found
    assert all(before.starts_at < after.starts_at for before, after in pairwise(found))
    assert len({meeting.id for meeting in found}) == len(found)


@given(regular(), st.integers(0, 1_500))
def test_meetings_from_any_day_on_are_those_from_the_start_without_the_earlier_ones(wanted: Plan, days: int) -> None:
    begin, end = NOW + days * DAY, NOW + 1_600 * DAY
    every = between(wanted, {}, NOW, end)
    assert between(wanted, {}, begin, end) == [meeting for meeting in every if meeting.starts_at >= begin]


def test_a_first_friday_keeps_five_o_clock_for_ten_years() -> None:
    ten_years = list(islice(from_then_on(plan(), {}, NOW), 120))
    shown = [meeting.starts_at.astimezone(ZoneInfo(BERLIN)) for meeting in ten_years]
    assert {(moment.hour, moment.weekday(), moment.day <= 7) for moment in shown} == {(17, 4, True)}
    assert shown[0].replace(tzinfo=None) == FIRST
