"""What every change of a meeting series does: its next version, when time next changes it, and what its events name."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.mentorships.kernel.pairs import Side
from services.mentorships.meetings.domain import occurrences
from services.mentorships.meetings.domain.occurrences import Occurrence
from services.mentorships.meetings.domain.plans import Plan
from services.mentorships.meetings.domain.states import ANSWER_TIME, REMINDER, Series
from services.mentorships.meetings.domain.zones import instant
from shared.contracts.meetings import MeetingTimes


def too_near_to_remind(plan: Plan, now: datetime) -> tuple[str, ...]:
    """Meetings so near that their agreement is the reminder."""
    return tuple(occurrence.id for occurrence in occurrences.between(plan, {}, now, now + REMINDER))


def still_coming(series: Series, now: datetime) -> Iterator[str]:
    for id in series.reminded:
        found = occurrences.find(series.in_force, series.changes, id)
        if found is not None and found.starts_at > now:
            yield id


def next_to_remind(series: Series, now: datetime) -> Occurrence | None:
    coming = occurrences.from_then_on(series.in_force, series.changes, now + timedelta(milliseconds=1))
    return next((occurrence for occurrence in coming if occurrence.id not in series.reminded), None)


def next_unsettled(series: Series) -> Occurrence | None:
    """The next meeting of which nobody has said whether it was held."""
    later = occurrences.from_then_on(series.in_force, series.changes, series.settled_to + timedelta(milliseconds=1))
    return next((occurrence for occurrence in later if occurrence.id not in series.outcomes), None)


def settles_at(series: Series, occurrence: Occurrence) -> datetime:
    return occurrence.starts_at + series.in_force.length + ANSWER_TIME


def calendar_change(series: Series, now: datetime) -> dict[str, Any]:
    """What rises with each change that calendars show."""
    return {"sequence": series.sequence + 1, "changed_at": now}


def next_version(series: Series, now: datetime, **changed: Any) -> Series:
    after = replace(series, version=series.version + 1, **changed)
    return replace(after, due_at=due_at(after, now))


def due_at(series: Series, now: datetime) -> datetime | None:
    if series.state != "agreed":
        return None
    coming, unsettled = next_to_remind(series, now), next_unsettled(series)
    times = [
        coming.starts_at - REMINDER if coming is not None else None,
        settles_at(series, unsettled) if unsettled is not None else None,
    ]
    return min((moment for moment in times if moment is not None), default=None)


def first_start(plan: Plan) -> datetime:
    return instant(occurrences.local(plan.starts), plan.zone)


def other_of(series: Series, side: Side) -> tuple[Any, ...]:
    return (series.pair.across(side).as_recipient,)


def in_calendars(series: Series) -> tuple[Any, ...]:
    """Both, if calendars may show meetings of the series that are still to come."""
    is_shown = series.plan is not None and (series.due_at is not None or series.suspended_at is not None)
    return series.pair.both if is_shown else ()


def about_with_times(series: Series) -> dict[str, Any]:
    """With what calendars show."""
    plan = series.plan
    times = plan and MeetingTimes(
        sequence=series.sequence,
        starts=plan.starts,
        zone=plan.zone,
        minutes=plan.minutes,
        rule=plan.rule,
        skipped=plan.skipped,
        changes=dict(series.changes),
    )
    return {"times": times, **about(series)}


def about(series: Series) -> dict[str, Any]:
    return {
        "series": series.id,
        "mentorship": series.mentorship,
        "programme": series.pair.programme,
        "mentee": series.pair.mentee.as_recipient,
        "mentor": series.pair.mentor.as_recipient,
    }
