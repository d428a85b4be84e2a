"""A place across that is of no use to who got it goes to somebody who is left over and finds a free seat there.

Nobody loses by it:

- Who gives a place up has somebody else under fit, and nobody across under either target. Wishes that do not come true
  can go: what fit arrived at stays stable without them.
- Who takes one has nobody under fit, and comes to wish only for mentors who have a seat left when it is their turn,
  of which they get the best: beside what fit arrived at, that pair is stable too. Of all that is stable fit gives every
  mentee the best, so whoever was matched is, and with nobody whom they like less.
- All of coverage's pairs can still be: no fewer are matched, and if as many, the score is no lower.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.matching.kernel.columns import Bools, Rows
from services.matching.kernel.participants import Exchange, Policy
from services.matching.rounds.solver.ceilings import Cohort, across, ceilings
from services.matching.rounds.solver.model import NOBODY, Instance, Longs
from services.matching.rounds.solver.wishing import Pairs

Couple = tuple[int, int]
"""Mentee and mentor, by place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    places: Mapping[Exchange, int]
    """That somebody else could have; none is 0."""
    givers: Mapping[Exchange, Sequence[int]]
    """Mentees who have some of them; the rest is nobody's. Who gives first stands first."""
    free: Longs
    """By mentor: seats that fit leaves."""
    left_over: Rows
    """Mentees whom fit matches with nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    exchange: Exchange
    mentors: frozenset[int]
    """Across, with a free seat: the best first is theirs."""
    mentor: int


def spare(columns: Instance, cohort: Cohort, policy: Policy, targets: Sequence[Rows]) -> Spare:
    """`targets`: outcomes, fit's first, in which none of the places is used."""
    settled = targets[0]
    taken = np.bincount(columns.mentor[settled[settled != NOBODY]], minlength=len(cohort.mentors))
    places, givers = {}, {}
    for exchange, left in ceilings(policy, cohort).items():
        wished = across(columns, cohort, exchange)
        holders = np.unique(columns.mentee[wished])
        needs = np.logical_or.reduce([_is_used(wished, one) for one in targets]) | (settled == NOBODY)
        gives = [one for one in holders.tolist() if not needs[one]]
        if number := left - holders.size + len(gives):
            places[exchange], givers[exchange] = number, _least_first(gives, columns, wished, cohort)
    return Spare(
        places=places, givers=givers, free=columns.capacity - taken, left_over=np.flatnonzero(settled == NOBODY)
    )


def _is_used(wished: Bools, outcome: Rows) -> Bools:
    """By mentee."""
    return np.asarray((outcome != NOBODY) & wished[outcome]) if wished.size else np.zeros(outcome.size, dtype=np.bool_)


def _least_first(mentees: Sequence[int], columns: Instance, wished: Bools, cohort: Cohort) -> list[int]:
    """The reverse of how places are shared out: to whom it means least, who waits shortest, by lot."""
    first = np.full(len(cohort.mentees), np.iinfo(np.int64).max)
    np.minimum.at(first, columns.mentee[wished], columns.rank[wished])
    return sorted(mentees, key=lambda one: (int(first[one]), -int(cohort.days[one]), one), reverse=True)


def hand_on(spare: Spare, wider: Mapping[Exchange, Pairs], cohort: Cohort) -> Mapping[int, Handed]:
    """By who takes one. `wider`: pairs of those who lack the exchange as if they had a place there, the best first."""
    listed: defaultdict[tuple[int, Exchange], list[int]] = defaultdict(list)
    apart = set(cohort.exclusions)
    for exchange, pairs in wider.items():
        for couple in _couples(pairs.at(across(pairs, cohort, exchange))):
            if couple not in apart:
                listed[couple[0], exchange].append(couple[1])
    places, free, handed = dict(spare.places), spare.free.tolist(), dict[int, Handed]()
    for *_, one, exchange in sorted(_claims(wider, free, cohort)):
        found = [other for other in listed[one, exchange] if free[other] > 0]
        if one not in handed and places[exchange] and found:
            handed[one] = Handed(exchange=exchange, mentors=frozenset(found), mentor=found[0])
            places[exchange] -= 1
            free[found[0]] -= 1
    return handed


def _claims(
    wider: Mapping[Exchange, Pairs], free: Sequence[int], cohort: Cohort
) -> Iterator[tuple[int, int, int, Exchange]]:
    """To whom it means most, who waits longest, by lot: all are left over."""
    for exchange, pairs in wider.items():
        crosses, place = across(pairs, cohort, exchange).tolist(), dict[int, int]()
        seen: set[int] = set()
        for (one, other), is_across in zip(_couples(pairs), crosses, strict=True):
            place[one] = place.get(one, 0) + 1
            if is_across and free[other] > 0 and one not in seen:
                seen.add(one)
                yield place[one], -int(cohort.days[one]), one, exchange


def giving(spare: Spare, handed: Mapping[int, Handed]) -> dict[Exchange, Sequence[int]]:
    """Who gives a place up: so many as are not nobody's."""
    taken: dict[Exchange, int] = {}
    for one in handed.values():
        taken[one.exchange] = taken.get(one.exchange, 0) + 1
    return {
        exchange: spare.givers[exchange][: max(0, number - spare.places[exchange] + len(spare.givers[exchange]))]
        for exchange, number in taken.items()
    }


def without(pairs: Pairs, giving: Mapping[Exchange, Sequence[int]], cohort: Cohort) -> Pairs:
    gone = np.zeros(pairs.mentee.size, dtype=np.bool_)
    for exchange, mentees in giving.items():
        gone |= across(pairs, cohort, exchange) & np.isin(pairs.mentee, mentees)
    return pairs.at(~gone)


def widened(pairs: Pairs, wider: Mapping[Exchange, Pairs], handed: Mapping[int, Handed]) -> Pairs:
    """All wishes of those who take a place: what they had, and the free mentors there."""
    before = pairs.at(np.isin(pairs.mentee, list(handed)))
    had, after = set(_couples(before)), before.at(np.zeros(before.mentee.size, dtype=np.bool_))
    for exchange, theirs in wider.items():
        stays = [_stays(couple, exchange, handed, had) for couple in _couples(theirs)]
        after = after.and_(theirs.at(np.array(stays, dtype=np.bool_)))
    beyond = had - set(_couples(after))
    return after.and_(before.at(np.array([couple in beyond for couple in _couples(before)], dtype=np.bool_)))


def _stays(couple: Couple, exchange: Exchange, handed: Mapping[int, Handed], had: Collection[Couple]) -> bool:
    got = handed.get(couple[0])
    return got is not None and got.exchange == exchange and (couple in had or couple[1] in got.mentors)


def shortened(pairs: Pairs, needed: Collection[Couple], list_length: int) -> Pairs:
    """As many of each mentee as a list may have, the best first; those that are needed are among them."""
    couples = _couples(pairs)
    room = dict.fromkeys(pairs.mentee.tolist(), list_length)
    for couple in set(couples) & set(needed):
        room[couple[0]] -= 1
    kept: list[bool] = []
    for couple in couples:
        is_needed = couple in needed
        kept.append(is_needed or room[couple[0]] > 0)
        room[couple[0]] -= not is_needed
    return pairs.at(np.array(kept, dtype=np.bool_))


def _couples(pairs: Pairs) -> list[Couple]:
    return list(zip(pairs.mentee.tolist(), pairs.mentor.tolist(), strict=True))
