"""Asks for support, reads and answers it. Nobody who assesses or coordinates the mentee reads it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.mentorships.kernel.access import SignIns, require_coordinator, require_member, require_party, unknown
from services.mentorships.kernel.pairs import Decided, Party
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.projections.domain import Person, Programme
from services.mentorships.support import domain
from services.mentorships.support.domain import MENTOR, Hearer, Kind, Question, Support
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict, Forbidden
from shared.retries import retried_when_stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Somebody whom the mentee may choose."""

    id: str
    """`mentor`, or the hearer's."""
    person: Person
    entry: Hearer | None


class SupportRepository(SignIns, Protocol):
    async def mentorship(self, institution: str, id: str) -> Mentorship | None: ...

    async def programme(self, id: str) -> Programme | None: ...

    async def people(self, ids: Sequence[str]) -> Mapping[str, Person]: ...

    async def listed(self, institution: str) -> Sequence[Hearer]: ...

    async def assessors(self, member: str) -> Collection[str]:
        """Who assesses the member now."""

    async def find(self, institution: str, id: str) -> Support | None: ...

    async def of_mentee(self, institution: str, member: str) -> Sequence[Support]:
        """The newest first."""

    async def of_hearer(self, institution: str, member: str) -> Sequence[Support]:
        """The newest first."""

    async def ask(
        self, institution: str, id: str, mentorship: str, decide: Callable[[int], Decided[Support]], trace: Trace
    ) -> Support:
        """`decide` gets the number of open requests in the mentorship."""

    async def change(
        self, institution: str, id: str, decide: Callable[[Support], Decided[Support] | None], trace: Trace
    ) -> Support: ...

    async def kinds(self, institution: str, programme: str) -> Sequence[Kind]:
        """Of all requests of mentees of this institution."""


class SupportRequests:
    def __init__(self, repository: SupportRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def choices(self, me: Principal, mentorship: str) -> Sequence[Choice]:
        """Whom the mentee may choose, the mentor first. Says of nobody why they are missing."""
        refused = await self._refused(me)
        found = await self._choices(await self._as_mentee(me, mentorship))
        return [choice for choice in found if choice.person.id not in refused]

    async def ask(
        self, me: Principal, mentorship: str, *, id: str, hearer: str, kind: Kind, text: str, trace: Trace
    ) -> Support:
        found = await self._as_mentee(me, mentorship)
        known = await self._repository.find(me.home, id)
        if known is not None:
            return known
        refused = await self._refused(me)
        choices = [choice for choice in await self._choices(found) if choice.person.id not in refused]
        chosen = next((choice for choice in choices if choice.id == hearer), None)
        if chosen is None:
            raise Conflict("hearer_not_available", "this person cannot be chosen: choose somebody on the list")
        party, now = Party(member=chosen.person.id, institution=chosen.person.institution), self._clock.now()
        question = Question(hearer=party, kind=kind, text=text)

        def decide(open_requests: int) -> Decided[Support]:
            return domain.ask(question, found.pair, mentorship=mentorship, id=id, open_requests=open_requests, now=now)

        return await self._repository.ask(me.home, id, mentorship, decide, trace)

    async def mine(self, me: Principal) -> Sequence[Support]:
        return await self._repository.of_mentee(me.home, await require_member(self._repository, me))

    async def of_hearer(self, me: Principal) -> Sequence[Support]:
        return await self._repository.of_hearer(me.home, await require_member(self._repository, me))

    async def see(self, me: Principal, id: str, trace: Trace) -> tuple[Support, bool]:
        """The request, and whether the caller asked it. That the hearer reads it is recorded first."""
        found, is_own = await self._require(me, id)
        if is_own:
            return found, True
        await self._require_may_hear(me, found, trace)
        now = self._clock.now()
        return await self._change(me, id, lambda known: domain.read(known, now=now), trace), False

    async def answer(self, me: Principal, id: str, *, text: str, trace: Trace) -> Support:
        found, is_own = await self._require(me, id)
        if is_own:
            raise Forbidden("hearer_only", "only the person whom you chose can answer")
        await self._require_may_hear(me, found, trace)
        now = self._clock.now()
        return await self._change(me, id, lambda known: domain.answer(known, text=text, now=now), trace)

    async def close(self, me: Principal, id: str, trace: Trace) -> Support:
        _, is_own = await self._require(me, id)
        if not is_own:
            raise Forbidden("mentee_only", "only the person who asked can close this")
        now = self._clock.now()
        return await self._change(me, id, lambda known: domain.close(known, now=now), trace)

    async def names(self, found: Sequence[Support]) -> Mapping[str, Person]:
        return await self._repository.people(
            [party.member for support in found for party in (support.pair.mentee, support.hearer)]
        )

    async def numbers(self, me: Principal, id: str) -> Mapping[Kind, int]:
        programme = await self._repository.programme(id)
        require_coordinator(me, id, admits=programme.admits if programme else None)
        return domain.numbers(await self._repository.kinds(me.home, id))

    async def _change(
        self, me: Principal, id: str, decide: Callable[[Support], Decided[Support] | None], trace: Trace
    ) -> Support:
        return await retried_when_stale(self._repository.change)(me.home, id, decide, trace)

    async def _as_mentee(self, me: Principal, id: str) -> Mentorship:
        found = await self._repository.mentorship(me.home, id)
        side, mentorship = await require_party(self._repository, me, found, what="mentorship")
        if side != "mentee":
            raise Forbidden("mentee_only", "support is for mentees")
        return mentorship

    async def _choices(self, mentorship: Mentorship) -> Sequence[Choice]:
        mentee, mentor = mentorship.pair.mentee, mentorship.pair.mentor
        listed = [hearer for hearer in await self._repository.listed(mentee.institution) if hearer.accepted_at]
        wanted: list[tuple[str, Party, Hearer | None]] = [(MENTOR, mentor, None)] if mentorship.is_open else []
        wanted += [(hearer.id, hearer.person, hearer) for hearer in listed]
        people = await self._repository.people([party.member for _, party, _ in wanted])
        assessors = await self._repository.assessors(mentee.member)
        return [
            Choice(id=id, person=people[party.member], entry=entry)
            for id, party, entry in wanted
            if party.member in people
            and people[party.member].is_active
            and domain.may_hear(party, mentee=mentee, assessors=assessors)
        ]

    async def _refused(self, me: Principal) -> Collection[str]:
        """Who turned out to assess or coordinate the caller: roles come with sign-ins, so it is known afterwards."""
        asked = await self._repository.of_mentee(me.home, await require_member(self._repository, me))
        return {support.hearer.member for support in asked if support.refused_at is not None and support.is_open}

    async def _require(self, me: Principal, id: str) -> tuple[Support, bool]:
        """Raises `NotFound` for everybody but the mentee and the hearer."""
        member = await require_member(self._repository, me)
        found = await self._repository.find(me.home, id)
        if found is None or member not in (found.pair.mentee.member, found.hearer.member):
            raise unknown("support")
        return found, member == found.pair.mentee.member

    async def _require_may_hear(self, me: Principal, support: Support, trace: Trace) -> None:
        """Roles come with each sign-in, and assessments begin and end: both are checked whenever the hearer reads."""
        mentee, pair = support.pair.mentee, support.pair
        coordinates = me.home in pair.institutions and me.coordinates(pair.programme)
        assessors = await self._repository.assessors(mentee.member)
        if not coordinates and domain.may_hear(support.hearer, mentee=mentee, assessors=assessors):
            return
        now = self._clock.now()
        await self._change(me, support.id, lambda known: domain.refuse(known, now=now), trace)
        raise Forbidden("hearer_refused", "nobody can hear a person whom they assess or coordinate")
