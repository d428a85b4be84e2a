"""Reads a rota as calendar programs and spreadsheets export it: iCalendar or CSV. It reads times only.

Bounded: the text is limited before it is parsed, of a calendar only the times of its events are parsed, and an event
that repeats is refused, so nothing is expanded. Time zones are known by name: `icalendar` would expand each rule of a
zone that a file defines itself, and remember the zone for everybody's files.
"""

import csv
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from typing import Any

from icalendar import Calendar

from services.mentorships.meetings.domain.zones import instant
from services.mentorships.rotas.domain import refused

MAX_CHARACTERS = 500_000
_MOST_LINES, _MOST_CHARACTERS = 20_000, 10_000
_REPEATING = ("RRULE", "RDATE", "EXRULE")
_OF_EVENTS = frozenset({"BEGIN", "END", "DTSTART", "DTEND", "DURATION", *_REPEATING})
_LINE_END, _FOLD, _NAME_END = re.compile(r"\r?\n"), re.compile(r"\r?\n[ \t]"), re.compile(r"[:;]")
_COLUMNS = ("starts", "ends")
_UNREADABLE = (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError, RecursionError)
"""What `icalendar` raises for content that is none, or whose components lie too deep in each other."""
Span = tuple[datetime, datetime]


def spans_of_calendar(content: str, zone: str) -> list[Span]:
    """Raises `Rejected`. Times without a zone, and whole days, are in `zone`."""
    try:
        events = Calendar.from_ical(_times_of_events(content)).walk("VEVENT")
        return [_span(event, zone) for event in events]
    except _UNREADABLE as wrong:
        raise refused("must be an iCalendar file (RFC 5545) with an event for each duty") from wrong


def _times_of_events(content: str) -> str:
    """A calendar with nothing but its events, and of these what says when they are. Raises `ValueError`."""
    kept: list[str] = []
    opened: list[str] = []
    is_calendar = False
    for line in _LINE_END.split(_FOLD.sub("", content.removeprefix("\ufeff"))):
        name, component = _NAME_END.split(line, 1)[0].strip().upper(), line.rpartition(":")[2].strip().upper()
        if name == "BEGIN":
            opened.append(component)
            is_calendar = True
        if name in _OF_EVENTS and opened[-1:] == ["VEVENT"]:
            kept.append(line)
        if name == "END" and (not opened or opened.pop() != component):
            raise ValueError("a component ends that did not begin")
    if opened or not is_calendar or max(map(len, kept), default=0) > _MOST_CHARACTERS:
        raise ValueError("not a calendar")
    return "\r\n".join(["BEGIN:VCALENDAR", *kept, "END:VCALENDAR", ""])


def spans_of_csv(content: str, zone: str) -> list[Span]:
    """Raises `Rejected`, which names the line."""
    lines = content.removeprefix("\ufeff").splitlines()
    if len(lines) > _MOST_LINES:
        raise refused(f"has {len(lines)} lines: at most {_MOST_LINES} are read")
    longest = max(range(len(lines)), key=lambda at: len(lines[at]), default=0)
    if lines and len(lines[longest]) > _MOST_CHARACTERS:
        raise refused(f"must have at most {_MOST_CHARACTERS} characters in a line; line {longest + 1} has more")
    separator = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    rows = csv.DictReader(StringIO("\n".join(lines)), delimiter=separator)
    try:
        names = [name.strip().lower() for name in rows.fieldnames or ()]
        if any(column not in names for column in _COLUMNS):
            raise refused("must have the columns starts and ends in its first line")
        rows.fieldnames = names
        return list(_of_rows(rows, zone))
    except csv.Error as wrong:
        raise refused("must be CSV: a quotation mark or a line end is where none can be") from wrong


def _of_rows(rows: "csv.DictReader[str]", zone: str) -> Iterator[Span]:
    for row in rows:
        try:
            starts, ends = (_moment(datetime.fromisoformat((row[name] or "").strip()), zone) for name in _COLUMNS)
        except (ValueError, OverflowError) as wrong:
            message = f"must have times like 2027-01-08T19:00 in both columns; line {rows.line_num} has not"
            raise refused(message) from wrong
        yield starts, ends


def _span(event: Any, zone: str) -> Span:
    """`event`: icalendar does not type its properties."""
    if any(name in event for name in _REPEATING):
        raise refused("must have single events only: export the duties without recurrence rules")
    begin = _time(event["DTSTART"])
    length = event["DURATION"].dt if "DURATION" in event else None
    end = _time(event["DTEND"]) if "DTEND" in event else begin + (length or _default_length(begin))
    return _moment(begin, zone), _moment(end, zone)


def _time(property: Any) -> date:
    when: date = property.dt
    if "TZID" in property.params and isinstance(when, datetime) and when.tzinfo is None:
        raise refused("has times in a zone that it defines itself: export them in UTC, or in a zone like Europe/Berlin")
    return when


def _default_length(begin: date) -> timedelta:
    """RFC 5545, 3.6.1: an event of a day without an end takes that day."""
    return timedelta() if isinstance(begin, datetime) else timedelta(days=1)


def _moment(when: date, zone: str) -> datetime:
    if not isinstance(when, datetime):
        when = datetime.combine(when, time())
    return instant(when, zone) if when.tzinfo is None else when.astimezone(UTC)
