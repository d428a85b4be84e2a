"""Ceilings between institutions where many are matched at once: no more people may wish across than seats are left.

Everybody gets at most one mentor, so whatever is matched, no ceiling is exceeded; and a reader of the wishes sees that.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import product

import numpy as np

from services.matching.kernel.columns import Bools
from services.matching.kernel.participants import Exchange, Policy
from services.matching.rounds.solver.model import NOBODY, Instance, Longs, Wishes, instance
from services.matching.rounds.solver.proposals import fit
from services.matching.rounds.solver.wishing import Pairs


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


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """A round's people, by place, which is a lot's."""

    round: str
    mentees: Sequence[str]
    mentors: Sequence[str]
    mentee_homes: Sequence[str]
    mentor_homes: Sequence[str]
    capacity: Longs
    days: Longs
    """Waited."""
    pins: Sequence[tuple[int, int]]
    exclusions: Sequence[tuple[int, int]] = ()


def ceilings(policy: Policy, cohort: Cohort) -> dict[Exchange, int]:
    """Seats left, where there is a ceiling between these people's institutions."""
    homes = product(sorted(set(cohort.mentee_homes)), sorted(set(cohort.mentor_homes)))
    return {one: left for one in homes if (left := policy.left(one)) is not None}


def claims(wishes: Wishes, cohort: Cohort, policy: Policy) -> Iterator[Claim]:
    """Who is pinned across goes first, then who would be left over without it: their place is not wasted. Then to whom
    it means most, who waits longest, and by lot.
    """
    crossing = {one: across(wishes, cohort, one) for one in ceilings(policy, cohort)}
    if not crossing:
        return
    left_over = _left_over(wishes, cohort, np.logical_or.reduce(list(crossing.values())))
    pinned = {(mentee, cohort.mentor_homes[mentor]) for mentee, mentor in cohort.pins}
    for exchange, wished in crossing.items():
        first = np.full(len(cohort.mentees), np.iinfo(np.int64).max)
        np.minimum.at(first, wishes.mentee[wished], wishes.rank[wished])
        for place in np.unique(wishes.mentee[wished]).tolist():
            is_first = (place, exchange[1]) in pinned
            order = (not is_first, not left_over[place], int(first[place]), -int(cohort.days[place]), place)
            yield Claim(mentee=cohort.mentees[place], exchange=exchange, order=order)


def across(wishes: Wishes | Instance | Pairs, cohort: Cohort, exchange: Exchange) -> Bools:
    """By wish."""
    receives, gives = (
        np.array([one == home for one in homes], dtype=np.bool_)
        for home, homes in zip(exchange, (cohort.mentee_homes, cohort.mentor_homes), strict=True)
    )
    return np.asarray(receives[wishes.mentee] & gives[wishes.mentor])


def columns(wishes: Wishes, cohort: Cohort) -> Instance:
    return instance(
        wishes,
        round=cohort.round,
        mentees=cohort.mentees,
        mentors=cohort.mentors,
        capacity=cohort.capacity,
        pins=cohort.pins,
        exclusions=cohort.exclusions,
    )


def _left_over(wishes: Wishes, cohort: Cohort, across: Bools) -> Bools:
    """By mentee: whom deferred acceptance leaves over where nobody wishes across, who is pinned apart."""
    pairs = wishes.mentee * len(cohort.mentors) + wishes.mentor
    kept = ~across | np.isin(pairs, [mentee * len(cohort.mentors) + mentor for mentee, mentor in cohort.pins])
    at_home = Wishes(**{one.name: getattr(wishes, one.name)[kept] for one in fields(Wishes)})
    return np.asarray(fit(columns(at_home, cohort)) == NOBODY)
