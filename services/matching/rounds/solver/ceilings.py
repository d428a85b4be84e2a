"""Ceilings between institutions in rounds and repairs: no more mentees may wish across than seats are left.

Each mentee gets at most as many mentors as they want, so no matching of these wishes exceeds a ceiling; counting the
wishes proves it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import product

import numpy as np

from services.matching.kernel.columns import Bools
from services.matching.kernel.participants import Exchange, Policy
from services.matching.rounds.solver.model import NONE, Longs, Wishes, instance
from services.matching.rounds.solver.proposals import fit


@dataclass(frozen=True, slots=True)
class Claim:
    """A mentee wishes for mentors across an exchange that has a ceiling, once for each mentor whom they could get."""

    mentee: str
    exchange: Exchange
    order: tuple[int, ...]
    """The lowest goes first; no two are equal."""


def beyond(claims: Iterable[Claim], policy: Policy) -> dict[str, frozenset[Exchange]]:
    """By mentee: the exchanges that they may not wish for, because others go first."""
    by_exchange: defaultdict[Exchange, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_exchange[claim.exchange].append(claim)
    closed: defaultdict[str, frozenset[Exchange]] = defaultdict(frozenset)
    for exchange, theirs in by_exchange.items():
        for claim in sorted(theirs, key=lambda claim: claim.order)[policy.left(exchange) :]:
            closed[claim.mentee] |= {exchange}
    return dict(closed)


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """A round's participants as columns, ordered by pseudonym."""

    round: str
    mentees: Sequence[str]
    mentors: Sequence[str]
    mentee_homes: Sequence[str]
    mentor_homes: Sequence[str]
    capacity: Longs
    days: Longs
    """By mentee: days waited."""
    wanted: Longs
    """By mentee: mentors wanted."""
    has_mentor: Bools
    """By mentee: has a mentor already."""
    pins: Sequence[tuple[int, int]]
    exclusions: Sequence[tuple[int, int]] = ()


def ceilings(policy: Policy, cohort: Cohort) -> dict[Exchange, int]:
    """Seats left, by exchange that has a ceiling and participants on both sides."""
    exchanges = product(sorted(set(cohort.mentee_homes)), sorted(set(cohort.mentor_homes)))
    return {exchange: left for exchange in exchanges if (left := policy.left(exchange)) is not None}


def claims(wishes: Wishes, cohort: Cohort, policy: Policy) -> Iterator[Claim]:
    """In this order: first mentors before further ones, mentees pinned across, mentees whom a round without wishes
    across would leave over, the best rank of a mentor across, the longest wait, a lot.
    """
    crossing = {exchange: _across(wishes, cohort, exchange) for exchange in ceilings(policy, cohort)}
    if not crossing:
        return
    left_over = _left_over(wishes, cohort, np.logical_or.reduce(list(crossing.values())))
    pinned = {(mentee, cohort.mentor_homes[mentor]) for mentee, mentor in cohort.pins}
    for exchange, wished in crossing.items():
        first = np.full(len(cohort.mentees), np.iinfo(np.int64).max)
        np.minimum.at(first, wishes.mentee[wished], wishes.rank[wished])
        rows, across = np.unique(wishes.mentee[wished], return_counts=True)
        for row, mentors in zip(rows.tolist(), np.minimum(across, cohort.wanted[rows]).tolist(), strict=True):
            is_pinned, earlier = (row, exchange[1]) in pinned, int(cohort.has_mentor[row])
            order = (not is_pinned, not left_over[row], int(first[row]), -int(cohort.days[row]), row)
            for further in range(earlier, earlier + mentors):
                yield Claim(mentee=cohort.mentees[row], exchange=exchange, order=(further, *order))


def _across(wishes: Wishes, cohort: Cohort, exchange: Exchange) -> Bools:
    """By wish."""
    receives, gives = (
        np.array([home == institution for home in homes], dtype=np.bool_)
        for institution, homes in zip(exchange, (cohort.mentee_homes, cohort.mentor_homes), strict=True)
    )
    return np.asarray(receives[wishes.mentee] & gives[wishes.mentor])


def _left_over(wishes: Wishes, cohort: Cohort, across: Bools) -> Bools:
    """By mentee: left over by deferred acceptance in which only pinned pairs are across."""
    pairs = wishes.mentee * len(cohort.mentors) + wishes.mentor
    kept = ~across | np.isin(pairs, [mentee * len(cohort.mentors) + mentor for mentee, mentor in cohort.pins])
    columns = instance(
        Wishes(**{field.name: getattr(wishes, field.name)[kept] for field in fields(Wishes)}),
        round=cohort.round,
        mentees=cohort.mentees,
        mentors=cohort.mentors,
        capacity=cohort.capacity,
        pins=cohort.pins,
        exclusions=cohort.exclusions,
        waits=cohort.has_mentor,
    )
    return np.asarray(fit(columns) == NONE)
