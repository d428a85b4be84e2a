"""Freezes a round: the programme's members as they are now become its input, by the index's rules and scores.

The input is written mentee by mentee, because as a single value it would take gigabytes.
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
class Participant:
    """A participant and their pseudonym."""

    number: str
    """The pseudonym."""
    member: str
    institution: str
    since: datetime
    """When a mentee's wait began."""
    unmatched: Unmatched | None = None
    """Why a mentee has no wish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """A frozen round. Mentees and mentors are sorted by pseudonym, wishes by mentee and rank."""

    call: Call
    policy: Policy
    mentees: Sequence[Participant]
    mentors: Sequence[Participant]
    wanted: Sequence[int]
    """By mentee: mentors wanted in this round."""
    has_mentor: Sequence[bool]
    """By mentee: has a mentor already, and gets further ones only after everybody's first."""
    capacity: Sequence[int]
    least_group: Sequence[int]
    """By mentor: the fewest mentees, unless none."""
    ceilings: Mapping[Exchange, int]
    """Seats left, by exchange with a ceiling: at most so many mentees have wishes across."""
    wishes: Wishes

    @property
    def rules(self) -> dict[str, Any]:
        """The settings that the wishes were made with."""
        without_weights = Person(Member(id="", institution=""), Preferences(member=""))
        weights = zip(FACTORS, weights_for(without_weights, self.policy.programme), strict=True)
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
        """The input file in pieces, the same bytes as `RoundInput.file` returns."""
        mentor_number = {mentor.member: mentor.number for mentor in self.mentors}
        mentee_number = {mentee.member: mentee.number for mentee in self.mentees}

        def pairs_as_json(couples: Sequence[Couple]) -> str:
            pairs = [
                {"mentee": mentee_number[mentee], "mentor": mentor_number[mentor]}
                for mentee, mentor in couples
                if mentee in mentee_number
            ]
            return canonical.text(pairs).decode()

        exclusions = [couple for couple in self.call.orders.exclusions if couple[1] in mentor_number]
        compare = "true" if self.call.compare else "false"
        exchanges = f'"exchanges":{canonical.text(self._exchanges()).decode()},' if self.ceilings else ""
        yield f'{{"compare":{compare},{exchanges}"exclusions":{pairs_as_json(exclusions)},'.encode()
        yield b'"format":"preceptor-round-input/1","mentees":['
        yield from self._mentees()
        mentors = [
            {
                "capacity": seats,
                "id": mentor.number,
                "institution": mentor.institution,
                **({"least_group": least} if least else {}),
            }
            for mentor, seats, least in zip(self.mentors, self.capacity, self.least_group, strict=True)
        ]
        yield b'],"mentors":' + canonical.text(mentors)
        policy = canonical.text({**self.rules, "id": f"policy-{self.policy_sha256[:16]}"}).decode()
        last = f',"pins":{pairs_as_json(self.call.orders.pins)},"policy":{policy},"round":"{self.call.round}",'
        yield f'{last}"target":"{self.call.target}"}}\n'.encode()

    def _exchanges(self) -> list[dict[str, Any]]:
        return [
            {"at_most": left, "mentee_institution": mentees, "mentor_institution": mentors}
            for (mentees, mentors), left in self.ceilings.items()
        ]

    def _mentees(self) -> Iterator[bytes]:
        wishes = self.wishes
        ends = np.searchsorted(wishes.mentee, np.arange(len(self.mentees) + 1)).tolist()
        for row, (start, end) in enumerate(pairwise(ends)):
            mentee = self.mentees[row]
            columns = (wishes.mentor, wishes.mentor_rank, wishes.rank, wishes.score)
            listed = ",".join(
                f'{{"mentor":"{self.mentors[mentor].number}","mentor_rank":{mentor_rank},"rank":{rank},"score":{score}}}'
                for mentor, mentor_rank, rank, score in zip(
                    *(column[start:end].tolist() for column in columns), strict=True
                )
            )
            has_mentor = '"has_mentor":true,' if self.has_mentor[row] else ""
            wanted = f'"mentors_wanted":{self.wanted[row]},' if self.wanted[row] > 1 else ""
            head = f'{has_mentor}"id":"{mentee.number}","institution":"{mentee.institution}",{wanted}'
            days = _days(mentee, self.call)
            yield f'{"," if row else ""}{{{head}"waiting_days":{days},"wishes":[{listed}]}}'.encode()

    def people(self) -> bytes:
        """The members behind the pseudonyms, as JSON."""
        mentors = [[mentor.number, mentor.member, mentor.institution] for mentor in self.mentors]
        mentees = [
            [
                mentee.number,
                mentee.member,
                mentee.institution,
                mentee.since.isoformat(),
                _days(mentee, self.call),
                mentee.unmatched,
            ]
            for mentee in self.mentees
        ]
        return json.dumps({"mentees": mentees, "mentors": mentors}).encode()


def freeze(network: Network, call: Call) -> Cohort:
    """Raises `Rejected` where the orders can no longer be kept."""
    gathering, mentees, mentors = _gather(network, call)
    lists = wish_lists(gathering)
    company, cohort = gathering.company, gathering.cohort
    unmatched = [found.unmatched for found in lists.ranked]
    return Cohort(
        call=call,
        policy=company.policy,
        mentees=[replace(mentee, unmatched=reason) for mentee, reason in zip(mentees, unmatched, strict=True)],
        mentors=mentors,
        wanted=lists.wanted.tolist(),
        has_mentor=cohort.has_mentor.tolist(),
        capacity=cohort.capacity.tolist(),
        least_group=[company.people[mentor.member].least_group for mentor in mentors],
        ceilings=ceilings.ceilings(company.policy, cohort),
        wishes=lists.wishes,
    )


def _gather(network: Network, call: Call) -> tuple[Gathering, Sequence[Participant], Sequence[Participant]]:
    """A round's participants, its mentees and its mentors. Raises `Rejected` as `freeze` does."""
    network.hold(range(SHARDS))
    pool = network.pool(call.programme)
    people = {id: network.person(id) for id in network.enrolled(call.programme)}
    company = Company(policy=pool.policy, people=people, mentors=call.mentors)
    check(call.orders, company)
    waiting = [person for person in people.values() if _takes_part(person, company)]
    free = [person for person in people.values() if company.has_mentor(person.id) and rules.has_seat(person)]
    mentees, mentors = _numbered("mentee", waiting, call), _numbered("mentor", free, call)
    gathering = Gathering(
        pool=pool,
        call=call,
        company=company,
        cohort=_columns(call, company, mentees, mentors),
        mentees=[mentee.member for mentee in mentees],
        mentors=[mentor.member for mentor in mentors],
    )
    return gathering, mentees, mentors


def _columns(
    call: Call, company: Company, mentees: Sequence[Participant], mentors: Sequence[Participant]
) -> ceilings.Cohort:
    row = {mentee.member: index for index, mentee in enumerate(mentees)}
    column = {mentor.member: index for index, mentor in enumerate(mentors)}
    begin_late = call.mentors.keys() - {mentee for mentee, _ in call.orders.pins}
    return ceilings.Cohort(
        round=call.round,
        mentees=[mentee.number for mentee in mentees],
        mentors=[mentor.number for mentor in mentors],
        mentee_homes=[mentee.institution for mentee in mentees],
        mentor_homes=[mentor.institution for mentor in mentors],
        capacity=np.array([company.seats(mentor.member) for mentor in mentors], dtype=np.int64),
        days=np.array([_days(mentee, call) for mentee in mentees], dtype=np.int64),
        wanted=np.array([company.mentors_wanted(mentee.member) for mentee in mentees], dtype=np.int64),
        # A pin is settled in the first turn, whatever mentors the mentee has.
        has_mentor=np.array([mentee.member in begin_late for mentee in mentees], dtype=np.bool_),
        pins=[(row[mentee], column[mentor]) for mentee, mentor in call.orders.pins],
        exclusions=[
            (row[mentee], column[mentor])
            for mentee, mentor in call.orders.exclusions
            if mentee in row and mentor in column
        ],
    )


def _takes_part(mentee: Person, company: Company) -> bool:
    wants = company.has_mentee(mentee.id) and company.mentors_wanted(mentee.id) > 0
    return wants and rules.own_reason(mentee) is None


def _numbered(role: str, people: Sequence[Person], call: Call) -> list[Participant]:
    homes = {person.id: person.member.institution for person in people}
    return [
        Participant(number=number, member=id, institution=homes[id], since=_waits_since(id, call))
        for number, id in pseudonyms(role, homes, round=call.round).items()
    ]


def _waits_since(member: str, call: Call) -> datetime:
    """A mentee who has a mentor has not waited."""
    return call.at if member in call.mentors else call.since.get(member, call.at)


def _days(mentee: Participant, call: Call) -> int:
    return min(max(0, (call.at - mentee.since).days), _LONGEST_WAIT_DAYS)
