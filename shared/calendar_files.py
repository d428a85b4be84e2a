"""Meetings as iCalendar files (RFC 5545), with the time zones that they use, and as invitations by mail (RFC 5546).

`icalendar` writes the onset of summer time as local time after the change, and readers that go by the RFC (ical.js) are
then an hour off; it lists onsets in one RDATE instead of a rule, which others do not read. Both are corrected here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Calendar, Component, Event, Timezone, vCalAddress, vRecur, vText

Method = Literal["PUBLISH", "REQUEST", "CANCEL"]
CANCELLED = ""
"""Of a single meeting, in place of its new start."""
_PRODUCT = "-//Preceptor//Meetings//EN"
_YEARS = 12
"""How many years of clock changes are written where they follow no rule."""
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """Meetings as a calendar shows them to one person. Local times are like `2027-01-08T17:00`."""

    id: str
    starts: str
    """The first meeting, by the clocks of `zone`."""
    zone: str
    minutes: int
    rule: str = ""
    """An RRULE without its name; empty for a single meeting."""
    skipped: Sequence[str] = ()
    """Local times of the rule at which there is no meeting."""
    changes: Mapping[str, str] = field(default_factory=dict)
    """By local time of the rule: the new local start, or `CANCELLED`."""
    place: str = ""
    link: str = ""
    sequence: int
    changed_at: datetime
    summary: str
    takes_place: bool = True
    is_open: bool = True
    """Not cancelled as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """Who invites whom, by e-mail address."""

    organizer: str
    organizer_name: str
    attendee: str
    attendee_name: str


def calendar_of(
    entries: Sequence[CalendarEntry], *, method: Method, name: str = "", invited: Invited | None = None
) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", method)
    if name:
        calendar.add("x-wr-calname", name)
    for zone, starts in _zones(entries):
        calendar.add_component(_timezone(zone, starts))
    for entry in entries:
        for event in _events(entry):
            if invited is not None:
                _invite(event, invited)
            calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


def _invite(event: Event, invited: Invited) -> None:
    """No answer is asked for: the two have agreed to the meetings already."""
    for kind, address, name in (
        ("organizer", invited.organizer, invited.organizer_name),
        ("attendee", invited.attendee, invited.attendee_name),
    ):
        person = vCalAddress(f"mailto:{address}")
        person.params["CN"] = vText(name or address)
        if kind == "attendee":
            person.params["PARTSTAT"] = vText("ACCEPTED")
            person.params["RSVP"] = vText("FALSE")
        event.add(kind, person, encode=False)


def _zones(entries: Iterable[CalendarEntry]) -> Iterator[tuple[str, int]]:
    """Each zone but UTC, with the first year in which it is needed."""
    first: dict[str, int] = {}
    for entry in entries:
        year = _local(entry.starts).year
        first[entry.zone] = min(year, first.get(entry.zone, year))
    return ((zone, year) for zone, year in sorted(first.items()) if zone != "UTC")


def _events(entry: CalendarEntry) -> Iterator[Event]:
    starts = _local(entry.starts)
    if not entry.rule:
        moved = entry.changes.get(entry.starts, entry.starts)
        yield _event(entry, _local(moved) if moved else starts, is_cancelled=moved == CANCELLED)
        return
    whole = _event(entry, starts)
    whole.add("rrule", vRecur.from_ical(entry.rule))
    left_out = sorted({*entry.skipped, *(id for id, moved in entry.changes.items() if moved == CANCELLED)})
    if left_out:
        whole.add("exdate", [_in_zone(_local(id), entry.zone) for id in left_out])
    yield whole
    for id, moved in sorted(entry.changes.items()):
        if moved != CANCELLED:
            event = _event(entry, _local(moved))
            event.add("recurrence-id", _in_zone(_local(id), entry.zone))
            yield event


def _event(entry: CalendarEntry, starts: datetime, *, is_cancelled: bool = False) -> Event:
    event = Event()
    event.add("uid", f"{entry.id}@preceptor")
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.changed_at)
    event.add("dtstart", _in_zone(starts, entry.zone))
    event.add("duration", timedelta(minutes=entry.minutes))
    event.add("summary", entry.summary)
    takes_place = entry.takes_place and not is_cancelled
    event.add("status", "CONFIRMED" if takes_place else "CANCELLED")
    for name, value in (("location", entry.place or entry.link), ("url", entry.link)):
        if value:
            event.add(name, value)
    return event


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text)


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
