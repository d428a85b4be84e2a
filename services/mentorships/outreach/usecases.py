"""A member plans their own outreach visits and says what became of them; nobody else reads them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.mentorships.kernel.access import SignIns, require_member, unknown
from services.mentorships.kernel.pairs import Decided, Party
from services.mentorships.outreach import domain
from services.mentorships.outreach.domain import Item, Plan, Visit
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import VersionMismatch
from shared.retries import retried_when_stale

Decide = Callable[[Visit], Decided[Visit] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRequest:
    visit: str
    trace: Trace
    expected: int | None = None
    """The version that the caller knows, if they name it."""


class VisitRepository(SignIns, Protocol):
    async def find(self, institution: str, id: str) -> Visit | None: ...

    async def of_visitor(self, institution: str, member: str) -> Sequence[Visit]:
        """The latest first."""

    async def plan(self, visitor: Party, id: str, decide: Callable[[int], Decided[Visit]], trace: Trace) -> Visit:
        """Decides on the number of planned visits. Returns a visit that exists already."""

    async def change(self, institution: str, id: str, decide: Decide, trace: Trace) -> Visit: ...


class Visits:
    def __init__(self, repository: VisitRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def plan(self, me: Principal, plan: Plan, *, id: str, trace: Trace) -> Visit:
        visitor = Party(member=await require_member(self._repository, me), institution=me.home)
        now = self._clock.now()

        def decide(planned: int) -> Decided[Visit]:
            return domain.plan_visit(plan, id=id, visitor=visitor, planned=planned, now=now)

        return await retried_when_stale(self._repository.plan)(visitor, id, decide, trace)

    async def mine(self, me: Principal) -> Sequence[Visit]:
        return await self._repository.of_visitor(me.home, await require_member(self._repository, me))

    async def see(self, me: Principal, id: str) -> Visit:
        member = await require_member(self._repository, me)
        found = await self._repository.find(me.home, id)
        if found is None or found.visitor.member != member:
            raise unknown("outreach_visit")
        return found

    async def change(self, me: Principal, request: VisitRequest, plan: Plan) -> Visit:
        now = self._clock.now()
        return await self._change(me, request, lambda visit: domain.change(visit, plan, now=now))

    async def tick(self, me: Principal, request: VisitRequest, checklist: Sequence[Item]) -> Visit:
        return await self._change(me, request, lambda visit: domain.tick(visit, checklist))

    async def cancel(self, me: Principal, request: VisitRequest) -> Visit:
        return await self._change(me, request, domain.cancel)

    async def hold(self, me: Principal, request: VisitRequest, *, pupils: int, note: str) -> Visit:
        now = self._clock.now()
        return await self._change(me, request, lambda visit: domain.hold(visit, pupils=pupils, note=note, now=now))

    async def write_note(self, me: Principal, request: VisitRequest, *, note: str) -> Visit:
        return await self._change(me, request, lambda visit: domain.write_note(visit, note=note))

    async def _change(self, me: Principal, request: VisitRequest, decide: Decide) -> Visit:
        await self.see(me, request.visit)

        def decide_current(visit: Visit) -> Decided[Visit] | None:
            if request.expected is not None and visit.version != request.expected:
                raise VersionMismatch(found=visit.version, expected=request.expected)
            return decide(visit)

        return await retried_when_stale(self._repository.change)(me.home, request.visit, decide_current, request.trace)
