"""A coordinator's repairs: seen, planned again with more or fewer bystanders, approved, dropped."""

from collections.abc import Sequence
from typing import Protocol

from services.matching.jobs.usecases import CoordinatorJobs, Jobs
from services.matching.kernel.participants import Policy
from services.matching.repairs.domain import lifecycle as life
from services.matching.repairs.domain.lifecycle import Repair, Step, StepState
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict
from shared.principal import Principal
from shared.retries import retried_when_stale


class RepairRepository(Protocol):
    async def open_repair(self, institution: str, programme: str) -> Repair | None: ...

    async def steps(self, repair: Repair, state: StepState | None, *, after: str, limit: int) -> Sequence[Step]: ...

    async def begin(self, repair: Repair) -> None:
        """Raises `StaleVersion` where the programme has an open repair."""


class Repairs(CoordinatorJobs[Repair]):
    KIND = Repair
    OWNERS_ONLY = "can see its repairs"

    def __init__(self, jobs: Jobs[Repair], repository: RepairRepository, clock: Clock) -> None:
        super().__init__(jobs, clock)
        self._repository = repository

    async def ask(self, me: Principal, programme: str, *, id: str, bystanders: int, trace: Trace) -> Repair:
        """Begins a plan for all mentees who are displaced now, or has the open repair planned again."""
        policy = await self._owned(me, programme)
        return await self._ask(me, policy, programme, id=id, bystanders=bystanders, trace=trace)

    @retried_when_stale
    async def _ask(
        self, me: Principal, policy: Policy, programme: str, *, id: str, bystanders: int, trace: Trace
    ) -> Repair:
        asked = await self._jobs.find(me.home, id)
        if asked is not None:
            return asked
        known = await self._repository.open_repair(me.home, programme)
        if known is not None and known.state == "approved":
            raise Conflict("repair_under_way", "a repair of this programme is being applied: try again when it is done")
        if known is not None:
            return await self._saved(life.plan_again(known, bystanders=bystanders, correlation=trace.correlation_id))
        new = Repair(
            id=id,
            institution=policy.programme.institution,
            programme=programme,
            bystanders_at_most=bystanders,
            began_at=self._clock.now(),
            correlation=trace.correlation_id,
        )
        await self._repository.begin(new)
        return new

    async def steps(self, me: Principal, id: str, state: StepState | None, *, after: str, limit: int) -> Sequence[Step]:
        return await self._repository.steps(await self.see(me, id), state, after=after, limit=limit)

    async def approve(self, me: Principal, id: str, *, expected: int, trace: Trace) -> Repair:
        """Approving again changes nothing."""
        repair = await self.see(me, id)
        if repair.state in ("approved", "applied"):
            return repair
        repair.require_version(expected)
        return await self._saved(life.approve(repair, correlation=trace.correlation_id))

    async def drop(self, me: Principal, id: str, *, expected: int) -> Repair:
        repair = await self.see(me, id)
        if repair.state == "dropped":
            return repair
        repair.require_version(expected)
        return await self._saved(life.drop(repair))
