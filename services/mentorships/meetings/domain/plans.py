"""A meeting plan: when and where, as a person proposes it. Checked before anything is expanded.

A rule may use only those parts of RFC 5545 that always lead to another meeting soon, so that expansion is bounded: no
frequency below a day, no part that can exclude every date, and the start is a date of the rule.
"""

import calendar
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile

from services.mentorships.meetings.domain.recurrence import dates, first_date
from services.mentorships.meetings.domain.zones import LOCAL, current_zone, gap_error, instant
from shared.errors import FieldError, Rejected

LEAST_MINUTES, MOST_MINUTES = 10, 480
MOST_SKIPPED = 100
MOST_RULE_CHARACTERS = 200
_FURTHEST_START = timedelta(days=366)
LONGEST = timedelta(days=3660)
"""How long after its start a series can end. Meetings after that are not looked up."""
_MOST_MEETINGS = 500
_LARGEST_INTERVAL = 52
_LONGEST_GAP = timedelta(days=400)
_DAY = "(?:MO|TU|WE|TH|FR|SA|SU)"
_NUMBERED = f"-?[1-5]{_DAY}"
_NUMBER = "[1-9][0-9]{0,9}"
_MONTH_DAY = "-?(?:[1-9]|[12][0-9]|3[01])"
_ANY: Mapping[str, str] = {
    "FREQ": "DAILY|WEEKLY|MONTHLY|YEARLY",
    "INTERVAL": _NUMBER,
    "COUNT": _NUMBER,
    "UNTIL": "[0-9]{8}(?:T[0-9]{6}Z?)?",
    "WKST": _DAY,
}
_BY: Mapping[str, Mapping[str, str]] = {
    "DAILY": {},
    "WEEKLY": {"BYDAY": f"{_DAY}(?:,{_DAY}){{0,6}}"},
    "MONTHLY": {
        "BYDAY": f"(?:{_NUMBERED}(?:,{_NUMBERED}){{0,6}}|{_DAY}(?:,{_DAY}){{0,6}})",
        "BYMONTHDAY": f"{_MONTH_DAY}(?:,{_MONTH_DAY}){{0,6}}",
        "BYSETPOS": "-?[1-4]",
    },
    "YEARLY": {"BYMONTH": "[1-9]|1[0-2]", "BYDAY": _NUMBERED, "BYMONTHDAY": _MONTH_DAY},
}
"""By frequency: the parts of a rule that it may have."""
_EXAMPLE = "FREQ=MONTHLY;BYDAY=1FR"
_LEAP_YEAR = 2028


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Place and link are the two people's own: in no event, log or error text."""

    starts: str
    """The first meeting, as local date and time (`zones.LOCAL`)."""
    zone: str
    minutes: int
    rule: str = ""
    """An RRULE without its name, in capitals, UNTIL in UTC; empty for a single meeting."""
    skipped: tuple[str, ...] = ()
    """EXDATE: occurrences of the rule that do not take place."""
    place: str = ""
    link: str = ""

    @property
    def timing(self) -> tuple[object, ...]:
        """What a change of place does not change."""
        return (self.starts, self.zone, self.minutes, self.rule, self.skipped)

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A plan as entered."""

    starts: datetime
    """Without a zone."""
    zone: str
    minutes: int
    rule: str
    skipped: Collection[date]
    place: str
    link: str


def plan(wanted: Wanted) -> Plan:
    """Raises `Rejected` with every field that is wrong."""
    zone = current_zone(wanted.zone)
    if zone is None:
        raise _refused([FieldError("zone", "must be the name of a time zone like Europe/Berlin")])
    starts = wanted.starts.replace(second=0, microsecond=0)
    gap = gap_error("starts", starts, zone)
    if gap is not None:
        raise _refused([gap])
    rule = checked_rule(wanted.rule, starts=starts, zone=zone) if wanted.rule.strip() else ""
    return Plan(
        starts=starts.strftime(LOCAL),
        zone=zone,
        minutes=wanted.minutes,
        rule=rule,
        skipped=tuple(_skipped(wanted.skipped, rule, starts=starts, zone=zone)),
        place=wanted.place,
        link=wanted.link,
    )


def require_start(new: Plan, *, now: datetime) -> None:
    """A plan begins in the future, and within a year."""
    starts_at = instant(datetime.fromisoformat(new.starts), new.zone)
    if not now < starts_at <= now + _FURTHEST_START:
        raise _refused([FieldError("starts", "must be after now, and within a year")])


def checked_rule(text: str, *, starts: datetime, zone: str) -> str:
    parts = _parts(text)
    errors = [*_bounds(parts), *_never(parts)]
    if not errors and "UNTIL" in parts:
        errors = list(_until(parts, starts=starts, zone=zone))
    if errors:
        raise _refused([FieldError("rule", message) for message in errors])
    rule = ";".join(f"{name}={value}" for name, value in parts.items())
    _require_regular(rule, starts=starts, zone=zone)
    return rule


def _parts(text: str) -> dict[str, str]:
    text = text.strip().upper().removeprefix("RRULE:")
    pairs = [part.partition("=") for part in text.split(";")]
    parts = {name: value for name, _, value in pairs}
    if len(text) > MOST_RULE_CHARACTERS or len(parts) != len(pairs) or "FREQ" not in parts:
        raise _refused([FieldError("rule", f"must be a recurrence rule like {_EXAMPLE}, with each part once")])
    frequency = parts["FREQ"]
    if frequency not in _BY:
        message = "must have FREQ=DAILY, WEEKLY, MONTHLY or YEARLY: meetings do not repeat within a day"
        raise _refused([FieldError("rule", message)])
    allowed = {**_ANY, **_BY[frequency]}
    wrong = [name for name, value in parts.items() if not re.fullmatch(allowed.get(name, "(?!)"), value)]
    if wrong:
        takes = ", ".join(allowed)
        message = f"has a part or value that FREQ={frequency} cannot have; it takes {takes}, like {_EXAMPLE}"
        raise _refused([FieldError("rule", message)])
    return parts


def _bounds(parts: Mapping[str, str]) -> Iterator[str]:
    if int(parts.get("INTERVAL", "1")) > _LARGEST_INTERVAL:
        yield f"must have an INTERVAL from 1 to {_LARGEST_INTERVAL}"
    if int(parts.get("COUNT", "1")) > _MOST_MEETINGS:
        yield f"must have a COUNT from 1 to {_MOST_MEETINGS}; leave it out for a rule without an end"
    if "COUNT" in parts and "UNTIL" in parts:
        yield "must end by COUNT or by UNTIL, not both"


def _never(parts: Mapping[str, str]) -> Iterator[str]:
    """Combinations that no date satisfies, or that are ambiguous."""
    if "BYDAY" in parts and "BYMONTHDAY" in parts:
        yield "must have BYDAY or BYMONTHDAY, not both"
    if "BYSETPOS" in parts and not re.fullmatch(f"{_DAY}(?:,{_DAY})*", parts.get("BYDAY", "")):
        yield "must have BYSETPOS only with a BYDAY without numbers, like BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"
    if parts["FREQ"] == "YEARLY" and len({"BYDAY", "BYMONTHDAY"} & set(parts)) != len({"BYMONTH"} & set(parts)):
        yield "must name for FREQ=YEARLY a month and a day in it, like BYMONTH=9;BYDAY=1FR, or neither"
    if "BYMONTH" in parts and "BYMONTHDAY" in parts:
        month, day = int(parts["BYMONTH"]), abs(int(parts["BYMONTHDAY"]))
        if day > calendar.monthrange(_LEAP_YEAR, month)[1]:
            yield f"must have a day that exists: {calendar.month_name[month]} has no day {day}"


def _until(parts: dict[str, str], *, starts: datetime, zone: str) -> Iterator[str]:
    """Writes UNTIL in UTC, as RFC 5545 has it for starts with a zone. A date means the end of that day there."""
    try:
        until = _moment(parts["UNTIL"], zone)
    except (ValueError, OverflowError):
        yield "must have an UNTIL that exists, like UNTIL=20271231"
        return
    starts_at = instant(starts, zone)
    if until < starts_at:
        yield "must have an UNTIL after the start"
    elif until > starts_at + LONGEST:
        yield "must have an UNTIL within ten years of the start; leave it out for a rule without an end"
    parts["UNTIL"] = until.strftime("%Y%m%dT%H%M%SZ")


def _moment(until: str, zone: str) -> datetime:
    day = date(int(until[:4]), int(until[4:6]), int(until[6:8]))
    if "T" not in until:
        return instant(datetime.combine(day, time(23, 59, 59)), zone)
    at = datetime.combine(day, time(int(until[9:11]), int(until[11:13]), int(until[13:15])))
    return at.replace(tzinfo=UTC) if until.endswith("Z") else instant(at, zone)


def _require_regular(rule: str, *, starts: datetime, zone: str) -> None:
    first = first_date(rule, starts)
    if first != starts:
        message = f"must be a date of the rule: the first one from then on is {first.strftime(LOCAL)}"
        raise _refused([FieldError("starts", message)])
    following = next(dates(rule, starts, zone, after=starts), None)
    if following is not None and following > starts + _LONGEST_GAP:
        message = "must lead to a meeting at least once a year: plan single meetings where they are rarer"
        raise _refused([FieldError("rule", message)])


def _skipped(days: Collection[date], rule: str, *, starts: datetime, zone: str) -> Iterator[str]:
    """Expands the rule once: to look each day up would take as long for every one of them."""
    wanted = sorted(datetime.combine(day, starts.time()) for day in set(days))
    last = min(wanted[-1], starts + LONGEST) if wanted else starts
    found = dates(rule, starts, zone, after=wanted[0] - timedelta(minutes=1)) if rule and wanted else iter(())
    of_rule = set(takewhile(lambda date: date <= last, found))
    for local in wanted:
        if local not in of_rule:
            raise _refused([FieldError("skipped", f"must be dates of the rule: {local.date().isoformat()} is none")])
        yield local.strftime(LOCAL)


def _refused(errors: list[FieldError]) -> Rejected:
    return Rejected("meeting_plan_invalid", "this plan of meetings cannot be used: see errors", tuple(errors))
