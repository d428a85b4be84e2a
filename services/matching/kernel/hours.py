"""Weekly availability as half-hours of the UTC week, comparable across time zones.

Offsets are those of standard time, so that a list does not change with daylight saving time.
"""

from collections.abc import Iterable, Iterator

from shared.contracts.profiles import DAYS

HALF_HOURS = 7 * 48
_DAY, _HOUR = 48, 2


def half_hours(available: Iterable[str], *, offset_minutes: int) -> frozenset[int]:
    """Half-hours, numbered from Monday 00:00 UTC. Offsets are rounded down to half an hour, for both sides alike."""
    shift = offset_minutes // 30
    return frozenset((local - shift) % HALF_HOURS for weekly in available for local in _local(weekly))


def _local(weekly: str) -> Iterator[int]:
    day, since, until = weekly.split("-")
    start = DAYS.index(day) * _DAY
    yield from range(start + int(since) * _HOUR, start + int(until) * _HOUR)
