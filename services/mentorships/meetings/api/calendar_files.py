"""Meeting series as iCalendar files."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.mentorships.meetings.domain.occurrences import Changes
from services.mentorships.meetings.domain.plans import Plan
from services.mentorships.meetings.usecases import Seen
from shared.calendar_files import CalendarEntry, calendar_of

MEDIA_TYPE = "text/calendar; charset=utf-8"
DOCUMENTED: dict[int | str, dict[str, Any]] = {200: {"content": {"text/calendar": {"schema": {"type": "string"}}}}}


def calendar_file(seen: Sequence[Seen], further: Sequence[CalendarEntry] = (), *, name: str = "Preceptor") -> bytes:
    """The agreed series among these, and other meetings; what is cancelled says so."""
    entries = [*_entries(seen), *further]
    is_cancellation = len(entries) == 1 and not entries[0].is_open
    return calendar_of(entries, method="CANCEL" if is_cancellation else "PUBLISH", name=name)


def entry_of(  # noqa: PLR0913 -- what a calendar shows of a series
    id: str,
    plan: Plan,
    changes: Changes,
    *,
    sequence: int,
    changed_at: datetime,
    summary: str,
    takes_place: bool,
    is_open: bool,
) -> CalendarEntry:
    return CalendarEntry(
        id=id,
        starts=plan.starts,
        zone=plan.zone,
        minutes=plan.minutes,
        rule=plan.rule,
        skipped=plan.skipped,
        changes=changes,
        place=plan.place,
        link=plan.link,
        sequence=sequence,
        changed_at=changed_at,
        summary=summary,
        takes_place=takes_place,
        is_open=is_open,
    )


def _entries(seen: Sequence[Seen]) -> Sequence[CalendarEntry]:
    return [
        entry_of(
            each.series.id,
            each.series.plan,
            each.series.changes,
            sequence=each.series.sequence,
            changed_at=each.series.changed_at,
            summary=f"Mentoring: {each.other_name}" if each.other_name else "Mentoring",
            takes_place=each.series.state == "agreed",
            is_open=each.series.is_open,
        )
        for each in seen
        if each.series.plan is not None
    ]
