"""Weekly availability as half-hours of the UTC week, comparable across time zones.

A zone's offset differs over the year, so availability is compared in January and in July: two people have the same
hours in common in both where their clocks change together, or not at all.
"""

from collections.abc import Iterable, Iterator

from services.matching.kernel.participants import Member
from shared.contracts.profiles import DAYS
from shared.zones import JANUARY, JULY, offsets_by_week

HALF_HOURS = 7 * 48
_DAY, _HOUR = 48, 2


def by_season(member: Member) -> tuple[frozenset[int], frozenset[int]]:
    """The member's half-hours in January and in July."""
    offsets = offsets_by_week(member.time_zone)
    january, july = (half_hours(member.available, offset_minutes=offsets[week]) for week in (JANUARY, JULY))
    return january, july


def in_common(mentee: Member, mentor: Member) -> tuple[int, int]:
    """The number of half-hours that both have in January, and in July."""
    january, july = (len(mine & theirs) for mine, theirs in zip(by_season(mentee), by_season(mentor), strict=True))
    return january, july


def half_hours(available: Iterable[str], *, offset_minutes: int) -> frozenset[int]:
    """Half-hours, numbered from Monday 00:00 UTC. Offsets are rounded down to half an hour, for both sides alike."""
    shift = offset_minutes // 30
    return frozenset((local - shift) % HALF_HOURS for weekly in available for local in _local(weekly))


def _local(weekly: str) -> Iterator[int]:
    day, since, until = weekly.split("-")
    start = DAYS.index(day) * _DAY
    yield from range(start + int(since) * _HOUR, start + int(until) * _HOUR)
