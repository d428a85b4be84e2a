"""Mentees and mentors as numpy columns that broadcast: one with many, many with one, or one with one.

The last axis is people. Sets of terms are bit sets of 64-bit words along the first axis.
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
    """Indexed by the number of the mentees' institution and that of the mentors' institution."""

    agreed: Bools
    """Whether both institutions' published terms allow the exchange."""
    below_ceiling: Bools
    """Whether a seat is left below the ceiling; private to the institution that gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Columns of either the mentees or the mentors. `topics` are wanted by mentees and offered by mentors;
    `most_wanted` and `reverse` are set for mentees only, `near` is read of mentors only; `identity` is a mentee's wish
    or a mentor's identity.
    """

    present: Bools
    """Active, and enrolled in this role."""
    free: Bools
    """A mentor with a free seat, or a mentee who may get a list."""
    across: Bools
    reverse: Bools
    institution: Ints
    specialty: Ints
    stage: Ints
    style: Ints
    zone: Ints
    """Classes of `kernel.zones`."""
    room: Ints
    """Percentage of a mentor's seats that are neither taken nor requested."""
    experience: Ints
    """Satisfaction of a mentor's past mentees, 0 to 100."""
    formats: Ints
    """One bit each."""
    topics: Words
    most_wanted: Words
    near: Words
    """Topics that are broader or narrower than those offered, and not offered themselves."""
    languages: Words
    hours: Words
    """Half-hours of the UTC week as `scoring.hour_bits` lays them out."""
    identity: Words
    seed: Words
    """Breaks ties between equal scores."""

    def take(self, rows: Rows | slice) -> "Side":
        return Side(**{name: getattr(self, name)[..., rows] for name in Side.__dataclass_fields__})
