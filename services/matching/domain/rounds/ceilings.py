"""Ceilings between institutions where many are matched at once: no more people may wish across than seats are left.

Everybody gets at most one mentor, so whatever is matched, no ceiling is exceeded; and a reader of the wishes sees that.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from services.matching.domain.model import Exchange, Policy


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody wishes for mentors across an exchange that has a ceiling."""

    mentee: str
    exchange: Exchange
    order: tuple[int, ...]
    """The lower goes first; no two are equal."""


def beyond(claims: Iterable[Claim], policy: Policy) -> dict[str, frozenset[Exchange]]:
    """Who has to wish without which exchanges, because others go first; nobody else."""
    by_exchange: defaultdict[Exchange, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_exchange[claim.exchange].append(claim)
    closed: defaultdict[str, frozenset[Exchange]] = defaultdict(frozenset)
    for exchange, theirs in by_exchange.items():
        for claim in sorted(theirs, key=lambda one: one.order)[policy.left(exchange) :]:
            closed[claim.mentee] |= {exchange}
    return dict(closed)
