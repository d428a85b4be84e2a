"""Expands recurrence rules in local time, and attaches the zone afterwards: a meeting at 17:00 stays at 17:00.

dateutil's rules do not follow clock changes (dateutil issues 102 and 1390); on local times without a zone they need
not. `plans.py` admits only rules whose next date is found soon.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from dateutil.rrule import DAILY, WEEKLY, rrule, rrulestr

from services.mentorships.meetings.domain.zones import local_time

_CACHED_RULES = 2_000
_PERIODS = {DAILY: timedelta(days=1), WEEKLY: timedelta(weeks=1)}
"""The others have at most twelve periods a year."""


def dates(rule: str, starts: datetime, zone: str, *, after: datetime) -> Iterator[datetime]:
    """The rule's dates after this one, in order, as local times; without an end if the rule has none."""
    return iter(_beginning_near(_expandable(rule, starts, zone), starts, after).xafter(after))


def _beginning_near(rule: rrule, starts: datetime, after: datetime) -> rrule:
    """The same dates, without those of the periods before `after`: dateutil generates each date from the start on."""
    period = _PERIODS.get(rule._freq)  # noqa: SLF001 -- dateutil has no public names for what it parsed
    if period is None or rule._count is not None:  # noqa: SLF001
        return rule
    period *= rule._interval  # noqa: SLF001
    passed = (after - starts) // period - 1
    return rule.replace(dtstart=starts + passed * period) if passed > 0 else rule


def first_date(rule: str, starts: datetime) -> datetime:
    """The first date of the rule from the start on. Every admitted rule has one if its interval is 1."""
    first: datetime = next(iter(_parsed(rule, starts).replace(interval=1, count=None, until=None)))
    return first


@lru_cache(maxsize=_CACHED_RULES)
def _expandable(rule: str, starts: datetime, zone: str) -> rrule:
    """Without dateutil's own cache of dates, whose lock is not released at the end of a rule."""
    parsed = _parsed(rule, starts)
    until = parsed._until  # noqa: SLF001 -- dateutil has no public name for it
    return parsed if until is None else parsed.replace(until=local_time(until.replace(tzinfo=UTC), zone))


def _parsed(rule: str, starts: datetime) -> rrule:
    parsed = rrulestr(rule, dtstart=starts, ignoretz=True)
    assert isinstance(parsed, rrule)  # noqa: S101 -- a single rule
    return parsed
