"""The numbers of a programme, each by its definition in docs/mentorships.md."""

from dataclasses import replace

import pytest

from services.mentorships.numbers import domain
from services.mentorships.numbers.domain import Ask, Course, Meetings
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
    numbers = count_one(replace(COURSE, ended_at=NOW, reason=reason))
    assert (numbers.ended_well, numbers.reasons) == (well, {reason: 1})


def test_a_paused_mentorship_has_a_reason_and_has_not_ended() -> None:
    assert count_one(replace(COURSE, reason="by_mentee")).reasons == {}


def test_pending_requests_are_grouped_by_age() -> None:
    asks = [Ask(made_at=NOW - days * DAY, outcome="pending") for days in (0, 4, 5, 9, 10, 13)]
    answered = Ask(made_at=NOW - 9 * DAY, outcome="declined")
    numbers = domain.count([*asks, answered], [], now=NOW)
    assert numbers.unanswered == {"0-4": 2, "5-9": 2, "10-": 2}
    assert (numbers.asked, numbers.accepted) == (7, 0)


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
