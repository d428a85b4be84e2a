"""What the two read of their hours, and what the mentor gets at the end."""

from collections.abc import Sequence
from typing import Protocol

from services.mentorships.certificates import domain
from services.mentorships.certificates.domain import Certificate, Hours
from services.mentorships.kernel.access import SignIns, require_party
from services.mentorships.kernel.pairs import Side
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.meetings.domain.states import HeldMeeting
from services.mentorships.projections.domain import Person, Programme
from shared.auth import Principal


class HoursRepository(SignIns, Protocol):
    async def mentorship(self, institution: str, id: str) -> Mentorship | None: ...

    async def held(self, mentorship: Mentorship) -> Sequence[HeldMeeting]: ...

    async def person(self, id: str) -> Person | None: ...

    async def programme(self, id: str) -> Programme | None: ...


class Certificates:
    def __init__(self, repository: HoursRepository) -> None:
        self._repository = repository

    async def hours(self, me: Principal, mentorship: str) -> Hours:
        _, found = await self._require(me, mentorship)
        return domain.hours(await self._repository.held(found))

    async def certify(self, me: Principal, mentorship: str) -> Certificate:
        side, found = await self._require(me, mentorship)
        given = domain.hours(await self._repository.held(found))
        mentor = await self._repository.person(found.pair.mentor.member)
        programme = await self._repository.programme(found.pair.programme)
        return domain.certify(
            found, side, given, name=mentor.name if mentor else "", programme=programme.name if programme else ""
        )

    async def _require(self, me: Principal, id: str) -> tuple[Side, Mentorship]:
        """Raises `NotFound` for everybody but the two people."""
        found = await self._repository.mentorship(me.home, id)
        return await require_party(self._repository, me, found, what="mentorship")
