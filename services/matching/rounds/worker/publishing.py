"""Publication: each place is settled in a transaction of its own, pairs before unmatched mentees and first mentors
before further ones, then the round ends.

After a kill the next worker finds the places that are not settled. Of two workers at one place, the second changes
nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Protocol

from services.matching.jobs.usecases import Jobs
from services.matching.jobs.worker import in_chunks
from services.matching.mentoring.domain.requests import Situation
from services.matching.rounds.domain import assignments as places
from services.matching.rounds.domain import lifecycle as life
from services.matching.rounds.domain.assignments import Place, PlaceState, Settlement
from services.matching.rounds.domain.lifecycle import Outcome, Round
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.matching import RoundPublished
from shared.errors import StaleVersion
from shared.leases import Lease
from shared.retries import retried_when_stale

Settle = Callable[[Place, Situation], Settlement | None]


class PublicationRepository(Protocol):
    async def unsettled(self, round: Round, *, limit: int) -> Sequence[Place]:
        """Pairs first, those of the first turn before those of further turns."""

    async def settle(self, place: Place, settle: Settle, trace: Trace) -> None:
        """Decides on one moment's state of the two and saves, in one transaction. Raises `StaleVersion`."""

    async def counts(self, round: Round) -> Mapping[PlaceState, int]: ...

    async def finish(self, round: Round, event: RoundPublished, *, now: datetime) -> None:
        """With its event, on condition of the version before. Raises `StaleVersion`."""


class PublicationWorker:
    def __init__(self, jobs: Jobs[Round], repository: PublicationRepository, lease: Lease, clock: Clock) -> None:
        self._jobs = jobs
        self._repository = repository
        self._lease = lease
        self._clock = clock

    async def work(self) -> None:
        """Until no round is being published, or another process holds the lease."""
        if not await self._lease.take():
            return
        for round in await self._jobs.in_state("publishing"):
            await self._publish(round)

    async def _publish(self, round: Round) -> None:
        trace = Trace(correlation_id=round.correlation)
        unsettled = partial(self._unsettled, round)
        if await in_chunks(self._lease, unsettled, partial(self._settle, trace=trace)):
            await self._finish(round)

    async def _unsettled(self, round: Round, *, limit: int) -> Sequence[Place]:
        """Of one turn: places that are settled side by side must not take a first mentor's turn."""
        places = await self._repository.unsettled(round, limit=limit)
        return [place for place in places if place.turn == places[0].turn]

    async def _settle(self, place: Place, *, trace: Trace) -> None:
        relationship, now = self._clock.new_id(), self._clock.now()

        def settle(found: Place, situation: Situation) -> Settlement | None:
            return places.settle(found, situation, relationship=relationship, now=now)

        await retried_when_stale(self._repository.settle)(place, settle, trace)

    async def _finish(self, round: Round) -> None:
        counts, now = await self._repository.counts(round), self._clock.now()
        outcome = Outcome(
            opened=counts.get("opened", 0),
            lapsed=counts.get("lapsed", 0),
            unmatched=counts.get("unmatched", 0),
        )
        after, event = life.finish(round, outcome, now=now)
        with suppress(StaleVersion):  # another worker has finished it
            await self._repository.finish(after, event, now=now)
