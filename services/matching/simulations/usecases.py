"""A coordinator's simulations: begun, seen side by side with today, dropped.

A coordinator changes the programme in profiles: a simulation says with which request.
"""

from typing import Protocol

from services.matching.jobs.usecases import CoordinatorJobs, Jobs, require_active
from services.matching.simulations import lifecycle as life
from services.matching.simulations.lifecycle import Draft, Simulation
from shared.clock import Clock
from shared.errors import Conflict
from shared.principal import Principal


class SimulationRepository(Protocol):
    async def begin(self, simulation: Simulation) -> Simulation | None:
        """Beginning the same simulation again changes nothing. None: another one of the programme is running."""


class Simulations(CoordinatorJobs[Simulation]):
    KIND = Simulation
    OWNERS_ONLY = "can run simulations"

    def __init__(self, jobs: Jobs[Simulation], repository: SimulationRepository, clock: Clock) -> None:
        super().__init__(jobs, clock)
        self._repository = repository

    async def begin(self, me: Principal, programme: str, *, id: str, draft: Draft) -> Simulation:
        policy = await self._owned(me, programme)
        known = await self._jobs.find(me.home, id)
        if known is not None:
            return known
        require_active(policy)
        life.drafted(life.rules_of(policy.programme), draft)
        new = Simulation(id=id, institution=me.home, programme=programme, draft=draft, began_at=self._clock.now())
        begun = await self._repository.begin(new)
        if begun is None:
            raise Conflict(
                "rehearsal_running",
                "another simulation of this programme is running: wait until it is ready, or drop it",
            )
        return begun

    async def drop(self, me: Principal, id: str, *, expected: int) -> Simulation:
        """Dropping again changes nothing."""
        simulation = await self.see(me, id)
        if simulation.state == "dropped":
            return simulation
        simulation.require_version(expected)
        return await self._saved(life.drop(simulation))
