"""A coordinator's repairs: seen, planned anew with more or fewer bystanders, approved, dropped. Of the owner only."""

from collections.abc import Sequence
from typing import Protocol

from services.matching.kernel.access import refuse_other_programmes, require_coordinator
from services.matching.kernel.participants import Policy
from services.matching.mentoring.usecases.parties import Position
from services.matching.repairs.domain import lifecycle as life
from services.matching.repairs.domain.lifecycle import Repair, Step, StepState
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict, Forbidden, NotFound, StaleVersion
from shared.retries import again_when_stale


class RepairRepository(Protocol):
    """Every method but `policy` is limited to one institution."""

    async def policy(self, programme: str) -> Policy | None: ...

    async def repair(self, institution: str, id: str) -> Repair | None: ...

    async def open_repair(self, institution: str, programme: str) -> Repair | None: ...

    async def repairs(
        self, institution: str, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[Repair]: ...

    async def steps(self, repair: Repair, state: StepState | None, *, after: str, limit: int) -> Sequence[Step]: ...

    async def begin(self, repair: Repair) -> None:
        """Raises `StaleVersion` where the programme has an open one."""

    async def save(self, repair: Repair) -> None:
        """On condition of the version before. Raises `StaleVersion`."""


class Repairs:
    def __init__(self, repository: RepairRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def ask(self, me: Principal, programme: str, *, id: str, bystanders: int, trace: Trace) -> Repair:
        """For a plan of all who are displaced now, with at most so many bystanders; one that waits is made anew."""
        policy = await self._owned(me, programme)
        return await again_when_stale(
            lambda: self._ask(me, policy, programme, id=id, bystanders=bystanders, trace=trace)
        )

    async def _ask(
        self, me: Principal, policy: Policy, programme: str, *, id: str, bystanders: int, trace: Trace
    ) -> Repair:
        asked = await self._repository.repair(me.home, id)
        if asked is not None:
            return asked
        known = await self._repository.open_repair(me.home, programme)
        if known is not None and known.state == "approved":
            raise Conflict("repair_under_way", "a repair of this programme is being applied: try again when it is done")
        if known is not None:
            after = life.plan_anew(known, bystanders=bystanders, correlation=trace.correlation_id)
            await self._repository.save(after)
            return after
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

    async def see(self, me: Principal, id: str) -> Repair:
        me.require("coordinator")
        repair = await self._repository.repair(me.home, id)
        if repair is None:
            raise NotFound("repair_not_found", "there is no repair with this id")
        refuse_other_programmes(me, repair.programme)
        return repair

    async def of_programme(
        self, me: Principal, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[Repair]:
        await self._owned(me, programme)
        return await self._repository.repairs(me.home, programme, before=before, limit=limit)

    async def steps(self, me: Principal, id: str, state: StepState | None, *, after: str, limit: int) -> Sequence[Step]:
        return await self._repository.steps(await self.see(me, id), state, after=after, limit=limit)

    async def approve(self, me: Principal, id: str, *, expected: int, trace: Trace) -> Repair:
        """Approving again changes nothing."""
        repair = await self.see(me, id)
        if repair.state in ("approved", "applied"):
            return repair
        _check(repair, expected)
        return await self._saved(life.approve(repair, correlation=trace.correlation_id))

    async def drop(self, me: Principal, id: str, *, expected: int) -> Repair:
        repair = await self.see(me, id)
        if repair.state == "dropped":
            return repair
        _check(repair, expected)
        return await self._saved(life.drop(repair))

    async def _saved(self, repair: Repair) -> Repair:
        await self._repository.save(repair)
        return repair

    async def _owned(self, me: Principal, programme: str) -> Policy:
        policy = await self._repository.policy(programme)
        require_coordinator(me, policy, programme)
        if policy is None or policy.programme.institution != me.home:
            raise Forbidden("programme_not_owned", "only the institution that owns the programme can see its repairs")
        return policy


def _check(repair: Repair, expected: int) -> None:
    if repair.version != expected:
        raise StaleVersion(found=repair.version, expected=expected)
