"""When a mail may be sent: quiet hours and digests, in the person's own time zone.

Wall-clock times follow daylight saving time: a time that a change skips is the moment after the change, and of a time
that occurs twice the first is meant, unless it has passed.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Cadence = Literal["daily", "weekly"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """From `begins` until `ends`, which is on the next day where it is earlier than `begins`. Never equal."""

    begins: time
    ends: time


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestTime:
    at: time
    weekday: int
    """Of a weekly digest; 0 is Monday."""


DEFAULT_DIGEST = DigestTime(at=time(8), weekday=0)


def after_quiet_hours(moment: datetime, quiet: QuietHours | None, zone: ZoneInfo) -> datetime:
    """`moment` itself, or the end of the quiet hours in which it lies."""
    if quiet is None:
        return moment
    local = moment.astimezone(zone)
    if not _is_quiet(local.time(), quiet):
        return moment
    day = local.date() + timedelta(days=1 if local.time() >= quiet.ends else 0)
    return _moment(day, quiet.ends, zone, after=moment)


def next_digest(after: datetime, cadence: Cadence, digest: DigestTime, zone: ZoneInfo) -> datetime:
    """The first digest later than `after`."""
    day = after.astimezone(zone).date()
    if cadence == "weekly":
        day += timedelta(days=(digest.weekday - day.weekday()) % 7)
    moment = _moment(day, digest.at, zone, after=after)
    if moment <= after:
        moment = _moment(day + timedelta(days=1 if cadence == "daily" else 7), digest.at, zone, after=after)
    return moment


def _is_quiet(local: time, quiet: QuietHours) -> bool:
    if quiet.begins < quiet.ends:
        return quiet.begins <= local < quiet.ends
    return local >= quiet.begins or local < quiet.ends


def _moment(day: date, at: time, zone: ZoneInfo, *, after: datetime) -> datetime:
    local = datetime.combine(day, at.replace(fold=0), tzinfo=zone)
    first = local.astimezone(UTC)
    return first if first > after else local.replace(fold=1).astimezone(UTC)
