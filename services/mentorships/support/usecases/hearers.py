"""The people whom an institution lists as hearers: listed by a coordinator, and hearing once they have accepted."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from services.mentorships.kernel.access import SignIns, require_member, unknown
from services.mentorships.kernel.pairs import Party
from services.mentorships.projections.domain import Person
from services.mentorships.support import domain
from services.mentorships.support.domain import Hearer, Role
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.mentorships import HearerListed
from shared.errors import NotFound

List = Callable[[int], tuple[Hearer, HearerListed]]
"""Decides on a new entry, by how many the list has."""


class HearerRepository(SignIns, Protocol):
    async def people(self, ids: Sequence[str]) -> Mapping[str, Person]: ...

    async def share_a_programme(self, institution: str, other: str) -> bool:
        """Whether a programme admits both institutions."""

    async def listed(self, institution: str) -> Sequence[Hearer]: ...

    async def listed_as(self, member: str, institution: str) -> Sequence[Hearer]:
        """The entries of a member of this institution, on all lists."""

    async def entry(self, id: str) -> Hearer | None: ...

    async def list(self, institution: str, member: str, decide: List, trace: Trace) -> Hearer:
        """The entry that exists for this member, else a new one."""

    async def accept(self, before: Hearer, after: Hearer) -> Hearer: ...

    async def remove(self, hearer: Hearer) -> None: ...


class Hearers:
    def __init__(self, repository: HearerRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def listed(self, me: Principal) -> tuple[Sequence[Hearer], Mapping[str, Person]]:
        """For a coordinator of the whole institution."""
        me.require("institution_coordinator")
        found = await self._repository.listed(me.home)
        return found, await self._repository.people([hearer.person.member for hearer in found])

    async def list(self, me: Principal, *, id: str, member: str, role: Role, note: str, trace: Trace) -> Hearer:
        """A member of the own institution, or of one that a programme joins with it."""
        me.require("institution_coordinator")
        person = (await self._repository.people([member])).get(member)
        if person is None or not person.is_active or not await self._is_near(me.home, person.institution):
            raise NotFound("member_not_found", "there is no active member with this id here or at a partner's")
        party = Party(member=person.id, institution=person.institution)

        def decide(listed: int) -> tuple[Hearer, HearerListed]:
            return domain.list_hearer(id=id, institution=me.home, person=party, role=role, note=note, listed=listed)

        return await self._repository.list(me.home, member, decide, trace)

    async def mine(self, me: Principal) -> Sequence[Hearer]:
        return await self._repository.listed_as(await require_member(self._repository, me), me.home)

    async def accept(self, me: Principal, id: str) -> Hearer:
        hearer = await self._own(me, id)
        coordinates = me.is_coordinator and me.home == hearer.institution
        after = domain.accept(hearer, coordinates=coordinates, now=self._clock.now())
        return hearer if after is None else await self._repository.accept(hearer, after)

    async def remove(self, me: Principal, id: str) -> None:
        """By the person, or by a coordinator of the institution."""
        hearer = await self._repository.entry(id)
        if hearer is not None and me.coordinates_institution and hearer.institution == me.home:
            await self._repository.remove(hearer)
            return
        await self._repository.remove(await self._own(me, id))

    async def _own(self, me: Principal, id: str) -> Hearer:
        member = await require_member(self._repository, me)
        hearer = await self._repository.entry(id)
        if hearer is None or (hearer.person.member, hearer.person.institution) != (member, me.home):
            raise unknown("hearer")
        return hearer

    async def _is_near(self, home: str, institution: str) -> bool:
        return home == institution or await self._repository.share_a_programme(home, institution)
