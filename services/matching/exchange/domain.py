"""The balance of an exchange between two institutions: seats given and received, and the terms.

The mentor's institution gives a seat, the mentee's receives it. Each institution sets its own terms; a pair is allowed
only where both institutions' terms allow it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.matching.kernel.participants import ANY_TERMS, Exchange, Institution


@dataclass(frozen=True, slots=True)
class Flow:
    now: int = 0
    """Seats taken."""
    in_all: int = 0
    """Relationships ever begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """An institution's balance with a partner."""

    partner: str
    gives: bool
    """Whether both institutions' terms let the institution's mentors take the partner's mentees."""
    receives: bool
    given: Flow
    received: Flow
    ceiling: int | None
    floor: int

    @property
    def left(self) -> int | None:
        """Seats left below the institution's ceiling; 0 where the ceiling was lowered below the given seats."""
        return None if self.ceiling is None else max(0, self.ceiling - self.given.now)

    @property
    def is_floor_met(self) -> bool:
        return self.given.now >= self.floor


def partners(mine: Institution, others: Mapping[str, Institution]) -> frozenset[str]:
    """Institutions that `mine` names and that name it."""
    return frozenset(id for id in mine.exchanges_with & others.keys() if mine.id in others[id].exchanges_with)


def balances(
    mine: Institution, partners: Mapping[str, Institution], flows: Mapping[Exchange, Flow]
) -> Iterator[Balance]:
    """Balances with every institution that `mine` names or has or had pairs with, by id."""
    met = {institution for exchange in flows for institution in exchange if mine.id in exchange}
    for partner in sorted((met | mine.exchanges_with) - {mine.id}):
        theirs, terms = partners.get(partner), mine.terms_with(partner) or ANY_TERMS
        is_open = theirs is not None and theirs.is_active and mine.is_active
        yield Balance(
            partner=partner,
            gives=is_open and mine.gives(partner) and theirs is not None and theirs.receives(mine.id),
            receives=is_open and mine.receives(partner) and theirs is not None and theirs.gives(mine.id),
            given=flows.get((partner, mine.id), Flow()),
            received=flows.get((mine.id, partner), Flow()),
            ceiling=terms.ceiling,
            floor=terms.floor,
        )
