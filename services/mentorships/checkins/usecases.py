"""Check-ins: each of the two answers their own; coordinators see totals."""

from collections.abc import Callable, Sequence
from typing import Protocol

from services.mentorships.checkins import domain
from services.mentorships.checkins.domain import Answer, CheckIns, Period, Rating, Total
from services.mentorships.kernel.access import SignIns, require_coordinator, require_party
from services.mentorships.kernel.pairs import Decided, Side
from services.mentorships.projections.domain import Programme
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.retries import retried_when_stale


class CheckInRepository(SignIns, Protocol):
    async def programme(self, id: str) -> Programme | None: ...

    async def find(self, institution: str, id: str) -> CheckIns | None: ...

    async def change(
        self, institution: str, id: str, decide: Callable[[CheckIns], Decided[CheckIns] | None], trace: Trace
    ) -> CheckIns: ...

    async def answers(self, institution: str, programme: str) -> Sequence[tuple[Period, Answer]]:
        """By members of this institution, the earliest first."""


class CheckInUseCases:
    def __init__(self, repository: CheckInRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def see(self, me: Principal, mentorship: str) -> tuple[Side, CheckIns]:
        found = await self._repository.find(me.home, domain.id_of(mentorship))
        return await require_party(self._repository, me, found, what="mentorship")

    async def answer(
        self,
        me: Principal,
        mentorship: str,
        period: Period,
        *,
        ratings: tuple[Rating, ...],
        comment: str,
        is_joint: bool,
        trace: Trace,
    ) -> tuple[Side, CheckIns]:
        """Idempotent: the same answer again changes nothing."""
        side, _ = await self.see(me, mentorship)
        given = Answer(by=side, at=self._clock.now(), ratings=ratings, comment=comment, is_joint=is_joint)
        answered = await retried_when_stale(self._repository.change)(
            me.home,
            domain.id_of(mentorship),
            lambda check_ins: domain.answer(check_ins, period=period, given=given),
            trace,
        )
        return side, answered

    async def totals(self, me: Principal, id: str) -> Sequence[Total]:
        programme = await self._repository.programme(id)
        require_coordinator(me, id, admits=programme.admits if programme else None)
        return domain.totals(await self._repository.answers(me.home, id))
