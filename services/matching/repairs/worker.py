"""Whoever was displaced is gathered into their programme's plan; an approved plan is carried out, step by step.

One at a time over all replicas, by lease; if two work all the same, one of them meets a newer version. Whoever goes on
after a kill finds which steps are not done yet.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from services.matching.kernel.participants import Policy
from services.matching.mentoring.domain.displacements import Displacement
from services.matching.repairs.domain import lifecycle as life
from services.matching.repairs.domain import steps
from services.matching.repairs.domain.lifecycle import ATTEMPTS, Repair, Step
from services.matching.repairs.domain.steps import Ended, RepairContext
from services.matching.repairs.usecases.problem import Planned
from services.matching.rounds.worker.solving import HeldLease
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.matching import RepairApplied, RepairPlanned
from shared.errors import StaleVersion
from shared.retries import again_when_stale

_CHUNK, _AT_ONCE = 64, 8
Unit = TypeVar("Unit")
CarryOut = Callable[[Step, Sequence[RepairContext], Displacement | None], tuple[Step, list[Ended]]]


class RepairWorkRepository(Protocol):
    async def overfull(self) -> Sequence[str]: ...

    async def displace_newest(self, mentor: str) -> None: ...

    async def new_in(self) -> Sequence[str]: ...

    async def policy(self, programme: str) -> Policy | None: ...

    async def open_in(self, programme: str) -> Repair | None: ...

    async def give_up(self, programme: str) -> None: ...

    async def approved(self) -> Sequence[Repair]: ...

    async def next_to_plan(self) -> Repair | None:
        """The one that was tried least, then the oldest; its attempts are counted."""

    async def propose(self, repair: Repair, planned: Planned, seen: Sequence[str], event: RepairPlanned | None) -> None:
        """With its steps, on condition of the version before. Raises `StaleVersion`."""

    async def planned_steps(self, repair: Repair, *, limit: int) -> Sequence[Step]: ...

    async def carry_out(self, repair: Repair, step: Step, carry: CarryOut, trace: Trace) -> None:
        """Decides on one moment's state of all concerned and saves, in one transaction. Raises `StaleVersion`."""

    async def outcome(self, repair: Repair) -> tuple[int, int]: ...

    async def finish(self, repair: Repair, event: RepairApplied) -> None: ...


class RepairRepository(Protocol):
    async def begin(self, repair: Repair) -> None:
        """Raises `StaleVersion` where the programme has an open one."""

    async def save(self, repair: Repair) -> None: ...


class Planner(Protocol):
    async def plan(self, repair: Repair, *, at: datetime) -> tuple[Planned, Sequence[str]]:
        """And the displacements that it has seen."""


class RepairWorker:
    def __init__(
        self,
        work_repository: RepairWorkRepository,
        repository: RepairRepository,
        planner: Planner,
        lease: HeldLease,
        clock: Clock,
    ) -> None:
        self._work_repository = work_repository
        self._repository = repository
        self._planner = planner
        self._lease = lease
        self._clock = clock

    async def look(self) -> None:
        """For mentors who have more mentees than seats: a function of what is stored, so that none is missed."""
        if await self._lease.take():
            for mentor in await self._work_repository.overfull():
                await self._work_repository.displace_newest(mentor)

    async def work(self) -> None:
        if not await self._lease.take():
            return
        for programme in await self._work_repository.new_in():
            await self._unless_stale(self._gather, programme)
        for one in await self._work_repository.approved():
            await self._apply(one)
        while (repair := await self._work_repository.next_to_plan()) and await self._lease.take():
            await self._unless_stale(self._plan, repair)

    async def _gather(self, programme: str) -> None:
        policy, known = await self._work_repository.policy(programme), await self._work_repository.open_in(programme)
        correlation = self._clock.new_id()
        if policy is None:
            await self._work_repository.give_up(programme)
        elif known is None:
            new = Repair(
                id=self._clock.new_id(),
                institution=policy.programme.institution,
                programme=programme,
                began_at=self._clock.now(),
                correlation=correlation,
            )
            await self._repository.begin(new)
        elif known.state == "proposed":
            await self._repository.save(
                life.plan_anew(known, bystanders=known.bystanders_at_most, correlation=correlation)
            )

    async def _plan(self, repair: Repair) -> None:
        if repair.attempts > ATTEMPTS:
            await self._repository.save(life.drop(repair))
            return
        policy = await self._work_repository.policy(repair.programme)
        planned, seen = await self._planner.plan(repair, at=self._clock.now())
        up_to = policy.programme.repair_by_itself_up_to if policy else 0
        after, event = life.propose(repair, planned.plan, by_itself_up_to=up_to)
        await self._work_repository.propose(after, planned, seen, event)

    async def _apply(self, repair: Repair) -> None:
        trace = Trace(correlation_id=repair.correlation)
        while waiting := await self._work_repository.planned_steps(repair, limit=_CHUNK):
            if not await self._lease.take():
                return
            for first in range(0, len(waiting), _AT_ONCE):
                some = waiting[first : first + _AT_ONCE]
                await asyncio.gather(*(self._carry_out(repair, one, trace) for one in some))
        await self._unless_stale(self._finish, repair)

    async def _carry_out(self, repair: Repair, step: Step, trace: Trace) -> None:
        ids, now = [self._clock.new_id() for _ in step.moves], self._clock.now()

        def carry(
            found: Step, contexts: Sequence[RepairContext], displacement: Displacement | None
        ) -> tuple[Step, list[Ended]]:
            return steps.carry_out(
                found, contexts, displacement=displacement, programme=repair.programme, ids=ids, now=now
            )

        await again_when_stale(lambda: self._work_repository.carry_out(repair, step, carry, trace))

    async def _finish(self, repair: Repair) -> None:
        placed, moved = await self._work_repository.outcome(repair)
        after, event = life.finish(repair, placed=placed, bystanders_moved=moved, now=self._clock.now())
        await self._work_repository.finish(after, event)

    async def _unless_stale(self, act: Callable[[Unit], Awaitable[None]], unit: Unit) -> None:
        try:
            await act(unit)
        except StaleVersion:
            return
