"""The index in memory: the newest state of each document. Each change returns the lists and mentors that it affects.

The index spans all institutions; the API enforces tenancy.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial

from services.matching.kernel import rules
from services.matching.kernel.participants import (
    USUAL,
    Assessment,
    Bond,
    Exchange,
    Experience,
    Institution,
    Member,
    Person,
    Policy,
    Preferences,
    Programme,
)
from services.matching.kernel.shards import shard_of
from services.matching.suggestions.domain import Enrolment, OwnSequences
from services.matching.suggestions.index.bonds import Bonds
from services.matching.suggestions.index.firewall import Firewall
from services.matching.suggestions.index.people import Vocabulary
from services.matching.suggestions.index.pool import Pool
from services.matching.suggestions.index.reserves import RESERVE
from shared.contracts.profiles import Role

State = Institution | Programme | Member | Preferences | Bond | Assessment | Experience


@dataclass(frozen=True, slots=True)
class Affected:
    """What a change affects: the person's own lists, the person as a mentor, or other people's lists."""

    own: tuple[Enrolment, ...] = ()
    as_mentor: tuple[tuple[str, str], ...] = ()
    """(programme, mentor)."""
    others: tuple[Enrolment, ...] = ()


UNAFFECTED = Affected()


class Network:
    def __init__(self, *, reserve: int = RESERVE) -> None:
        self._reserve = reserve
        self._institutions: dict[str, Institution] = {}
        self._programmes: dict[str, Programme] = {}
        self._members: dict[str, Member] = {}
        self._preferences: dict[str, Preferences] = {}
        self._named_by: defaultdict[str, set[str]] = defaultdict(set)
        self._bonds = Bonds()
        self._firewall = Firewall()
        self._experiences: dict[str, Experience] = {}
        self._pools: dict[str, Pool] = {}
        self._vocabulary = Vocabulary()
        self._shards: set[int] = set()

    @property
    def shards(self) -> AbstractSet[int]:
        return self._shards

    def put(self, state: State) -> Affected:  # noqa: PLR0911 -- one return a kind
        """Applies the state if it is newer than the known one."""
        match state:
            case Member():
                return self._put_member(state)
            case Preferences():
                return self._put_preferences(state)
            case Programme():
                return self._put_programme(state)
            case Institution():
                return self._put_institution(state)
            case Bond():
                return self._put_bond(state)
            case Assessment():
                return self._put_assessment(state)
            case Experience():
                return self._put_experience(state)

    def pool(self, programme: str) -> Pool:
        return self._pools[programme]

    def enrolment(self, programme: str, mentee: str) -> Enrolment:
        return Enrolment(programme=programme, mentee=mentee, institution=self._members[mentee].institution)

    def person(self, member: str) -> Person:
        """With those kept apart from them, and those whom they assess or who assess them."""
        known = self._person(self._members[member])
        kept_from = frozenset(self._kept_from(member, "mentee"))
        return replace(known, kept_from=kept_from, firewall=self._firewall.of(member))

    def enrolled(self, programme: str) -> list[str]:
        """Members in either role, by id."""
        return sorted(
            member.id
            for member in self._members.values()
            if programme in member.mentee_in or programme in member.mentors_in
        )

    def own_sequences(self, member: str) -> OwnSequences | None:
        """Sequences of the person's known documents; None where there is no profile."""
        known, private = self._members.get(member), self._preferences.get(member)
        if known is None or known.sequence < 0:
            return None
        return OwnSequences(known.sequence, private.sequence if private else 0)

    def has_enough_mentors(self, enrolment: Enrolment) -> bool:
        """As many as the mentee wants in this programme."""
        wanted = self._members[enrolment.mentee].mentors_wanted
        return self._bonds.mentors(enrolment.mentee, enrolment.programme) >= wanted

    def pending(self) -> list[Bond]:
        """Requests that wait for an answer."""
        return self._bonds.pending()

    def pending_of(self, member: str) -> list[Bond]:
        """Requests that this member made, or that wait for this member's answer."""
        return self._bonds.pending_of(member)

    def may_be_unavailable(self, request: Bond) -> bool:
        """False: no private rule keeps the two apart. True: the stored state must be checked, as some pairs may still
        ask.
        """
        if request.programme is None or not {request.mentee, request.mentor} <= self._members.keys():
            return False
        mentee, mentor = self.person(request.mentee), self.person(request.mentor)
        return rules.is_unavailable(mentee, mentor, self._policy(request.programme))

    def is_active(self, member: str) -> bool:
        return member in self._members and self._members[member].is_active

    def hold(self, shards: Collection[int]) -> None:
        """Keeps the lists of these shards' mentees from now on."""
        self._shards.update(shards)
        for member in self._members.values():
            if member.mentee_in and shard_of(member.id) in shards:
                self._enrol(self._person(member))

    def drop(self, shards: Collection[int]) -> None:
        self._shards.difference_update(shards)
        for pool in self._pools.values():
            for mentee in [mentee for mentee in pool.mentees if shard_of(mentee) in shards]:
                pool.drop_mentee(mentee)

    def keep(self, enrolment: Enrolment) -> None:
        """Keeps the stored list of a mentee who has left the programme, so that it can be emptied."""
        pool = self._pool(enrolment.programme)
        if enrolment.mentee not in pool.mentees:
            unknown = Member(id=enrolment.mentee, institution=enrolment.institution, sequence=-1, is_active=False)
            pool.put_mentee(self._person(self._members.setdefault(enrolment.mentee, unknown)))

    def enrolments(self, shards: Collection[int]) -> list[Enrolment]:
        """Of the lists kept here."""
        return [
            self.enrolment(name, mentee)
            for name, pool in self._pools.items()
            for mentee in pool.mentees
            if shard_of(mentee) in shards
        ]

    def any_list(self, chance: int) -> Enrolment | None:
        """The list that `chance` selects among those kept here; None where its row is empty."""
        position = chance % max(1, sum(pool.row_count for pool in self._pools.values()))
        for name, pool in self._pools.items():
            if position < pool.row_count:
                mentee = pool.mentee_at(position)
                return self.enrolment(name, mentee) if mentee in pool.mentees else None
            position -= pool.row_count
        return None

    def _put_member(self, member: Member) -> Affected:
        """Topics that a later vocabulary resolves again are no change of the mentee's own."""
        known = self._members.get(member.id)
        if known is not None and (known.sequence, known.revision) >= (member.sequence, member.revision):
            return UNAFFECTED
        self._members[member.id] = member
        person = self._person(member)
        gone = known.mentee_in if known else frozenset()
        was_mentor = known.mentors_in if known else frozenset()
        affected = self._place(person, mentee_in=member.mentee_in | gone, mentors_in=member.mentors_in | was_mentor)
        if known is None or known.sequence < member.sequence:
            return affected
        return Affected(as_mentor=affected.as_mentor, others=affected.own)

    def _put_preferences(self, preferences: Preferences) -> Affected:
        known = self._preferences.get(preferences.member)
        if known is not None and known.sequence >= preferences.sequence:
            return UNAFFECTED
        self._preferences[preferences.member] = preferences
        for named in known.never if known else ():
            self._named_by[named].discard(preferences.member)
        for named in preferences.never:
            self._named_by[named].add(preferences.member)
        member = self._members.get(preferences.member)
        if member is None:
            return UNAFFECTED
        return self._place(self._person(member), mentee_in=member.mentee_in, mentors_in=member.mentors_in)

    def _place(self, person: Person, *, mentee_in: AbstractSet[str], mentors_in: AbstractSet[str]) -> Affected:
        for programme in mentors_in:
            self._pool(programme).put_mentor(person)
        own = self._enrol(person, also=mentee_in)
        return Affected(own=own, as_mentor=tuple((programme, person.id) for programme in mentors_in))

    def _enrol(self, person: Person, *, also: AbstractSet[str] = frozenset()) -> tuple[Enrolment, ...]:
        """The enrolments whose lists are kept here; `also`: programmes that the mentee has left."""
        if shard_of(person.id) not in self._shards:
            return ()
        programmes = sorted(person.member.mentee_in | also)
        for programme in programmes:
            self._pool(programme).put_mentee(person)
        return tuple(self.enrolment(programme, person.id) for programme in programmes)

    def _put_programme(self, programme: Programme) -> Affected:
        known = self._programmes.get(programme.id)
        if known is not None and known.sequence >= programme.sequence:
            return UNAFFECTED
        self._programmes[programme.id] = programme
        self._pool(programme.id)
        return self._apply_policy([programme.id])

    def _put_institution(self, institution: Institution) -> Affected:
        known = self._institutions.get(institution.id)
        if known is not None and known.sequence >= institution.sequence:
            return UNAFFECTED
        self._institutions[institution.id] = institution
        return self._apply_policy(
            [programme.id for programme in self._programmes.values() if institution.id in programme.admits]
        )

    def _apply_policy(self, programmes: list[str]) -> Affected:
        others: list[Enrolment] = []
        for name in programmes:
            pool = self._pool(name)
            pool.set_policy(self._policy(name))
            for member in self._members.values():
                if name in member.mentors_in:
                    pool.put_mentor(self._person(member))
            for mentee in list(pool.mentees):
                if mentee in self._members:
                    pool.put_mentee(self._person(self._members[mentee]))
            others += [self.enrolment(name, mentee) for mentee in pool.mentees]
        return Affected(others=tuple(others))

    def _put_bond(self, bond: Bond) -> Affected:
        """Affects the mentee's lists, the mentor's own if the bond holds both ways, and other people's if the mentor's
        count of seats taken or requests changes.
        """
        mentor, carried = self._members.get(bond.mentor), self._carried(bond.mentor)
        was_full = self._is_full(bond.exchange)
        both_ways = bond.both_ways or self._bonds.holds_both_ways(bond)
        if not self._bonds.put(bond):
            return UNAFFECTED
        others = self._refresh_mentee(bond.mentee, self._pools)
        if both_ways:
            others += self._refresh_mentee(bond.mentor, self._pools)
        if bond.exchange is not None and self._is_full(bond.exchange) != was_full:
            others = list(dict.fromkeys(others + self._open_or_close(bond.exchange)))
        if mentor is None or carried == self._carried(bond.mentor):
            return Affected(others=tuple(others))
        return Affected(others=tuple(others), as_mentor=self._put_as_mentor(mentor))

    def _carried(self, mentor: str) -> tuple[int, int]:
        return self._bonds.taken(mentor), self._bonds.asked(mentor)

    def _put_as_mentor(self, mentor: Member) -> tuple[tuple[str, str], ...]:
        for programme in mentor.mentors_in:
            self._pool(programme).put_mentor(self._person(mentor))
        return tuple((programme, mentor.id) for programme in mentor.mentors_in)

    def _is_full(self, exchange: Exchange | None) -> bool:
        """The ceiling does not depend on the programme."""
        return exchange is not None and self._policy("").is_full(exchange)

    def _open_or_close(self, exchange: Exchange) -> list[Enrolment]:
        """Returns the lists that are affected when the exchange reaches its ceiling or falls below it."""
        mentees, _ = exchange
        others: list[Enrolment] = []
        for name, pool in self._pools.items():
            if not pool.policy.exchanges(*exchange):
                continue
            pool.invalidate_exchanges()
            concerned = [mentee for mentee in pool.mentees if self._members[mentee].institution == mentees]
            others += [enrolment for mentee in concerned for enrolment in self._refresh_mentee(mentee, [name])]
        return others

    def _put_assessment(self, assessment: Assessment) -> Affected:
        """Affects the lists of both, since either may be the other's mentor."""
        changed = self._firewall.put(assessment)
        both = (assessment.assessed, assessment.assessor)
        return Affected(
            others=tuple(enrolment for member in both for enrolment in self._refresh_mentee(member, changed))
        )

    def _put_experience(self, experience: Experience) -> Affected:
        known = self._experiences.get(experience.mentor)
        if known is not None and known.sequence >= experience.sequence:
            return UNAFFECTED
        before = self._experience(experience.mentor)
        self._experiences[experience.mentor] = experience
        mentor = self._members.get(experience.mentor)
        if mentor is None or before == experience.level:
            return UNAFFECTED
        return Affected(as_mentor=self._put_as_mentor(mentor))

    def _experience(self, mentor: str) -> int:
        known = self._experiences.get(mentor)
        return known.level if known else USUAL

    def _refresh_mentee(self, mentee: str, programmes: Collection[str]) -> list[Enrolment]:
        """Puts a mentee again whose eligible mentors changed, which discards the mentee's reserves."""
        kept = [name for name, pool in self._pools.items() if name in programmes and mentee in pool.mentees]
        for name in kept:
            self._pools[name].put_mentee(self._person(self._members[mentee]))
        return [self.enrolment(name, mentee) for name in kept]

    def _pool(self, programme: str) -> Pool:
        if programme not in self._pools:
            apart = partial(self._apart, programme)
            self._pools[programme] = Pool(self._policy(programme), self._vocabulary, apart, reserve=self._reserve)
        return self._pools[programme]

    def _policy(self, programme: str) -> Policy:
        unknown = Programme(id=programme, institution="", sequence=0, is_active=False)
        institutions: Mapping[str, Institution] = self._institutions
        return Policy(self._programmes.get(programme, unknown), institutions, self._bonds.given)

    def _person(self, member: Member) -> Person:
        private = self._preferences.get(member.id) or Preferences(member=member.id)
        taken, asked = self._carried(member.id)
        return Person(member, private, taken, experience=self._experience(member.id), asked=asked)

    def _apart(self, programme: str, member: str, role: Role) -> AbstractSet[str]:
        return self._kept_from(member, role) | self._firewall.around(member, programme)

    def _kept_from(self, member: str, role: Role) -> AbstractSet[str]:
        """In every programme."""
        own = self._preferences.get(member)
        bonded = self._bonds.separated_from(member, role)
        return self._named_by.get(member, set()) | (own.never if own else frozenset()) | bonded
