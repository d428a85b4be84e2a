"""Meeting series as iCalendar files (RFC 5545), with the time zones that they use.

`icalendar` writes the onset of summer time as local time after the change, and readers that go by the RFC (ical.js) are
then an hour off; it lists onsets in one RDATE instead of a rule, which others do not read. Both are corrected here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Calendar, Component, Event, Timezone, vRecur

from services.mentorships.meetings.domain.occurrences import CANCELLED, Changes, local
from services.mentorships.meetings.domain.plans import Plan
from services.mentorships.meetings.usecases import Seen

MEDIA_TYPE = "text/calendar; charset=utf-8"
DOCUMENTED: dict[int | str, dict[str, Any]] = {200: {"content": {"text/calendar": {"schema": {"type": "string"}}}}}
_PRODUCT = "-//Preceptor//Meetings//EN"
_YEARS = 12
"""How many years of clock changes are written where they follow no rule."""
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Meetings as a calendar shows them to one person."""

    id: str
    plan: Plan
    changes: Changes
    sequence: int
    changed_at: datetime
    summary: str
    takes_place: bool
    is_open: bool
    """Not cancelled as a whole."""


def calendar_file(seen: Sequence[Seen], further: Sequence[Entry] = (), *, name: str = "Preceptor") -> bytes:
    """The agreed series among these, and other meetings; what is cancelled says so."""
    entries = [*_entries(seen), *further]
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    is_cancellation = len(entries) == 1 and not entries[0].is_open
    calendar.add("method", "CANCEL" if is_cancellation else "PUBLISH")
    calendar.add("x-wr-calname", name)
    for zone, starts in _zones(entry.plan for entry in entries):
        calendar.add_component(_timezone(zone, starts))
    for entry in entries:
        for event in _events(entry):
            calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


def _entries(seen: Sequence[Seen]) -> Sequence[Entry]:
    return [
        Entry(
            id=each.series.id,
            plan=each.series.plan,
            changes=each.series.changes,
            sequence=each.series.sequence,
            changed_at=each.series.changed_at,
            summary=f"Mentoring: {each.other_name}" if each.other_name else "Mentoring",
            takes_place=each.series.state == "agreed",
            is_open=each.series.is_open,
        )
        for each in seen
        if each.series.plan is not None
    ]


def _zones(plans: Iterable[Plan]) -> Iterator[tuple[str, int]]:
    """Each zone but UTC, with the first year in which it is needed."""
    first: dict[str, int] = {}
    for plan in plans:
        year = local(plan.starts).year
        first[plan.zone] = min(year, first.get(plan.zone, year))
    return ((zone, year) for zone, year in sorted(first.items()) if zone != "UTC")


def _events(entry: Entry) -> Iterator[Event]:
    plan = entry.plan
    starts = local(plan.starts)
    if not plan.rule:
        moved = entry.changes.get(plan.starts, plan.starts)
        yield _event(entry, local(moved) if moved else starts, is_cancelled=moved == CANCELLED)
        return
    whole = _event(entry, starts)
    whole.add("rrule", vRecur.from_ical(plan.rule))
    left_out = sorted({*plan.skipped, *(id for id, moved in entry.changes.items() if moved == CANCELLED)})
    if left_out:
        whole.add("exdate", [_in_zone(local(id), plan.zone) for id in left_out])
    yield whole
    for id, moved in sorted(entry.changes.items()):
        if moved != CANCELLED:
            event = _event(entry, local(moved))
            event.add("recurrence-id", _in_zone(local(id), plan.zone))
            yield event


def _event(entry: Entry, starts: datetime, *, is_cancelled: bool = False) -> Event:
    plan, event = entry.plan, Event()
    event.add("uid", f"{entry.id}@preceptor")
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.changed_at)
    event.add("dtstart", _in_zone(starts, plan.zone))
    event.add("duration", timedelta(minutes=plan.minutes))
    event.add("summary", entry.summary)
    takes_place = entry.takes_place and not is_cancelled
    event.add("status", "CONFIRMED" if takes_place else "CANCELLED")
    for name, value in (("location", plan.place or plan.link), ("url", plan.link)):
        if value:
            event.add(name, value)
    return event


def _in_zone(moment: datetime, zone: str) -> datetime:
    return moment.replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone))


@lru_cache(maxsize=500)
def _timezone(zone: str, year: int) -> Component:
    found = Timezone.from_tzinfo(ZoneInfo(zone), zone, date(year, 1, 1), date(year + _YEARS, 1, 1))
    found.pop("comment", None)
    for change in found.subcomponents:
        _correct_onsets(change)
    return found


def _correct_onsets(change: Any) -> None:
    """RFC 5545, 3.6.5: onsets are in the local time that the change ends.

    `change` is a STANDARD or DAYLIGHT component, whose properties icalendar does not type.
    """
    skipped = change["tzoffsetto"].td - change["tzoffsetfrom"].td
    listed = [each.dt for each in change["rdate"].dts] if "rdate" in change else []
    onsets = [onset - max(skipped, timedelta()) for onset in (change["dtstart"].dt, *listed)]
    for name in ("dtstart", "rdate"):
        change.pop(name, None)
    change.add("dtstart", onsets[0])
    rule = _rule_of(onsets)
    if rule is not None:
        change.add("rrule", vRecur.from_ical(rule))
    elif listed:
        for onset in onsets:  # ical.js reads the first value of each RDATE only, and then not DTSTART
            change.add("rdate", onset)


def _rule_of(onsets: Sequence[datetime]) -> str | None:
    """`the last Sunday of March`, where it gives exactly these onsets."""
    first = onsets[0]
    for number in ("-1", str((first.day - 1) // 7 + 1)):
        rule = f"FREQ=YEARLY;BYMONTH={first.month};BYDAY={number}{_WEEKDAYS[first.weekday()]}"
        if len(onsets) == _YEARS and list(rrulestr(f"{rule};COUNT={_YEARS}", dtstart=first)) == list(onsets):
            return rule
    return None
