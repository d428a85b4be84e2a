"""A programme's people as they are now become a round's input. Rules and scores are the index's, as for lists.

The input is written as it is made, mentee by mentee: as one value it would take gigabytes.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np

from services.matching.domain import rules, scoring
from services.matching.domain.columns import Rows
from services.matching.domain.model import Exchange, Member, Person, Policy, Preferences, weights_for
from services.matching.domain.rounds import canonical, ceilings, wishing
from services.matching.domain.rounds.files import Target
from services.matching.domain.rounds.model import Wishes
from services.matching.domain.rounds.orders import Company, Couple, Orders, check
from services.matching.domain.rounds.pseudonyms import pseudonyms
from services.matching.domain.shards import SHARDS
from services.matching.index.network import Network
from services.matching.index.pool import Pool, Ranked
from shared.contracts.matching import Unmatched
from shared.contracts.profiles import FACTORS

_LONGEST_WAIT_DAYS = 36_500


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
class Someone:
    """Behind a pseudonym."""

    number: str
    member: str
    institution: str
    since: datetime
    """Since when a mentee waits."""
    unmatched: Unmatched | None = None
    """Why a mentee has no wish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """A frozen round. Columns have one entry a wish, by mentee and rank; mentees and mentors stand by pseudonym."""

    call: Call
    policy: Policy
    mentees: Sequence[Someone]
    mentors: Sequence[Someone]
    capacity: Sequence[int]
    ceilings: Mapping[Exchange, int]
    """Seats left, where there is a ceiling: at most so many mentees have wishes across."""
    wishes: Wishes

    @property
    def rules(self) -> dict[str, Any]:
        """What the wishes were made by."""
        nobody = Person(Member(id="nobody", institution=""), Preferences(member="nobody"))
        weights = zip(FACTORS, weights_for(nobody, self.policy.programme), strict=True)
        return {
            "list_length": self.call.list_length,
            "score_band": self.call.score_band,
            "weights": {factor.replace("_", "-"): weight for factor, weight in weights},
        }

    @property
    def policy_sha256(self) -> str:
        programme = self.policy.programme
        known = {**self.rules, "minimum_score": programme.minimum_score, "programme": programme.id}
        return canonical.sha256(canonical.text(known))

    def content(self) -> Iterator[bytes]:
        """The input file, in pieces: what `RoundInput.file` would make of it."""
        mentor = {one.member: one.number for one in self.mentors}
        mentee = {one.member: one.number for one in self.mentees}

        def named(couples: Sequence[Couple]) -> str:
            pairs = [{"mentee": mentee[one], "mentor": mentor[two]} for one, two in couples if one in mentee]
            return canonical.text(pairs).decode()

        exclusions = [couple for couple in self.call.orders.exclusions if couple[1] in mentor]
        compare = "true" if self.call.compare else "false"
        between = f'"exchanges":{canonical.text(self._exchanges()).decode()},' if self.ceilings else ""
        yield f'{{"compare":{compare},{between}"exclusions":{named(exclusions)},'.encode()
        yield b'"format":"preceptor-round-input/1","mentees":['
        yield from self._mentees()
        mentors = [
            {"capacity": seats, "id": one.number, "institution": one.institution}
            for one, seats in zip(self.mentors, self.capacity, strict=True)
        ]
        yield b'],"mentors":' + canonical.text(mentors)
        policy = canonical.text({**self.rules, "id": f"policy-{self.policy_sha256[:16]}"}).decode()
        last = f',"pins":{named(self.call.orders.pins)},"policy":{policy},"round":"{self.call.round}",'
        yield f'{last}"target":"{self.call.target}"}}\n'.encode()

    def _exchanges(self) -> list[dict[str, Any]]:
        return [
            {"at_most": left, "mentee_institution": mentees, "mentor_institution": mentors}
            for (mentees, mentors), left in self.ceilings.items()
        ]

    def _mentees(self) -> Iterator[bytes]:
        wishes = self.wishes
        ends = np.searchsorted(wishes.mentee, np.arange(len(self.mentees) + 1)).tolist()
        for place, (start, end) in enumerate(pairwise(ends)):
            one = self.mentees[place]
            each = zip(
                *(
                    column[start:end].tolist()
                    for column in (wishes.mentor, wishes.mentor_rank, wishes.rank, wishes.score)
                ),
                strict=True,
            )
            said = ",".join(
                f'{{"mentor":"{self.mentors[mentor].number}","mentor_rank":{theirs},"rank":{rank},"score":{score}}}'
                for mentor, theirs, rank, score in each
            )
            head = f'{{"id":"{one.number}","institution":"{one.institution}","waiting_days":{_days(one, self.call)}'
            yield f'{"," if place else ""}{head},"wishes":[{said}]}}'.encode()

    def people(self) -> bytes:
        """Who is behind each pseudonym."""
        mentors = [[one.number, one.member, one.institution] for one in self.mentors]
        mentees = [
            [one.number, one.member, one.institution, one.since.isoformat(), _days(one, self.call), one.unmatched]
            for one in self.mentees
        ]
        return json.dumps({"mentees": mentees, "mentors": mentors}).encode()


def freeze(network: Network, call: Call) -> Cohort:
    """Raises `Rejected` where the orders cannot be kept any more."""
    network.hold(range(SHARDS))
    pool = network.pool(call.programme)
    people = {id: network.person(id) for id in network.enrolled(call.programme)}
    company = Company(policy=pool.policy, people=people, engaged=call.engaged)
    check(call.orders, company)
    mentees = _numbered("mentee", [one for one in people.values() if _takes_part(one, company)], call)
    takers = [one for one in people.values() if company.has_mentor(one.id) and rules.has_seat(one)]
    mentors = _numbered("mentor", takers, call)
    together = _together(call, company, mentees, mentors)
    wishes, ranked = _within_ceilings(
        pool, call, company, together, ids=([one.member for one in mentees], [one.member for one in mentors])
    )
    return Cohort(
        call=call,
        policy=pool.policy,
        mentees=[replace(one, unmatched=each.unmatched) for one, each in zip(mentees, ranked, strict=True)],
        mentors=mentors,
        capacity=[company.seats(one.member) for one in mentors],
        ceilings=ceilings.ceilings(pool.policy, together),
        wishes=wishes,
    )


def _within_ceilings(
    pool: Pool, call: Call, company: Company, cohort: ceilings.Cohort, *, ids: tuple[Sequence[str], Sequence[str]]
) -> tuple[Wishes, Sequence[Ranked]]:
    """Who goes beyond a ceiling wishes anew without that exchange, until nobody does. `ids` of mentees and mentors."""
    mentees, mentors = ids
    ranked, closed = pool.ranked(mentees, call.list_length), dict[str, frozenset[Exchange]]()
    while True:
        wishes = wishing.wishes(
            _pairs(call, company, mentees, mentors, ranked, closed),
            round=call.round,
            mentees=cohort.mentees,
            mentors=cohort.mentors,
            waiting_days=cohort.days,
            list_length=call.list_length,
            score_band=call.score_band,
        )
        beyond = ceilings.beyond(ceilings.claims(wishes, cohort, company.policy), company.policy)
        if not beyond:
            return wishes, ranked
        more = {id: beyond[number] for id, number in zip(mentees, cohort.mentees, strict=True) if number in beyond}
        closed |= {one: closed.get(one, frozenset()) | exchanges for one, exchanges in more.items()}
        anew = dict(pool.ranked_without({one: closed[one] for one in more}, call.list_length))
        ranked = [anew.get(id, one) for id, one in zip(mentees, ranked, strict=True)]


def _together(call: Call, company: Company, mentees: Sequence[Someone], mentors: Sequence[Someone]) -> ceilings.Cohort:
    row = {one.member: place for place, one in enumerate(mentees)}
    column = {one.member: place for place, one in enumerate(mentors)}
    return ceilings.Cohort(
        round=call.round,
        mentees=[one.number for one in mentees],
        mentors=[one.number for one in mentors],
        mentee_homes=[one.institution for one in mentees],
        mentor_homes=[one.institution for one in mentors],
        capacity=np.array([company.seats(one.member) for one in mentors], dtype=np.int64),
        days=np.array([_days(one, call) for one in mentees], dtype=np.int64),
        pins=[(row[mentee], column[mentor]) for mentee, mentor in call.orders.pins],
    )


def _takes_part(one: Person, company: Company) -> bool:
    return company.has_mentee(one.id) and one.id not in company.engaged and rules.own_reason(one) is None


def _numbered(role: str, people: Sequence[Person], call: Call) -> list[Someone]:
    homes = {one.id: one.member.institution for one in people}
    return [
        Someone(number=number, member=id, institution=homes[id], since=call.since.get(id, call.at))
        for number, id in pseudonyms(role, homes, round=call.round).items()
    ]


def _days(one: Someone, call: Call) -> int:
    return min(max(0, (call.at - one.since).days), _LONGEST_WAIT_DAYS)


def _pairs(
    call: Call,
    company: Company,
    mentees: Sequence[str],
    mentors: Sequence[str],
    ranked: Sequence[Ranked],
    closed: Mapping[str, frozenset[Exchange]],
) -> wishing.Pairs:
    """Each mentee's best by score, and those whom they chose, or are pinned to, where a rule does not forbid it."""
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
    closed: Mapping[str, frozenset[Exchange]],
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
