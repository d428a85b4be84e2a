"""The numbers of a programme, for the coordinators of an institution that it admits: of their own members' pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.mentorships.kernel.access import require_coordinator
from services.mentorships.numbers import domain
from services.mentorships.numbers.domain import Ask, Course, Numbers
from services.mentorships.projections.domain import Programme
from shared.auth import Principal
from shared.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From its beginning to before its end; None: without a limit."""

    begin: datetime | None
    end: datetime | None


class NumbersRepository(Protocol):
    async def programme(self, id: str) -> Programme | None: ...

    async def suggested(self, institution: str, programme: str, span: Span) -> int:
        """The institution's mentees whose list had its first mentor in this time."""

    async def asks(self, institution: str, programme: str, span: Span) -> Sequence[Ask]:
        """Of which one side belongs to this institution."""

    async def courses(self, institution: str, programme: str, span: Span) -> Sequence[Course]: ...


class NumbersUseCases:
    def __init__(self, repository: NumbersRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def of_programme(self, me: Principal, id: str, span: Span) -> Numbers:
        programme = await self._repository.programme(id)
        require_coordinator(me, id, admits=programme.admits if programme else None)
        suggested = await self._repository.suggested(me.home, id, span)
        asks = await self._repository.asks(me.home, id, span)
        courses = await self._repository.courses(me.home, id, span)
        return domain.count(asks, courses, suggested=suggested, now=self._clock.now())
