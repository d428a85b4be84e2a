"""The IANA time zones that a person may choose: an area and a city, or UTC; and their offsets over a year.

Excludes `localtime`, `posixrules`, `right/…` and `Factory`, whose meaning depends on the machine. Includes former names
(`Asia/Calcutta`), because browsers still send them.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_NAME = re.compile(
    r"UTC|(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific)/[A-Za-z0-9_+/-]+"
)
COMPARED_FROM = datetime(2027, 1, 6, 12, tzinfo=UTC)
"""The first of the weeks in which offsets are compared. It is no date of the clock, so that every process of a release
computes the same; a release may raise it.
"""
WEEKS = 52
_MOMENTS = tuple(COMPARED_FROM + timedelta(weeks=week) for week in range(WEEKS))
_MINUTE = timedelta(minutes=1)
JANUARY, JULY = 1, 27
"""Weeks of `offsets_by_week` in which one of the hemispheres has summer, and the other winter."""


@cache
def zones() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if _NAME.fullmatch(name))


@cache
def offsets_by_week(zone: str) -> tuple[int, ...]:
    """Minutes east of Greenwich in each week of a year; those of UTC for a name that is not in `zones`."""
    place = ZoneInfo(zone if zone in zones() else "UTC")
    return tuple((moment.astimezone(place).utcoffset() or timedelta()) // _MINUTE for moment in _MOMENTS)
