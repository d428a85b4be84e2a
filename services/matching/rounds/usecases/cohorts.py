"""A programme's people as they are now become a round's input. Rules and scores are the index's, as for lists.

The input is written as it is made, mentee by mentee: as one value it would take gigabytes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np

from services.matching.kernel import rules
from services.matching.kernel.participants import Exchange, Member, Person, Policy, Preferences, weights_for
from services.matching.kernel.shards import SHARDS
from services.matching.rounds.domain.orders import Company, Couple, check
from services.matching.rounds.solver import canonical, ceilings
from services.matching.rounds.solver.model import Wishes
from services.matching.rounds.solver.pseudonyms import pseudonyms
from services.matching.rounds.usecases.wishlists import Call, Gathering, wish_lists
from services.matching.suggestions.index.network import Network
from shared.contracts.matching import Unmatched
from shared.contracts.profiles import FACTORS

_LONGEST_WAIT_DAYS = 36_500


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
    gathering, mentees, mentors = _gather(network, call)
    wishes, ranked = wish_lists(gathering)
    policy, cohort = gathering.company.policy, gathering.cohort
    return Cohort(
        call=call,
        policy=policy,
        mentees=[replace(one, unmatched=each.unmatched) for one, each in zip(mentees, ranked, strict=True)],
        mentors=mentors,
        capacity=cohort.capacity.tolist(),
        ceilings=ceilings.ceilings(policy, cohort),
        wishes=wishes,
    )


def _gather(network: Network, call: Call) -> tuple[Gathering, Sequence[Someone], Sequence[Someone]]:
    """A round's participants, its mentees and its mentors. Raises `Rejected` as `freeze` does."""
    network.hold(range(SHARDS))
    pool = network.pool(call.programme)
    people = {id: network.person(id) for id in network.enrolled(call.programme)}
    company = Company(policy=pool.policy, people=people, engaged=call.engaged)
    check(call.orders, company)
    mentees = _numbered("mentee", [one for one in people.values() if _takes_part(one, company)], call)
    takers = [one for one in people.values() if company.has_mentor(one.id) and rules.has_seat(one)]
    mentors = _numbered("mentor", takers, call)
    gathering = Gathering(
        pool=pool,
        call=call,
        company=company,
        cohort=_together(call, company, mentees, mentors),
        mentees=[one.member for one in mentees],
        mentors=[one.member for one in mentors],
    )
    return gathering, mentees, mentors


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
        exclusions=[
            (row[mentee], column[mentor])
            for mentee, mentor in call.orders.exclusions
            if mentee in row and mentor in column
        ],
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
