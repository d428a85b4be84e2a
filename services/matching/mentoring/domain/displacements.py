"""A displacement: a mentee who lost a mentor, or is about to, without having asked for it. A repair places them again.

It is written in the same transaction as its cause, and stays until it is repaired. It no longer applies once the mentor
is back or the mentee has another mentor.
"""

from dataclasses import dataclass
from datetime import datetime

from services.matching.kernel.pairs import DisplacementCause, Pair
from services.matching.mentoring.domain.relationships import Relationship

_KEEPS_RELATIONSHIP: frozenset[DisplacementCause] = frozenset({"capacity_lowered", "conflict"})
"""Causes after which the relationship continues until a repair finds another mentor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacement:
    id: str
    """The same as the relationship's id."""
    pair: Pair
    relationship: str | None
    cause: DisplacementCause
    at: datetime
    times_unplaced: int = 0
    """Number of earlier repairs that found no mentor for this mentee."""

    @property
    def keeps_relationship(self) -> bool:
        """Whether the relationship continues until a repair finds another mentor."""
        return self.cause in _KEEPS_RELATIONSHIP

    def displaces(self, relationship: Relationship | None) -> bool:
        """Whether the displacement still applies, given the relationship's current state."""
        if self.relationship is None or relationship is None:
            return True
        return relationship.takes_seat == self.keeps_relationship
