"""What a coordinator sees of a programme in numbers. Pure: counts of dates and states, never of what people wrote.

A mentorship counts in the period in which it began, a request in the one in which it was made, so that the steps of one
period are steps of the same people.

Small cells are hidden in each half-year, and longer spans add what the half-years show: the difference of two spans is
what is shown of the half-years between them, and never a smaller cell.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Literal, TypeVar

RequestOutcome = Literal["pending", "accepted", "declined", "withdrawn", "expired"]
T = TypeVar("T", "Ask", "Course")
ENDED_WELL = frozenset({"goals_reached", "moved_on", "period_over"})
LEAST = 5
"""What coordinators see of nobody in particular is not shown of fewer mentorships."""
_FIRST_MEETING = timedelta(days=30)
_SETTLED = timedelta(days=90)
_SECOND_HALF = 7
_AGES = (5, 10)
"""Days after which a pending request counts in the next group of age; matching reminds the mentor then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request, as far as numbers need it."""

    made_at: datetime
    outcome: RequestOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Meetings:
    """Agreed meetings of one mentorship that are over, by what was said of them."""

    held: int = 0
    missed: int = 0
    unknown: int = 0

    @property
    def agreed(self) -> int:
        return self.held + self.missed + self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A mentorship, as far as numbers need it."""

    began_at: datetime
    agreed_at: datetime | None
    first_met_at: datetime | None
    ended_at: datetime | None
    reason: str | None
    is_silent: bool
    meetings: Meetings = Meetings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    suggested: int
    """Mentees whose list had its first mentor."""
    asked: int
    accepted: int
    began: int
    agreed: int
    met_within_30_days: int
    """Of the agreement."""
    together_after_90_days: int
    ended_well: int
    unanswered: Mapping[str, int]
    """Pending requests by age in days: `0-4`, `5-9`, `10-`; without small cells."""
    silent: int
    """Mentorships in which a reminder or the question after a silence is open."""
    days_to_first_meeting: float | None
    """The median, from the beginning; None while fewer than `LEAST` have met."""
    meetings_agreed: int | None
    """None while fewer than `LEAST` mentorships had meetings."""
    meetings_held: int | None
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Ended mentorships by reason, without small cells."""


def count(asks: Sequence[Ask], courses: Sequence[Course], *, suggested: int = 0, now: datetime) -> Numbers:
    agreed = [course for course in courses if course.agreed_at is not None]
    met = [course for course in courses if course.first_met_at]
    waits = [
        (course.first_met_at - course.began_at) / timedelta(days=1)
        for of in _half_years(met)
        if len(of) >= LEAST
        for course in of
        if course.first_met_at
    ]
    with_meetings = [course for course in courses if course.meetings.agreed]
    meetings = [course.meetings for of in _half_years(with_meetings) if len(of) >= LEAST for course in of]
    ended = [course for course in courses if course.reason and course.ended_at]
    return Numbers(
        suggested=suggested,
        asked=len(asks),
        accepted=sum(ask.outcome == "accepted" for ask in asks),
        began=len(courses),
        agreed=len(agreed),
        met_within_30_days=sum(_met_soon(course) for course in agreed),
        together_after_90_days=sum(_settled(course, now) for course in agreed),
        ended_well=sum(course.reason in ENDED_WELL for course in ended),
        unanswered=_by_age([ask for ask in asks if ask.outcome == "pending"], now),
        silent=sum(course.is_silent for course in courses),
        days_to_first_meeting=round(median(waits), 1) if waits else None,
        meetings_agreed=sum(of.agreed for of in meetings) if meetings else None,
        meetings_held=sum(of.held for of in meetings) if meetings else None,
        reasons=_reasons(ended),
    )


def without_small(cells: Mapping[str, int]) -> dict[str, int]:
    """Without cells of fewer than `LEAST`, and without further ones, the smallest first, until those that are left out
    are at least two and add up to `LEAST`: neither can be found by subtraction from a sum. Empty cells say of nobody
    anything, and stay.
    """
    shown = sorted(((name, times) for name, times in cells.items() if times), key=lambda cell: cell[1])
    hidden: list[tuple[str, int]] = []
    while shown and (shown[0][1] < LEAST or (hidden and not _hides(hidden))):
        hidden.append(shown.pop(0))
    kept = {name for name, _ in shown}
    return {name: times for name, times in cells.items() if name in kept or not times}


def _hides(cells: Sequence[tuple[str, int]]) -> bool:
    return len(cells) > 1 and sum(times for _, times in cells) >= LEAST


def _half_years(counted: Iterable[T]) -> Iterator[Sequence[T]]:
    """The asks, or courses, of each half-year."""
    found: defaultdict[tuple[int, bool], list[T]] = defaultdict(list)
    for each in counted:
        at = (each.made_at if isinstance(each, Ask) else each.began_at).astimezone(UTC)
        found[at.year, at.month >= _SECOND_HALF].append(each)
    yield from found.values()


def _reasons(ended: Iterable[Course]) -> dict[str, int]:
    """Good ends and others differ in `ended_well`: each of the two hides its small cells."""
    shown: Counter[str] = Counter()
    for of in _half_years(ended):
        reasons = Counter(course.reason for course in of if course.reason)
        well = {reason: times for reason, times in reasons.items() if reason in ENDED_WELL}
        others = {reason: times for reason, times in reasons.items() if reason not in ENDED_WELL}
        shown.update({**without_small(well), **without_small(others)})
    return dict(sorted(shown.items()))


def _met_soon(course: Course) -> bool:
    return (
        course.first_met_at is not None
        and course.agreed_at is not None
        and course.first_met_at <= course.agreed_at + _FIRST_MEETING
    )


def _settled(course: Course, now: datetime) -> bool:
    if course.agreed_at is None:
        return False
    return course.agreed_at + _SETTLED <= min(now, course.ended_at or now)


def _by_age(pending: Iterable[Ask], now: datetime) -> dict[str, int]:
    shown: Counter[str] = Counter()
    for of in _half_years(pending):
        shown.update(without_small(_ages(of, now)))
    return dict(shown)


def _ages(pending: Iterable[Ask], now: datetime) -> dict[str, int]:
    first, second = _AGES
    names = {0: f"0-{first - 1}", 1: f"{first}-{second - 1}", 2: f"{second}-"}
    found = Counter(sum((now - ask.made_at).days >= days for days in _AGES) for ask in pending)
    return {name: found[group] for group, name in names.items()}
