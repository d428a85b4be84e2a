"""Plans a repair for each programme that has displaced mentees, and carries out approved plans, step by step.

After a kill the next worker finds the steps that are not done.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Protocol

from services.matching.jobs.domain import GivenUp
from services.matching.jobs.usecases import Jobs
from services.matching.jobs.worker import JobWorker, in_chunks
from services.matching.mentoring.domain.displacements import Displacement
from services.matching.repairs.domain import lifecycle as life
from services.matching.repairs.domain import steps
from services.matching.repairs.domain.lifecycle import Repair, Step
from services.matching.repairs.domain.steps import Ended, RepairContext
from services.matching.repairs.usecases.problem import Planned
from services.matching.repairs.usecases.repairs import RepairRepository
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.matching import RepairApplied, RepairPlanned
from shared.errors import DomainError, StaleVersion
from shared.leases import Lease
from shared.retries import retried_when_stale

CarryOut = Callable[[Step, Sequence[RepairContext], Displacement | None], tuple[Step, list[Ended]]]


class RepairWorkRepository(Protocol):
    async def overfull(self) -> Sequence[str]: ...

    async def displace_newest(self, mentor: str) -> None: ...

    async def new_in(self) -> Sequence[str]: ...

    async def forget(self, programme: str) -> None: ...

    async def propose(self, repair: Repair, planned: Planned, seen: Sequence[str], event: RepairPlanned | None) -> None:
        """Saves the repair with its steps and event, on condition of the version before. Raises `StaleVersion`."""

    async def planned_steps(self, repair: Repair, *, limit: int) -> Sequence[Step]: ...

    async def carry_out(self, repair: Repair, step: Step, carry: CarryOut, trace: Trace) -> None:
        """Decides on one moment's state of all concerned and saves, in one transaction. Raises `StaleVersion`."""

    async def outcome(self, repair: Repair) -> tuple[int, int]: ...

    async def finish(self, repair: Repair, event: RepairApplied) -> None: ...


class Planner(Protocol):
    async def plan(self, repair: Repair, *, at: datetime) -> tuple[Planned, Sequence[str]]:
        """The plan, and the ids of the displacements that it includes."""


class RepairWorker(JobWorker[Repair]):
    def __init__(
        self,
        jobs: Jobs[Repair],
        work_repository: RepairWorkRepository,
        repository: RepairRepository,
        planner: Planner,
        lease: Lease,
        clock: Clock,
    ) -> None:
        super().__init__(jobs, lease)
        self._work_repository = work_repository
        self._repository = repository
        self._planner = planner
        self._clock = clock

    async def look(self) -> None:
        """Displaces mentees of mentors who have more mentees than seats, as stored: no event of it can be missed."""
        if await self._lease.take():
            for mentor in await self._work_repository.overfull():
                await self._work_repository.displace_newest(mentor)

    async def _before_claim(self) -> None:
        for programme in await self._work_repository.new_in():
            with suppress(StaleVersion):  # changed in between: its displacements are found again
                await self._gather(programme)
        for repair in await self._jobs.in_state("approved"):
            await self._apply(repair)

    async def _gather(self, programme: str) -> None:
        policy = await self._jobs.policy(programme)
        if policy is None:
            await self._work_repository.forget(programme)
            return
        institution, correlation = policy.programme.institution, self._clock.new_id()
        known = await self._repository.open_repair(institution, programme)
        if known is None:
            new = Repair(
                id=self._clock.new_id(),
                institution=institution,
                programme=programme,
                began_at=self._clock.now(),
                correlation=correlation,
            )
            await self._repository.begin(new)
        elif known.state == "proposed":
            again = life.plan_again(known, bystanders=known.bystanders_at_most, correlation=correlation)
            await self._jobs.save(again)

    async def _run(self, repair: Repair) -> None:
        repair.require_attempts_left()
        policy = await self._jobs.policy(repair.programme)
        planned, seen = await self._planner.plan(repair, at=self._clock.now())
        up_to = policy.programme.repair_by_itself_up_to if policy else 0
        after, event = life.propose(repair, planned.plan, automatic_up_to=up_to)
        await self._work_repository.propose(after, planned, seen, event)

    def _failed(self, repair: Repair, refused: DomainError) -> Repair:
        if not isinstance(refused, GivenUp):
            raise refused  # a planner refuses nothing: a fault, and another attempt
        return life.drop(repair)

    async def _apply(self, repair: Repair) -> None:
        carry_out = partial(self._carry_out, repair, trace=Trace(correlation_id=repair.correlation))
        if await in_chunks(self._lease, partial(self._work_repository.planned_steps, repair), carry_out):
            with suppress(StaleVersion):  # another worker has finished it
                await self._finish(repair)

    async def _carry_out(self, repair: Repair, step: Step, *, trace: Trace) -> None:
        ids, now = [self._clock.new_id() for _ in step.moves], self._clock.now()

        def carry(
            found: Step, contexts: Sequence[RepairContext], displacement: Displacement | None
        ) -> tuple[Step, list[Ended]]:
            return steps.carry_out(
                found, contexts, displacement=displacement, programme=repair.programme, ids=ids, now=now
            )

        await retried_when_stale(self._work_repository.carry_out)(repair, step, carry, trace)

    async def _finish(self, repair: Repair) -> None:
        placed, moved = await self._work_repository.outcome(repair)
        after, event = life.finish(repair, placed=placed, bystanders_moved=moved, now=self._clock.now())
        await self._work_repository.finish(after, event)
