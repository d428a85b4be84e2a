"""People as columns that broadcast: one mentee with all mentors, all mentees with one mentor, or one with one.

The last axis is people; sets of terms are bits of 64-bit words along the first.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]
Counts = npt.NDArray[np.unsignedinteger[Any]]
Words = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]

UNKNOWN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeTables:
    """By the mentees' institution and the mentors', as numbers."""

    agreed: Bools
    """Whether their people may meet at all: what institutions publish."""
    below_ceiling: Bools
    """Whether a seat is left to give: known to the institution that gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The mentees' or the mentors' side of a product. `topics` are those wanted or those offered; `most_wanted` and
    `reverse` are the mentees' only; `identity` is the mentees' wish, or what a mentor is.
    """

    present: Bools
    """Active, and enrolled in this role."""
    free: Bools
    """A mentor with a seat, a mentee who may be given a list."""
    across: Bools
    reverse: Bools
    institution: Ints
    specialty: Ints
    stage: Ints
    style: Ints
    zone: Ints
    """Minutes east of Greenwich."""
    room: Ints
    """Percent of a mentor's seats that are free."""
    experience: Ints
    """A mentor's past mentees'."""
    formats: Ints
    """One bit each."""
    topics: Words
    most_wanted: Words
    languages: Words
    hours: Words
    """Half-hours of Greenwich's week; and one bit more that says that somebody told theirs."""
    identity: Words
    seed: Words
    """What ties are broken by."""

    def take(self, rows: Rows | slice) -> "Side":
        return Side(**{name: getattr(self, name)[..., rows] for name in Side.__dataclass_fields__})
