"""Does what is due: each aggregate stores when time next changes it, and its version lets each step be saved once."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, Protocol

from services.mentorships.kernel.pairs import Decided, S
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import StaleVersion

_BATCH = 200
_AT_ONCE = 8


class DueAggregates(Protocol[S]):
    async def due(self, *, now: datetime, limit: int) -> Sequence[S]: ...

    async def change(self, institution: str, id: str, decide: Callable[[S], Decided[S] | None], trace: Trace) -> S: ...


class DueWorker(Generic[S]):
    def __init__(
        self, aggregates: DueAggregates[S], pass_time: Callable[[S, datetime], Decided[S] | None], clock: Clock
    ) -> None:
        """`pass_time` decides on one aggregate, or returns None where nothing is due. It clears or raises `due_at`, and
        takes one step only: after an outage of days nobody is reminded twice of one matter.
        """
        self._aggregates = aggregates
        self._pass_time = pass_time
        self._clock = clock
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def work(self) -> None:
        """Works in batches until nothing is due. Skips what a concurrent writer changed: it has a new due time."""
        while await self._work_batch() == _BATCH:
            continue

    async def _work_batch(self) -> int:
        """Raises the faults of single aggregates after all others are done: none of them keeps the others waiting."""
        due = await self._aggregates.due(now=self._clock.now(), limit=_BATCH)
        results = await asyncio.gather(*map(self._decide, due), return_exceptions=True)
        faults = [result for result in results if isinstance(result, Exception)]
        if faults:
            raise ExceptionGroup("aggregates that could not be changed", faults)
        return len(due)

    async def _decide(self, aggregate: S) -> None:
        now = self._clock.now()
        trace = Trace(correlation_id=self._clock.new_id())
        async with self._places:
            try:
                await self._aggregates.change(
                    aggregate.parties.institutions[0],
                    aggregate.id,
                    lambda current: self._pass_time(current, now),
                    trace,
                )
            except StaleVersion:  # changed in between: what is still due is found again
                return
