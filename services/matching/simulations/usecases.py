"""A coordinator's rehearsals: begun, seen side by side, dropped. Of the programme's owner only.

What is wanted is changed in profiles, by the coordinator: a rehearsal says with which words.
"""

from collections.abc import Sequence
from typing import Protocol

from services.matching.kernel.access import refuse_other_programmes, require_coordinator
from services.matching.kernel.participants import Policy
from services.matching.mentoring.usecases.parties import Position
from services.matching.simulations import lifecycle as life
from services.matching.simulations.lifecycle import Draft, Simulation
from shared.auth import Principal
from shared.clock import Clock
from shared.errors import Conflict, Forbidden, NotFound, StaleVersion


class SimulationRepository(Protocol):
    """Every method but `policy` is limited to one institution."""

    async def policy(self, programme: str) -> Policy | None: ...

    async def begin(self, rehearsal: Simulation) -> Simulation | None:
        """Beginning the same again changes nothing. None: another of the programme is running."""

    async def rehearsal(self, institution: str, id: str) -> Simulation | None: ...

    async def rehearsals(
        self, institution: str, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[Simulation]: ...

    async def save(self, rehearsal: Simulation) -> None:
        """On condition of the version before. Raises `StaleVersion`."""


class Simulations:
    def __init__(self, repository: SimulationRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def begin(self, me: Principal, programme: str, *, id: str, draft: Draft) -> Simulation:
        policy = await self._owned(me, programme)
        known = await self._repository.rehearsal(me.home, id)
        if known is not None:
            return known
        if not policy.programme.is_active:
            raise Conflict(
                "programme_inactive",
                "the programme is not active, so nobody can be matched in it: set its status to active first",
            )
        life.drafted(life.rules_of(policy.programme), draft)
        new = Simulation(id=id, institution=me.home, programme=programme, draft=draft, began_at=self._clock.now())
        begun = await self._repository.begin(new)
        if begun is None:
            raise Conflict(
                "rehearsal_running",
                "another rehearsal of this programme is running: wait until it is ready, or drop it",
            )
        return begun

    async def see(self, me: Principal, id: str) -> Simulation:
        me.require("coordinator")
        rehearsal = await self._repository.rehearsal(me.home, id)
        if rehearsal is None:
            raise NotFound("rehearsal_not_found", "there is no rehearsal with this id")
        refuse_other_programmes(me, rehearsal.programme)
        return rehearsal

    async def of_programme(
        self, me: Principal, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[Simulation]:
        await self._owned(me, programme)
        return await self._repository.rehearsals(me.home, programme, before=before, limit=limit)

    async def drop(self, me: Principal, id: str, *, expected: int) -> Simulation:
        """Dropping again changes nothing."""
        rehearsal = await self.see(me, id)
        if rehearsal.state == "dropped":
            return rehearsal
        if rehearsal.version != expected:
            raise StaleVersion(found=rehearsal.version, expected=expected)
        after = life.drop(rehearsal)
        await self._repository.save(after)
        return after

    async def _owned(self, me: Principal, programme: str) -> Policy:
        policy = await self._repository.policy(programme)
        require_coordinator(me, policy, programme)
        if policy is None or policy.programme.institution != me.home:
            raise Forbidden("programme_not_owned", "only the institution that owns the programme can run rehearsals")
        return policy
