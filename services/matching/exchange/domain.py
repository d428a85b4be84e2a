"""What two institutions give each other: mentoring given and received, and what their terms make of it.

A seat is given by the mentor's institution and received by the mentee's. Terms are each institution's own; whether a
pair may be, both say.
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
    """With one partner, as one institution sees it."""

    partner: str
    gives: bool
    """As both say: our mentors may take their mentees."""
    receives: bool
    given: Flow
    received: Flow
    ceiling: int | None
    floor: int

    @property
    def left(self) -> int | None:
        """Below the own ceiling. It may have been lowered beneath what is given: nothing ends by that."""
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
    """With everybody whom it names, or has or had pairs with, by id."""
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
