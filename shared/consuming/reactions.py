"""Handles the records of a reaction: inbox mark, effect and outbox rows in one transaction, in order per key.

Keys of a batch are handled concurrently. A key stops at its first record that is parked: its later records are parked
behind it, and retried in order. Where many records have come, a consumer that can handles several in one transaction,
and each in its own if that fails.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from shared import failpoints
from shared.clock import Clock
from shared.consuming import inbox
from shared.consuming.failures import ATTEMPT_WAITS_SECONDS, ATTEMPTS, BEHIND_PARKED, Failures, is_outage
from shared.consuming.parking import Parking, ParkReason, ParkRequest, Record
from shared.contracts.envelope import MAX_ATTRIBUTE, Received, Unreadable, read
from shared.mongo import Database, Transaction, in_transaction
from shared.telemetry import Metrics, follow

Reaction = Callable[[Received, Transaction], None]
"""Runs in a thread, concurrently with other reactions."""
JointReaction = Callable[[Sequence[Received], Transaction], None]
"""As the reactions to these events, one after the other."""
_MAX_TOGETHER = 64
"""Records in one transaction: more save little and hold locks longer."""
_CONCURRENT_KEYS = 48
_MAX_WITHOUT_LOOKUP = 8
"""Up to so many records, handling each is cheaper than a query for marks first."""


@dataclass(frozen=True, slots=True)
class _Fact:
    """A record that has a reaction here."""

    event: Received
    reaction: Reaction


@dataclass(frozen=True, slots=True)
class _Item:
    """A record of a batch that must be handled or parked."""

    record: Record
    content: _Fact | ParkReason
    """A reason where the record cannot be read."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """State that the keys of one batch share."""

    handled_ids: Collection[str]
    """Events that were handled before."""
    blocked: Future[set[bytes]]
    """Keys with a parked record. The query runs while the transactions that depend on it begin."""
    concurrency: asyncio.Semaphore
    to_park: list[ParkRequest]


class _BehindParked(Exception):
    """Aborts a transaction whose key has a parked record."""


class ReactionConsumer:
    """One consumer's reactions, by event type."""

    def __init__(  # noqa: PLR0913 -- what a consumer needs
        self,
        consumer: str,
        reactions: Mapping[str, Reaction],
        database: Database,
        *,
        parking: Parking,
        failures: Failures,
        clock: Clock,
        metrics: Metrics,
        lookups: Executor,
        together: JointReaction | None = None,
    ) -> None:
        """`lookups` are not the driver's threads, all of which may run transactions that wait for a lookup."""
        self.consumer = consumer
        self._reactions = reactions
        self._database = database
        self._parking = parking
        self._failures = failures
        self._clock = clock
        self._metrics = metrics
        self._lookups = lookups
        self._together = together

    async def handle(self, records: Sequence[Record]) -> None:
        """Queries nothing for records without a reaction here: on a shared topic most records may be such."""
        items = [_Item(record, content) for record in records if (content := self._read(record)) is not None]
        if not items:
            return
        by_key: dict[bytes, list[_Item]] = defaultdict(list)
        for item in items:
            by_key[item.record.key or b""].append(item)
        is_many = len(items) > _MAX_WITHOUT_LOOKUP
        handled_ids = await self._handled_ids(items) if is_many else set()
        to_park: list[ParkRequest] = []
        keys_read = [key for key in by_key if 0 < len(key) <= MAX_ATTRIBUTE]  # longer keys are refused unread
        blocked = self._lookups.submit(self._parking.blocked, self.consumer, keys_read)
        if is_many and self._together is not None:
            handled_ids |= await self._handle_together(by_key, handled_ids, blocked, self._together)
        async with asyncio.TaskGroup() as keys:
            batch = _Batch(handled_ids, blocked, asyncio.Semaphore(_CONCURRENT_KEYS), to_park)
            for of_key in by_key.values():
                keys.create_task(self._handle_key(of_key, batch))
        await self._failures.park(to_park)

    async def retry_due(self) -> int:
        """Retries parked records that are due, per key in order until one fails; returns how many succeeded."""
        succeeded = 0
        for key in await self._parking.heads(self.consumer, now=self._clock.now()):
            succeeded += await self._retry_key(key)
        return succeeded

    async def _retry_key(self, key: bytes) -> int:
        succeeded = 0
        async for parked in self._parking.sequence(self.consumer, key):
            failed = await self._try(self._read(parked), parked_id=parked.id)
            if failed is not None:
                await self._parking.failed_again(parked.id, self._failures.with_retry_time(failed, parked.attempts))
                break
            succeeded += 1
        return succeeded

    def _read(self, record: Record) -> _Fact | ParkReason | None:
        """Returns None for a record without a reaction here."""
        try:
            event = read(key=record.key, value=record.value, headers=record.headers, types=self._reactions)
        except Unreadable as wrong:
            return ParkReason(wrong.reason, str(wrong))
        if event is None:
            self._count_ignored()
            return None
        return _Fact(event, self._reactions[event.envelope.type])

    def _count_ignored(self) -> None:
        self._metrics.records.labels(self.consumer, "ignored").inc()

    async def _handled_ids(self, items: Sequence[_Item]) -> set[str]:
        ids = [item.content.event.envelope.id for item in items if isinstance(item.content, _Fact)]
        return await inbox.handled(self._database, consumer=self.consumer, events=ids)

    async def _handle_together(
        self,
        by_key: Mapping[bytes, Sequence[_Item]],
        handled_ids: set[str],
        blocked: Future[set[bytes]],
        reaction: JointReaction,
    ) -> set[str]:
        """Handles what can be handled in joint transactions, and returns the ids of these events.

        Leaves out keys with a parked or an unreadable record, and every transaction that fails.
        """
        skipped = await asyncio.wrap_future(blocked)
        events = [
            event
            for key, items in by_key.items()
            if key not in skipped
            for event in _readable(items)
            if event.envelope.id not in handled_ids
        ]
        done: set[str] = set()
        for begin in range(0, len(events), _MAX_TOGETHER):
            together = events[begin : begin + _MAX_TOGETHER]
            try:
                await in_transaction(self._database, partial(self._take_joint_effect, together, reaction))
            except Exception as failure:  # noqa: BLE001 -- each is handled again, alone, and its failure classified
                if is_outage(failure):
                    break
            else:
                done |= {event.envelope.id for event in together}
                self._metrics.records.labels(self.consumer, "handled").inc(len(together))
        return done

    def _take_joint_effect(self, events: Sequence[Received], reaction: JointReaction, transaction: Transaction) -> None:
        ids = [event.envelope.id for event in events]
        inbox.mark(transaction, consumer=self.consumer, events=ids, now=self._clock.now())
        reaction(events, transaction)
        failpoints.reach("after-effect")

    async def _handle_key(self, items: Sequence[_Item], batch: _Batch) -> None:
        is_blocked = False
        for item in items:
            record = item.record
            if is_blocked:
                batch.to_park.append(self._failures.request(record, BEHIND_PARKED, blocks=True))
                continue
            failed = await self._try(item.content, batch=batch)
            if failed is not None:
                if record.key and record.key in await asyncio.wrap_future(batch.blocked):
                    failed = BEHIND_PARKED
                is_blocked = bool(record.key) and failed.reason not in {"no_key", "bad_attributes"}
                batch.to_park.append(self._failures.request(record, failed, blocks=is_blocked))

    async def _try(
        self, content: _Fact | ParkReason | None, *, batch: _Batch | None = None, parked_id: str | None = None
    ) -> ParkReason | None:
        """Returns None where the record took effect, was handled before, or has no reaction here."""
        if isinstance(content, ParkReason):
            return content
        if content is None:
            await self._unpark(parked_id)
            return None
        if batch and content.event.envelope.id in batch.handled_ids:
            self._count_ignored()
            return None
        follow(content.event.envelope.trace_for_effects())
        return await self._react(content.event, content.reaction, batch=batch, parked_id=parked_id)

    async def _unpark(self, parked_id: str | None) -> None:
        if parked_id is not None:
            await in_transaction(self._database, lambda transaction: self._parking.done(transaction, parked_id))

    async def _react(
        self, event: Received, reaction: Reaction, *, batch: _Batch | None, parked_id: str | None
    ) -> ParkReason | None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                # The semaphore is released between attempts, so that a retry does not delay other keys.
                async with batch.concurrency if batch else nullcontext():
                    return await self._take_effect(event, reaction, batch=batch, parked_id=parked_id)
            except Exception as failure:  # noqa: BLE001 -- `park_reason` classifies every failure
                reason = self._failures.park_reason(failure, event, attempt=attempt)
                if reason is not None:
                    return reason
                await asyncio.sleep(ATTEMPT_WAITS_SECONDS[attempt - 1])
        return None

    async def _take_effect(
        self, event: Received, reaction: Reaction, *, batch: _Batch | None, parked_id: str | None
    ) -> ParkReason | None:
        def body(transaction: Transaction) -> None:
            inbox.mark(transaction, consumer=self.consumer, events=[event.envelope.id], now=self._clock.now())
            reaction(event, transaction)
            failpoints.reach("after-effect")
            if batch and event.envelope.key.encode() in batch.blocked.result():
                raise _BehindParked
            if parked_id is not None and not self._parking.done(transaction, parked_id):
                raise inbox.AlreadyHandled  # the operator has dropped it since

        try:
            await in_transaction(self._database, body)
        except inbox.AlreadyHandled:
            await self._unpark(parked_id)
        except _BehindParked:
            return BEHIND_PARKED
        else:
            self._metrics.records.labels(self.consumer, "handled").inc()
        return None


def _readable(items: Sequence[_Item]) -> list[Received]:
    """The events of a key; none where one of its records cannot be read."""
    events = [item.content.event for item in items if isinstance(item.content, _Fact)]
    return events if len(events) == len(items) else []
