"""Whom each mentee of a round wishes for: the best by the index's own rules and scores, and own choices before them.

Where institutions agreed on a ceiling, no more mentees wish across than seats are left. A place that turns out to be of
no use is handed on, in a way that costs nobody the mentor they would have had (`domain/rounds/handing.py`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from services.matching.kernel import scoring
from services.matching.kernel.columns import Rows
from services.matching.kernel.participants import Exchange, Person, Policy, weights_for
from services.matching.rounds.domain.orders import Company, Orders
from services.matching.rounds.solver import ceilings, wishing
from services.matching.rounds.solver import reassignment as handing
from services.matching.rounds.solver.ceilings import Cohort
from services.matching.rounds.solver.coverage import coverage
from services.matching.rounds.solver.files import Target
from services.matching.rounds.solver.model import NOBODY, Wishes
from services.matching.rounds.solver.proposals import fit
from services.matching.rounds.solver.reassignment import Handed, Spare
from services.matching.rounds.solver.wishing import Pairs
from services.matching.suggestions.index.pool import Pool, Ranked
from shared.errors import Rejected

_PASSES = 3
"""So often places are handed on at most: what that frees is rarely of use to anybody."""
Closed = Mapping[str, frozenset[Exchange]]
"""By mentee: the exchanges in which they have no place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A round that is to be frozen at this moment."""

    round: str
    programme: str
    target: Target
    list_length: int
    score_band: int
    compare: bool
    orders: Orders
    at: datetime
    engaged: Collection[str]
    """Mentees who have a mentor in this programme: they take no part."""
    since: Mapping[str, datetime]
    """Since when a mentee waits, who was left over before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """A round's people. `mentees` and `mentors` are members' ids, as they stand in `cohort`."""

    pool: Pool
    call: Call
    company: Company
    cohort: Cohort
    mentees: Sequence[str]
    mentors: Sequence[str]

    def wishes(self, pairs: Pairs) -> Wishes:
        return wishing.ranked(pairs, waiting_days=self.cohort.days, score_band=self.call.score_band)

    def in_order(self, pairs: Pairs) -> Pairs:
        mentees, mentors = self.cohort.mentees, self.cohort.mentors
        return pairs.at(wishing.in_order(pairs, round=self.call.round, mentees=mentees, mentors=mentors))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    pairs: Pairs
    """By mentee, the best first."""
    ranked: Sequence[Ranked]
    """By mentee: says why there is nobody."""
    closed: Closed


def shared_out(one: Gathering) -> Lists:
    """Who goes beyond a ceiling wishes anew without that exchange, until nobody does."""
    length, policy = one.call.list_length, one.company.policy
    ranked, closed = one.pool.ranked(one.mentees, length), dict[str, frozenset[Exchange]]()
    while True:
        pairs = wishing.listed(one.in_order(_pairs(one, one.mentees, ranked, closed)), length)
        beyond = ceilings.beyond(ceilings.claims(one.wishes(pairs), one.cohort, policy), policy)
        if not beyond:
            return Lists(pairs=pairs, ranked=ranked, closed=closed)
        numbers = zip(one.mentees, one.cohort.mentees, strict=True)
        more = {id: beyond[number] for id, number in numbers if number in beyond}
        closed |= {who: closed.get(who, frozenset()) | exchanges for who, exchanges in more.items()}
        anew = dict(one.pool.ranked_without({who: closed[who] for who in more}, length))
        ranked = [anew.get(id, known) for id, known in zip(one.mentees, ranked, strict=True)]


def handed_on(one: Gathering, lists: Lists) -> Lists:
    """Places across that are of no use, again and again until they are of no use to anybody, or often enough."""
    for _ in range(_PASSES if lists.closed else 0):
        after = _handed_on(one, lists)
        if after is None:
            break
        lists = after
    return lists


def _handed_on(one: Gathering, lists: Lists) -> Lists | None:
    columns = ceilings.columns(one.wishes(lists.pairs), one.cohort)
    settled = fit(columns)
    if not _lacking(one, lists, handing.spare(columns, one.cohort, one.company.policy, [settled])):
        return None
    try:
        covered = coverage(columns).outcome  # dear: only where somebody is left over to whom fit leaves a place
    except Rejected:  # too large to know whom handing on would cost their mentor
        return None
    spare = handing.spare(columns, one.cohort, one.company.policy, [settled, covered])
    keeps = {row: int(columns.mentor[covered[row]]) for row in spare.left_over.tolist() if covered[row] != NOBODY}
    lacks = _lacking(one, lists, spare)
    if one.call.list_length == 1:  # no room for a mentor across beside the one whom coverage gives them
        lacks = {row: what for row, what in lacks.items() if row not in keeps}
    if not lacks:
        return None
    wider = _wider(one, lists, lacks)
    handed = handing.hand_on(spare, wider, one.cohort)
    needed = {(row, got.mentor) for row, got in handed.items()} | set(keeps.items())
    takers = one.in_order(handing.widened(lists.pairs, wider, handed))
    takers = handing.shortened(takers, needed, one.call.list_length)
    return _rewritten(one, lists, handed, handing.giving(spare, handed), takers) if handed else None


def _rewritten(
    one: Gathering,
    lists: Lists,
    handed: Mapping[int, Handed],
    giving: Mapping[Exchange, Sequence[int]],
    takers: Pairs,
) -> Lists:
    others = handing.without(lists.pairs, giving, one.cohort)
    others = others.at(~np.isin(others.mentee, list(handed)))
    return Lists(
        pairs=one.in_order(others.and_(takers)),
        ranked=[replace(known, unmatched=None) if row in handed else known for row, known in enumerate(lists.ranked)],
        closed=_closed(one, lists.closed, handed, giving),
    )


def _lacking(one: Gathering, lists: Lists, spare: Spare) -> dict[int, frozenset[Exchange]]:
    """By who is left over: exchanges with a place to spare that are closed for them."""
    found = {
        row: lists.closed.get(one.mentees[row], frozenset()) & spare.places.keys() for row in spare.left_over.tolist()
    }
    return {row: lacks for row, lacks in found.items() if lacks}


def _wider(one: Gathering, lists: Lists, lacks: Mapping[int, frozenset[Exchange]]) -> dict[Exchange, Pairs]:
    """Of those who lack an exchange: whom they would wish for if they did not."""
    found: dict[Exchange, Pairs] = {}
    for exchange in sorted(frozenset().union(*lacks.values())):
        rows = [row for row, theirs in lacks.items() if exchange in theirs]
        ids = [one.mentees[row] for row in rows]
        closed = {id: lists.closed[id] - {exchange} for id in ids}
        ranked = dict(one.pool.ranked_without(closed, one.call.list_length))
        pairs = _pairs(one, ids, [ranked[id] for id in ids], closed)
        found[exchange] = one.in_order(replace(pairs, mentee=np.array(rows, dtype=np.intp)[pairs.mentee]))
    return found


def _closed(
    one: Gathering, closed: Closed, handed: Mapping[int, Handed], giving: Mapping[Exchange, Sequence[int]]
) -> Closed:
    after = dict(closed)
    for row, got in handed.items():
        after[one.mentees[row]] -= {got.exchange}
    for exchange, rows in giving.items():
        for row in rows:
            after[one.mentees[row]] = after.get(one.mentees[row], frozenset()) | {exchange}
    return after


def _pairs(one: Gathering, mentees: Sequence[str], ranked: Sequence[Ranked], closed: Closed) -> wishing.Pairs:
    """Each mentee's best by score, and those whom they chose, or are pinned to, where a rule does not forbid it."""
    call, company, mentors = one.call, one.company, one.mentors
    place = {id: row for row, id in enumerate(mentors)}
    chosen = _chosen(call.orders, company, mentees, place, closed)
    mentee = np.repeat(np.arange(len(mentees)), [len(one.mentors) for one in ranked])
    mentor = np.array([place[id] for one in ranked for id in one.mentors], dtype=np.intp)
    score = np.array([score for one in ranked for score in one.scores], dtype=np.int64)
    key = mentee * len(mentors) + mentor
    own = np.array([row * len(mentors) + other for row, other, *_ in chosen], dtype=np.int64)
    stays = ~np.isin(key, own)
    added = np.array(chosen, dtype=np.int64).reshape(-1, 4).T
    mentee, mentor = np.concatenate([mentee[stays], added[0]]), np.concatenate([mentor[stays], added[1]])
    return wishing.Pairs(
        mentee=mentee,
        mentor=mentor,
        score=np.concatenate([score[stays], added[2]]),
        named=np.concatenate([np.zeros(int(stays.sum()), dtype=np.int64), added[3]]),
        mentor_named=_mentor_named(call.orders, mentee * len(mentors) + mentor, mentees, place),
    )


def _chosen(
    orders: Orders,
    company: Company,
    mentees: Sequence[str],
    mentors: Mapping[str, int],
    closed: Closed,
) -> list[tuple[int, int, int, int]]:
    """Mentee, mentor, score, and the how manieth choice; a pin goes before what its mentee would like."""
    wanted = {one.member: list(one.choices) for one in orders.wishes}
    for mentee, mentor in orders.pins:
        wanted[mentee] = [mentor, *(one for one in wanted.get(mentee, ()) if one != mentor)]
    found: list[tuple[int, int, int, int]] = []
    for row, mentee in enumerate(mentees):
        without = closed.get(mentee, frozenset())
        possible = [
            one
            for one in wanted.get(mentee, ())
            if one in mentors and company.may_meet((mentee, one)) and company.exchange((mentee, one)) not in without
        ]
        for nth, mentor in enumerate(possible, 1):
            score = _score(company.people[mentee], company.people[mentor], company.policy)
            found.append((row, mentors[mentor], score, nth))
    return found


def _score(mentee: Person, mentor: Person, policy: Policy) -> int:
    return sum(scoring.weigh(scoring.factors_of(mentee, mentor), weights_for(mentee, policy.programme)))


def _mentor_named(orders: Orders, key: Rows, mentees: Sequence[str], mentors: Mapping[str, int]) -> Rows:
    """Of pairs only: a mentor's wish does not bring somebody onto a list."""
    rows = {id: row for row, id in enumerate(mentees)}
    wished = [
        (rows[mentee] * len(mentors) + mentors[one.member], nth)
        for one in orders.mentor_wishes
        for nth, mentee in enumerate(one.choices, 1)
        if one.member in mentors and mentee in rows
    ]
    named, order = np.zeros(key.size, dtype=np.int64), np.argsort(key)
    for pair, nth in wished:
        at = np.searchsorted(key, pair, sorter=order)
        if at < key.size and key[order[at]] == pair:
            named[order[at]] = nth
    return named
