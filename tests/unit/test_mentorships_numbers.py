"""The numbers of a programme, each by its definition in docs/mentorships.md."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mentorships.numbers import domain
from services.mentorships.numbers.domain import LEAST, Ask, Course, Meetings
from tests.unit.mentorships_people import DAY, NOW

COURSE = Course(
    began_at=NOW,
    agreed_at=None,
    first_met_at=None,
    ended_at=None,
    reason=None,
    is_silent=False,
)
LATER = NOW + 200 * DAY


def count_one(course: Course) -> domain.Numbers:
    return domain.count([], [course], now=LATER)


@pytest.mark.parametrize(("days", "counted"), [(5, 1), (30, 1), (31, 0), (None, 0)])
def test_met_within_30_days_of_the_agreement(days: int | None, counted: int) -> None:
    met = None if days is None else NOW + days * DAY
    assert count_one(replace(COURSE, agreed_at=NOW, first_met_at=met)).met_within_30_days == counted


@pytest.mark.parametrize(("days", "counted"), [(None, 1), (90, 1), (89, 0)])
def test_together_90_days_after_the_agreement(days: int | None, counted: int) -> None:
    ended = None if days is None else NOW + days * DAY
    assert count_one(replace(COURSE, agreed_at=NOW, ended_at=ended)).together_after_90_days == counted


@pytest.mark.parametrize(("reason", "well"), [("goals_reached", 1), ("period_over", 1), ("no_time", 0), ("lapsed", 0)])
def test_an_end_is_counted_by_its_reason(reason: str, well: int) -> None:
    numbers = domain.count([], [replace(COURSE, ended_at=NOW, reason=reason)] * 5, now=LATER)
    assert (numbers.ended_well, numbers.reasons) == (5 * well, {reason: 5})


def test_a_paused_mentorship_has_a_reason_and_has_not_ended() -> None:
    assert count_one(replace(COURSE, reason="by_mentee")).reasons == {}


def test_pending_requests_are_grouped_by_age() -> None:
    days = (0, 4, 4, 4, 4, 5, 9, 9, 9, 9, 9, 10, 13, 13, 13, 13, 13, 13)
    now = NOW + 30 * DAY
    asks = [Ask(made_at=now - age * DAY, outcome="pending") for age in days]
    answered = Ask(made_at=now - 9 * DAY, outcome="declined")
    numbers = domain.count([*asks, answered], [], now=now)
    assert numbers.unanswered == {"0-4": 5, "5-9": 6, "10-": 7}
    assert (numbers.asked, numbers.accepted) == (19, 0)


def test_the_time_to_the_first_meeting_is_a_median() -> None:
    courses = [replace(COURSE, first_met_at=NOW + days * DAY) for days in (2, 3, 4, 20, 30)]
    assert domain.count([], [*courses, COURSE], now=LATER).days_to_first_meeting == 4
    assert domain.count([], [*courses[1:], COURSE], now=LATER).days_to_first_meeting is None


def test_meetings_held_are_counted_against_agreed_ones() -> None:
    courses = [replace(COURSE, meetings=Meetings(held=n, missed=1, unknown=1)) for n in range(5)]
    numbers = domain.count([], [*courses, COURSE], now=LATER)
    assert (numbers.meetings_agreed, numbers.meetings_held) == (20, 10)


def test_meetings_of_a_small_group_are_hidden_and_mentorships_without_meetings_do_not_count() -> None:
    courses = [replace(COURSE, meetings=Meetings(held=3))] * 4
    numbers = domain.count([], [*courses, COURSE, COURSE], now=LATER)
    assert (numbers.meetings_agreed, numbers.meetings_held) == (None, None)


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 12)))
def test_no_small_cell_is_shown_or_found_by_subtraction(cells: dict[str, int]) -> None:
    shown = domain.without_small(cells)
    hidden = [times for name, times in cells.items() if name not in shown]
    assert all(times == 0 or times >= LEAST for times in shown.values())
    if hidden and any(shown.values()):
        assert len(hidden) > 1
        assert sum(hidden) >= LEAST


@given(st.lists(st.tuples(st.integers(0, 720), st.sampled_from(["no_time", "lapsed", "moved_on"])), max_size=40))
def test_the_difference_of_two_spans_shows_no_small_cell(ends: list[tuple[int, str]]) -> None:
    courses = [replace(COURSE, began_at=NOW + days * DAY, ended_at=LATER, reason=reason) for days, reason in ends]
    whole = domain.count([], courses, now=LATER).reasons
    for year, is_second in ((2027, False), (2027, True), (2028, False), (2028, True)):
        rest = [course for course in courses if (course.began_at.year, course.began_at.month > 6) != (year, is_second)]
        without = domain.count([], rest, now=LATER).reasons
        differences = [times - without.get(reason, 0) for reason, times in whole.items()]
        assert all(times == 0 or times >= LEAST for times in differences)


def test_a_good_end_hidden_among_the_reasons_is_not_found_from_the_ends_that_were_good() -> None:
    ends = [*["moved_on"] * 7, *["goals_reached"] * 3, *["no_time"] * 9]
    courses = [replace(COURSE, ended_at=LATER, reason=reason) for reason in ends]
    numbers = domain.count([], courses, now=LATER)
    assert (numbers.ended_well, numbers.reasons) == (10, {"no_time": 9})
