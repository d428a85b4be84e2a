"""What nobody asks for: time passes over requests, and people leave some behind. Run again it changes nothing."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from services.matching.mentoring.domain import departures, relationships, requests
from services.matching.mentoring.domain.departures import Departure
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request
from services.matching.mentoring.usecases.parties import AnyDecided
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import StaleVersion

_AT_ONCE = 100
Left = Callable[[Iterable[Request], Iterable[Relationship]], Sequence[AnyDecided]]


class DueRepository(Protocol):
    async def due(self, *, now: datetime, limit: int) -> Sequence[Request]:
        """Those whose time has come, the longest overdue first."""

    async def separations_due(self, *, now: datetime, limit: int) -> Sequence[Relationship]:
        """Closed ones that stop keeping two people apart, the longest overdue first."""

    async def departures(self, *, limit: int) -> Sequence[Departure]: ...

    async def work_off(self, departure: Departure, left: Left, *, trace: Trace, limit: int) -> None:
        """Saves what `left` says of so many requests and relationships, and drops the command when that was all, or
        when the person is back. Raises `StaleVersion` when somebody was faster.
        """

    async def save(self, decided: Sequence[AnyDecided], trace: Trace) -> None: ...


class DueWorker:
    def __init__(self, repository: DueRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def work(self) -> None:
        """Until there is nothing left to do; what somebody else did meanwhile comes round no more."""
        while max(await self._pass_time(), await self._end_separations(), await self._see_off()) == _AT_ONCE:
            continue

    async def _pass_time(self) -> int:
        now = self._clock.now()
        due = await self._repository.due(now=now, limit=_AT_ONCE)
        for request in due:
            decided = requests.pass_time(request, now=now)
            if decided is not None:
                await self._unless_stale(decided)
        return len(due)

    async def _end_separations(self) -> int:
        now = self._clock.now()
        due = await self._repository.separations_due(now=now, limit=_AT_ONCE)
        for relationship in due:
            decided = relationships.pass_time(relationship, now=now)
            if decided is not None:
                await self._unless_stale(decided)
        return len(due)

    async def _unless_stale(self, decided: AnyDecided) -> None:
        try:
            await self._repository.save([decided], Trace(correlation_id=self._clock.new_id()))
        except StaleVersion:
            return

    async def _see_off(self) -> int:
        gone = await self._repository.departures(limit=_AT_ONCE)
        for departure in gone:
            await self._leave(departure)
        return len(gone)

    async def _leave(self, departure: Departure) -> None:
        now = self._clock.now()

        def left(pending: Iterable[Request], opened: Iterable[Relationship]) -> Sequence[AnyDecided]:
            return list(departures.leave(departure, pending=pending, opened=opened, now=now))

        trace = Trace(correlation_id=departure.correlation, causation_id=departure.event)
        try:
            await self._repository.work_off(departure, left, trace=trace, limit=_AT_ONCE)
        except StaleVersion:
            return
