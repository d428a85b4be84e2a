"""The mentors whom each mentee of a round wishes for: own choices, then the best by the index's rules and scores.

Where institutions agreed on a ceiling, no more mentees get wishes across than seats are left. A seat across that the
mentees who may wish for it do not take stays free for requests and for the next round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from services.matching.kernel import scoring
from services.matching.kernel.columns import Rows
from services.matching.kernel.participants import Exchange, Person, Policy, weights_for
from services.matching.rounds.domain.orders import Company, Orders
from services.matching.rounds.solver import ceilings, wishing
from services.matching.rounds.solver.ceilings import Cohort
from services.matching.rounds.solver.files import Target
from services.matching.rounds.solver.model import Longs, Wishes
from services.matching.rounds.solver.wishing import Pairs
from services.matching.suggestions.index.pool import Pool, Ranked

Closed = Mapping[str, frozenset[Exchange]]
"""By mentee: the exchanges in which this mentee may not wish for a mentor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A round whose participants are to be frozen at `at`."""

    round: str
    programme: str
    target: Target
    list_length: int
    score_band: int
    compare: bool
    orders: Orders
    at: datetime
    mentors: Mapping[str, int]
    """How many mentors a mentee has in this programme; with as many as they want they take no part."""
    since: Mapping[str, datetime]
    """When the wait of a mentee whom an earlier round left over began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """A round's participants. `mentees` and `mentors` are member ids, in the order of `cohort`."""

    pool: Pool
    call: Call
    company: Company
    cohort: Cohort
    mentees: Sequence[str]
    mentors: Sequence[str]

    def wishes(self, pairs: Pairs) -> Wishes:
        return wishing.wishes(
            pairs,
            round=self.call.round,
            mentees=self.cohort.mentees,
            mentors=self.cohort.mentors,
            waiting_days=self.cohort.days,
            list_length=self.call.list_length,
            score_band=self.call.score_band,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WishLists:
    wishes: Wishes
    ranked: Sequence[Ranked]
    """By mentee: what the index found."""
    wanted: Longs
    """By mentee: mentors wanted in this round."""


def wish_lists(gathering: Gathering) -> WishLists:
    """A mentee who exceeds a ceiling by wanting several mentors wants one in this round; a mentee who still exceeds it
    gets a new list without that exchange, until no mentee does.
    """
    length, policy, cohort = gathering.call.list_length, gathering.company.policy, gathering.cohort
    ranked, closed = gathering.pool.ranked(gathering.mentees, length), dict[str, frozenset[Exchange]]()
    while True:
        wishes = gathering.wishes(_pairs(gathering, ranked, closed))
        beyond = ceilings.beyond(ceilings.claims(wishes, cohort, policy), policy)
        if not beyond:
            return WishLists(wishes=wishes, ranked=ranked, wanted=cohort.wanted)
        several = np.array([number in beyond for number in cohort.mentees], dtype=np.bool_) & (cohort.wanted > 1)
        if several.any():
            cohort = replace(cohort, wanted=np.where(several, 1, cohort.wanted))
            continue
        numbers = zip(gathering.mentees, cohort.mentees, strict=True)
        exceeding = {member: beyond[number] for member, number in numbers if number in beyond}
        closed |= {member: closed.get(member, frozenset()) | more for member, more in exceeding.items()}
        changed = dict(gathering.pool.ranked_without({member: closed[member] for member in exceeding}, length))
        ranked = [changed.get(member, known) for member, known in zip(gathering.mentees, ranked, strict=True)]


def _pairs(gathering: Gathering, ranked: Sequence[Ranked], closed: Closed) -> Pairs:
    """Each mentee's best by score, and the mentors whom they chose or are pinned to, unless a rule forbids the pair."""
    orders, mentees, mentors = gathering.call.orders, gathering.mentees, gathering.mentors
    column = {member: place for place, member in enumerate(mentors)}
    chosen = _chosen(orders, gathering.company, mentees, column, closed)
    mentee = np.repeat(np.arange(len(mentees)), [len(found.mentors) for found in ranked])
    mentor = np.array([column[member] for found in ranked for member in found.mentors], dtype=np.intp)
    score = np.array([score for found in ranked for score in found.scores], dtype=np.int64)
    key = mentee * len(mentors) + mentor
    own = np.array([row * len(mentors) + other for row, other, *_ in chosen], dtype=np.int64)
    stays = ~np.isin(key, own)
    added = np.array(chosen, dtype=np.int64).reshape(-1, 4).T
    mentee, mentor = np.concatenate([mentee[stays], added[0]]), np.concatenate([mentor[stays], added[1]])
    return Pairs(
        mentee=mentee,
        mentor=mentor,
        score=np.concatenate([score[stays], added[2]]),
        named=np.concatenate([np.zeros(int(stays.sum()), dtype=np.int64), added[3]]),
        mentor_named=_mentor_named(orders, mentee * len(mentors) + mentor, mentees, column),
    )


def _chosen(
    orders: Orders,
    company: Company,
    mentees: Sequence[str],
    mentors: Mapping[str, int],
    closed: Closed,
) -> list[tuple[int, int, int, int]]:
    """Mentee, mentor, score, and the rank of the choice from 1; a pin ranks before the mentee's own choices."""
    wanted = {choice.member: list(choice.choices) for choice in orders.wishes}
    for mentee, mentor in orders.pins:
        wanted[mentee] = [mentor, *(other for other in wanted.get(mentee, ()) if other != mentor)]
    found: list[tuple[int, int, int, int]] = []
    for row, mentee in enumerate(mentees):
        without = closed.get(mentee, frozenset())
        possible = [
            mentor
            for mentor in wanted.get(mentee, ())
            if mentor in mentors
            and company.may_meet((mentee, mentor))
            and company.exchange((mentee, mentor)) not in without
        ]
        for rank, mentor in enumerate(possible, 1):
            score = _score(company.people[mentee], company.people[mentor], company.policy)
            found.append((row, mentors[mentor], score, rank))
    return found


def _score(mentee: Person, mentor: Person, policy: Policy) -> int:
    return sum(scoring.weigh(scoring.factors_of(mentee, mentor), weights_for(mentee, policy.programme)))


def _mentor_named(orders: Orders, key: Rows, mentees: Sequence[str], mentors: Mapping[str, int]) -> Rows:
    """By pair: the rank of the mentor's own choice, or 0. A mentor's wish does not add a mentor to a list."""
    rows = {member: row for row, member in enumerate(mentees)}
    wished = [
        (rows[mentee] * len(mentors) + mentors[choice.member], rank)
        for choice in orders.mentor_wishes
        for rank, mentee in enumerate(choice.choices, 1)
        if choice.member in mentors and mentee in rows
    ]
    named, order = np.zeros(key.size, dtype=np.int64), np.argsort(key)
    for pair, rank in wished:
        at = np.searchsorted(key, pair, sorter=order)
        if at < key.size and key[order[at]] == pair:
            named[order[at]] = rank
    return named
