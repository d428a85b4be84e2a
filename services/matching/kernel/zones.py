"""How far apart the clocks of two time zones are, over a year: the mean of its weeks.

Zones with equal offsets in every week are one class. Columns hold classes, and the distances of all classes are
computed once, so that a pair costs one look-up.
"""

from functools import cache

import numpy as np

from services.matching.kernel.columns import Ints
from shared.zones import WEEKS, offsets_by_week, zones

_DAY_MINUTES, _FARTHEST_MINUTES = 1440, 720


@cache
def class_of(zone: str) -> int:
    """The number of the zone's class; that of UTC for an unknown name."""
    return _numbers()[offsets_by_week(zone)]


@cache
def nearness() -> Ints:
    """By the classes of two zones: 100 for equal clocks in every week, 0 for twelve hours apart in every week."""
    offsets = np.array(list(_numbers()), dtype=np.int32)
    apart = np.abs(offsets[:, None] - offsets[None])
    minutes = np.minimum(apart, _DAY_MINUTES - apart).sum(axis=2)
    return np.asarray(100 - 100 * minutes // (WEEKS * _FARTHEST_MINUTES), dtype=np.int32)


@cache
def _numbers() -> dict[tuple[int, ...], int]:
    """The number of each class, by its offsets."""
    return {offsets: number for number, offsets in enumerate(sorted({offsets_by_week(zone) for zone in zones()}))}
