"""Background worker: nudges and expires requests, ends separations, and processes departures. Idempotent."""

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

_BATCH = 100
DecideDeparture = Callable[[Iterable[Request], Iterable[Relationship]], Sequence[AnyDecided]]


class DueRepository(Protocol):
    async def due(self, *, now: datetime, limit: int) -> Sequence[Request]:
        """Requests that are due, the longest overdue first."""

    async def separations_due(self, *, now: datetime, limit: int) -> Sequence[Relationship]:
        """Closed relationships whose separation ends, the longest overdue first."""

    async def departures(self, *, limit: int) -> Sequence[Departure]: ...

    async def process_departure(
        self, departure: Departure, decide: DecideDeparture, *, trace: Trace, limit: int
    ) -> None:
        """Saves what `decide` returns for at most `limit` requests and relationships. Deletes the departure when none
        are left over. Raises `StaleVersion` where a concurrent transaction changed one of them.
        """

    async def save(self, decided: Sequence[AnyDecided], trace: Trace) -> None: ...


class DueWorker:
    def __init__(self, repository: DueRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def work(self) -> None:
        """Works in batches until nothing is due. Skips rows that a concurrent writer changed."""
        while max(await self._pass_time(), await self._end_separations(), await self._process_departures()) == _BATCH:
            continue

    async def _pass_time(self) -> int:
        now = self._clock.now()
        due = await self._repository.due(now=now, limit=_BATCH)
        for request in due:
            decided = requests.pass_time(request, now=now)
            if decided is not None:
                await self._unless_stale(decided)
        return len(due)

    async def _end_separations(self) -> int:
        now = self._clock.now()
        due = await self._repository.separations_due(now=now, limit=_BATCH)
        for relationship in due:
            decided = relationships.pass_time(relationship, now=now)
            if decided is not None:
                await self._unless_stale(decided)
        return len(due)

    async def _unless_stale(self, decided: AnyDecided) -> None:
        try:
            await self._repository.save([decided], Trace(correlation_id=self._clock.new_id()))
        except StaleVersion:  # a person or another worker was faster; what is still due is found again
            return

    async def _process_departures(self) -> int:
        waiting = await self._repository.departures(limit=_BATCH)
        for departure in waiting:
            await self._process_departure(departure)
        return len(waiting)

    async def _process_departure(self, departure: Departure) -> None:
        now = self._clock.now()

        def decide(pending: Iterable[Request], opened: Iterable[Relationship]) -> Sequence[AnyDecided]:
            return list(departures.leave(departure, pending=pending, opened=opened, now=now))

        trace = Trace(correlation_id=departure.correlation, causation_id=departure.event)
        try:
            await self._repository.process_departure(departure, decide, trace=trace, limit=_BATCH)
        except StaleVersion:  # the departure stays stored, and is found again
            return
