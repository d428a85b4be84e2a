"""Handles the records of a projection: applies states in bulk, and parks each record that cannot be applied.

An unreadable record blocks no key: the key's next state replaces it. Reads the next records while the previous ones are
written; never two writes concurrently.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from shared import mongo
from shared.consuming.failures import ATTEMPT_WAITS_SECONDS, ATTEMPTS, Failures, describe, is_outage
from shared.consuming.parking import ParkReason, Record
from shared.consuming.projection import Refused
from shared.contracts.envelope import Received, Unreadable, read
from shared.errors import StaleVersion
from shared.telemetry import Metrics, logger

ProjectionHandler = Callable[[Sequence[Received]], Awaitable[Sequence[Refused]]]
"""Applies states; returns those that it refuses, which are parked."""
_BATCH = 200
_LONGEST_WAIT_SECONDS = 30
_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    record: Record
    event: Received


class ProjectionConsumer:
    """One consumer's projections, by event type."""

    def __init__(
        self, consumer: str, handlers: Mapping[str, ProjectionHandler], failures: Failures, metrics: Metrics
    ) -> None:
        self._consumer = consumer
        self._handlers = handlers
        self._failures = failures
        self._metrics = metrics

    async def handle(self, records: Sequence[Record]) -> None:
        async with asyncio.TaskGroup() as tasks:
            applying = None
            for at in range(0, len(records), _BATCH):
                batch = await self._read(records[at : at + _BATCH])
                if applying is not None:
                    await applying
                applying = tasks.create_task(self._apply(batch))
                await asyncio.sleep(0)  # lets the write begin

    async def _read(self, records: Sequence[Record]) -> list[_Read]:
        batch, to_park = [], []
        for record in records:
            try:
                event = read(key=record.key, value=record.value, headers=record.headers, types=self._handlers)
            except Unreadable as wrong:
                to_park.append(self._failures.request(record, ParkReason(wrong.reason, str(wrong)), blocks=False))
                continue
            if event is not None:
                batch.append(_Read(record, event))
        await self._failures.park(to_park)
        return batch

    async def _apply(self, batch: Sequence[_Read]) -> None:
        by_type: dict[str, list[_Read]] = defaultdict(list)
        for item in batch:
            by_type[item.event.envelope.type].append(item)
        for event_type, of_type in by_type.items():
            refused = await self._persist(self._handlers[event_type], [item.event for item in of_type])
            await self._park_refused(refused, of_type)
            self._metrics.records.labels(self._consumer, "applied").inc(len(of_type) - len(refused))

    async def _persist(
        self, handler: ProjectionHandler, events: Sequence[Received], *, max_attempts: int = ATTEMPTS
    ) -> list[Refused]:
        """Retries faults of the server without limit: skipping a state would leave the projection wrong. A fault that a
        record causes is traced to that record.
        """
        wait, attempts_made = ATTEMPT_WAITS_SECONDS[0], 0
        while True:
            try:
                return list(await handler(events))
            except StaleVersion:  # a concurrent change of the same document: the handler reads it again
                continue
            except Exception as fault:
                if is_outage(fault):
                    raise
                attempts_made += 1
                if mongo.refuses_value(fault) or (
                    attempts_made >= max_attempts and not isinstance(fault, mongo.PyMongoError)
                ):
                    return await self._bisect(handler, events, fault)
                _log.exception("projection failed, trying again", wait_seconds=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    async def _bisect(self, handler: ProjectionHandler, events: Sequence[Received], fault: Exception) -> list[Refused]:
        """Bisects the records to find each that cannot be applied; applies the others."""
        if len(events) > 1:
            half = len(events) // 2
            refused = await self._persist(handler, events[:half], max_attempts=1)
            return refused + await self._persist(handler, events[half:], max_attempts=1)
        [event] = events
        reason = "value_refused" if mongo.refuses_value(fault) else "handler_failed"
        _log.error("projection refused a record", fact=event.envelope.id, exc_info=fault)
        return [Refused(event, reason, describe(fault, event))]

    async def _park_refused(self, refused: Sequence[Refused], batch: Sequence[_Read]) -> None:
        records = {id(item.event): item.record for item in batch}
        to_park = [
            self._failures.request(
                records[id(refusal.received)], ParkReason(refusal.reason, refusal.detail), blocks=False
            )
            for refusal in refused
        ]
        await self._failures.park(to_park)
