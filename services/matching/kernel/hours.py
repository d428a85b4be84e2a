"""When in the week somebody has time, as half-hours of Greenwich's week, so that people of all zones compare.

Standard time on a fixed day: a list does not change because the clocks do.
"""

from collections.abc import Iterable, Iterator

from shared.contracts.profiles import DAYS

HALF_HOURS = 7 * 48
_DAY, _HOUR = 48, 2


def half_hours(available: Iterable[str], *, offset_minutes: int) -> frozenset[int]:
    """By numbers from Monday 00:00. Zones a quarter off are taken as the half-hour below: for both sides alike."""
    shift = offset_minutes // 30
    return frozenset((local - shift) % HALF_HOURS for weekly in available for local in _local(weekly))


def _local(weekly: str) -> Iterator[int]:
    day, since, until = weekly.split("-")
    start = DAYS.index(day) * _DAY
    yield from range(start + int(since) * _HOUR, start + int(until) * _HOUR)
