"""A person's rota: set by the person, or by an integrator of their institution, and read by the person alone."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from services.mentorships.kernel.access import SignIns, require_member, unknown
from services.mentorships.kernel.pairs import Decided, Party
from services.mentorships.projections.domain import Person
from services.mentorships.rotas import domain
from services.mentorships.rotas.domain import Duty, Rota, Source
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Forbidden
from shared.retries import retried_when_stale


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRota:
    duties: tuple[Duty, ...]
    trace: Trace


class RotaRepository(SignIns, Protocol):
    async def people(self, ids: Collection[str]) -> Mapping[str, Person]: ...

    async def find(self, institution: str, id: str) -> Rota | None: ...

    async def set(
        self, institution: str, id: str, decide: Callable[[Rota | None], Decided[Rota] | None], trace: Trace
    ) -> None: ...


class Rotas:
    def __init__(self, repository: RotaRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def set_mine(self, me: Principal, new: NewRota) -> None:
        await self._set(await require_member(self._repository, me), me.home, new, "person")

    async def set_for_member(self, me: Principal, member: str, new: NewRota) -> None:
        """By an integrator of the whole institution, of an active member of it."""
        me.require("integrator")
        if not me.scope.is_whole:
            raise Forbidden(
                "programme_refused",
                "your sign-in is limited to programmes, and a rota counts in all of them: use a sign-in for the whole "
                "institution",
            )
        person = (await self._repository.people([member])).get(member)
        if person is None or not person.is_active or person.institution != me.home:
            raise unknown("member")
        await self._set(member, me.home, new, "integrator")

    async def mine(self, me: Principal) -> Rota:
        found = await self._repository.find(me.home, await require_member(self._repository, me))
        if found is None:
            raise unknown("rota")
        return found

    async def _set(self, member: str, institution: str, new: NewRota, source: Source) -> None:
        person, now = Party(member=member, institution=institution), self._clock.now()

        def decide(known: Rota | None) -> Decided[Rota] | None:
            return domain.set_rota(known, person, new.duties, source=source, now=now)

        await retried_when_stale(self._repository.set)(institution, member, decide, new.trace)
