"""Somebody who lost a mentor, or is about to, through no wish of their own: a pair, and why. Left until it is repaired.

Written with what caused it. What has passed meanwhile (the mentor is back, the mentee found another) voids it.
"""

from dataclasses import dataclass
from datetime import datetime

from services.matching.kernel.pairs import Displacing, Pair
from services.matching.mentoring.domain.relationships import Relationship

_STANDS: frozenset[Displacing] = frozenset({"capacity_lowered", "conflict"})
"""Causes that leave the relationship as it is until something better is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacement:
    id: str
    """The relationship's."""
    pair: Pair
    relationship: str | None
    cause: Displacing
    at: datetime
    left_before: int = 0
    """How many repairs left this mentee behind."""

    @property
    def stands(self) -> bool:
        """The two go on until something better is found."""
        return self.cause in _STANDS

    def displaces(self, relationship: Relationship | None) -> bool:
        """Whether it still does, as the relationship stands now."""
        if self.relationship is None or relationship is None:
            return True
        return relationship.takes_seat == self.stands
