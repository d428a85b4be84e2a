"""Handles consumed records: the only module that decides whether a record is done or parked.

A batch handler never raises for a bad record. It raises for an outage or a shutdown only, and then receives the whole
batch again. Projections apply states; reactions act once on each fact, in order per key.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from faststream.kafka import KafkaBroker
from pydantic import ValidationError

from shared import failpoints, kafka, mongo
from shared.clock import Clock
from shared.consuming import inbox
from shared.consuming.liveness import Handle, Watchdog
from shared.consuming.parking import Parking, ParkReason, ParkRequest, Record
from shared.consuming.projection import Refused
from shared.consuming.subscriber import assert_safe, subscribe
from shared.contracts.envelope import MAX_ATTRIBUTE, Received, Unreadable, read
from shared.contracts.payload import Payload
from shared.errors import DomainError, StaleVersion
from shared.mongo import Database, Writing, in_one_thread
from shared.telemetry import Metrics, follow, logger

Fold = Callable[[Sequence[Received]], Awaitable[Sequence[Refused]]]
"""Applies records; returns those that it refuses, which are parked."""
Reaction = Callable[[Received, Writing], None]
"""Runs in a thread, concurrently with other reactions."""
Blocked = Future[set[bytes]]
"""Keys with a parked record. The query runs while the transactions that depend on it begin."""

_CONCURRENT_KEYS = 48
_PROJECTION_BATCH = 200
_MAX_WITHOUT_LOOKUP = 8
"""Up to so many records, handling each is cheaper than a query for marks first."""
_ATTEMPTS = 3
_ATTEMPT_WAITS_SECONDS = (0.1, 0.5)
_RETRY_FIRST_SECONDS = 10
_RETRY_LAST_SECONDS = 3600
_BEHIND = ParkReason("behind_parked", "an earlier record of this key is parked")
_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class _Batch:
    """State that the keys of one batch share."""

    handled_ids: Collection[str]
    """Events that were handled before."""
    blocked: Blocked
    concurrency: asyncio.Semaphore
    to_park: list[ParkRequest]


@dataclass(frozen=True, slots=True)
class _Read:
    record: Record
    received: Received


class _BehindParked(Exception):
    """Aborts a transaction whose key has a parked record."""


class Consumers:
    """All subscribers of one service. Register first, then start."""

    def __init__(  # noqa: PLR0913 -- what every consumer needs
        self,
        broker: KafkaBroker,
        database: Database,
        *,
        service: str,
        parking: Parking,
        clock: Clock,
        metrics: Metrics,
        watchdog: Watchdog,
        address: str = "",
        fetch_max_wait_ms: int = 250,
    ) -> None:
        """`address` supplies the network's id, the prefix of topics and groups."""
        self._address = address
        self._broker = broker
        self._fetch_max_wait_ms = fetch_max_wait_ms
        self._database = database
        self._service = service
        self._parking = parking
        self._clock = clock
        self._metrics = metrics
        self._watchdog = watchdog
        self._reactions: dict[str, Mapping[str, Reaction]] = {}
        # Not the driver's threads: all of those may run transactions that wait for this query.
        self._lookups = ThreadPoolExecutor(max_workers=2, thread_name_prefix="parked")

    def projection(self, projection_handlers: Mapping[type[Payload], Fold], *, group: str | None = None) -> None:
        """Projects compacted topics. An unreadable record blocks no key: the key's next state replaces it."""
        consumer = group or f"{self._service}.projection"
        by_type = {payload.TYPE: fold for payload, fold in projection_handlers.items()}

        async def apply(batch: Sequence[_Read]) -> None:
            for event_type, of_type in _grouped(batch, lambda item: item.received.envelope.type).items():
                if event_type in by_type:
                    refused = await self._persist(by_type[event_type], [item.received for item in of_type])
                    await self._park_refused(refused, of_type, consumer)
                    self._metrics.records.labels(consumer, "applied").inc(len(of_type) - len(refused))

        async def handle(records: Sequence[Record]) -> None:
            """Reads the next records while the previous ones are written; never two writes concurrently."""
            async with asyncio.TaskGroup() as tasks:
                applying = None
                for at in range(0, len(records), _PROJECTION_BATCH):
                    batch = await self._read_all(records[at : at + _PROJECTION_BATCH], consumer)
                    if applying is not None:
                        await applying
                    applying = tasks.create_task(apply(batch))
                    await asyncio.sleep(0)  # lets the write begin

        self._subscribe(projection_handlers, consumer, handle)

    def reaction(self, reactions: Mapping[type[Payload], Reaction], *, group: str | None = None) -> None:
        """Acts once on each fact: mark, effect and outbox rows in one transaction; records of one key in order."""
        consumer = group or f"{self._service}.reaction"
        by_type = {payload.TYPE: reaction for payload, reaction in reactions.items()}
        self._reactions[consumer] = by_type

        async def handle(records: Sequence[Record]) -> None:
            by_key = _grouped(records, lambda record: record.key or b"")
            handled_ids = await self._handled_ids(records, consumer) if len(records) > _MAX_WITHOUT_LOOKUP else set()
            to_park: list[ParkRequest] = []
            keys_read = [key for key in by_key if 0 < len(key) <= MAX_ATTRIBUTE]  # longer ones are refused unread
            blocked = self._lookups.submit(self._parking.blocked, consumer, keys_read)
            async with asyncio.TaskGroup() as keys:
                batch = _Batch(handled_ids, blocked, asyncio.Semaphore(_CONCURRENT_KEYS), to_park)
                for of_key in by_key.values():
                    keys.create_task(self._handle_key(of_key, consumer, batch))
            await self._park(to_park, consumer)

        self._subscribe(reactions, consumer, handle)

    def _subscribe(self, payloads: Iterable[type[Payload]], consumer: str, handle: Handle) -> None:
        async def progressing(records: Sequence[Record]) -> None:
            await pulse.handled(records, handle)
            self._metrics.progress.labels(consumer).set(self._clock.now().timestamp())

        client = subscribe(
            self._broker,
            {kafka.named(self._address, payload.TOPIC) for payload in payloads},
            group=kafka.named(self._address, consumer),
            handle=progressing,
            fetch_max_wait_ms=self._fetch_max_wait_ms,
        )
        pulse = self._watchdog.watch(consumer, client)

    async def start(self) -> None:
        for subscriber in self._broker.subscribers:
            assert_safe(subscriber)
        await self._broker.start()

    async def stop(self) -> None:
        await self._broker.stop()
        self._lookups.shutdown(wait=False)

    async def retry_due(self) -> int:
        """Retries parked records that are due, per key in order until one fails; returns how many succeeded."""
        worked = 0
        for consumer in self._reactions:
            for key in await self._parking.heads(consumer, now=self._clock.now()):
                worked += await self._retry_key(consumer, key)
            self._metrics.parked.labels(consumer).set(await self._parking.count(consumer))
        return worked

    async def _retry_key(self, consumer: str, key: bytes) -> int:
        worked = 0
        async for parked in self._parking.sequence(consumer, key):
            verdict = await self._try(parked, consumer, done=parked.id)
            if verdict is not None:
                await self._parking.failed_again(parked.id, _with_retry_time(verdict, parked.attempts, self._clock))
                break
            worked += 1
        return worked

    async def _read_all(self, records: Sequence[Record], consumer: str) -> list[_Read]:
        batch, to_park = [], []
        for record in records:
            try:
                event = read(key=record.key, value=record.value, headers=record.headers)
            except Unreadable as wrong:
                to_park.append(self._park_request(record, ParkReason(wrong.reason, str(wrong)), blocks=False))
                continue
            if event is not None:
                batch.append(_Read(record, event))
        await self._park(to_park, consumer)
        return batch

    async def _handled_ids(self, records: Sequence[Record], consumer: str) -> set[str]:
        ids = [
            value.decode(errors="replace")
            for r in records
            for name, value in r.headers
            if name == "ce_id" and value and len(value) <= MAX_ATTRIBUTE
        ]
        return await inbox.handled(self._database, consumer=consumer, events=ids)

    async def _handle_key(self, records: Sequence[Record], consumer: str, batch: _Batch) -> None:
        is_blocked = False
        for record in records:
            if is_blocked:
                batch.to_park.append(self._park_request(record, _BEHIND, blocks=True))
                continue
            failed = await self._try(record, consumer, batch=batch)
            if failed is not None:
                if record.key and record.key in await asyncio.wrap_future(batch.blocked):
                    failed = _BEHIND
                is_blocked = bool(record.key) and failed.reason not in {"no_key", "bad_attributes"}
                batch.to_park.append(self._park_request(record, failed, blocks=is_blocked))

    async def _try(
        self, record: Record, consumer: str, *, batch: _Batch | None = None, done: str | None = None
    ) -> ParkReason | None:
        """Returns None where the record took effect, was handled before, or has no reaction here."""
        try:
            received = read(key=record.key, value=record.value, headers=record.headers)
        except Unreadable as wrong:
            return ParkReason(wrong.reason, str(wrong))
        reaction = self._reactions[consumer].get(received.envelope.type) if received else None
        if received is None or reaction is None or (batch and received.envelope.id in batch.handled_ids):
            self._metrics.records.labels(consumer, "ignored").inc()
            await self._discard(done)
            return None
        follow(received.envelope.caused())
        return await self._react(received, reaction, consumer, batch=batch, done=done)

    async def _discard(self, done: str | None) -> None:
        if done is not None:
            await in_one_thread(self._database, lambda writing: self._parking.done(writing, done))

    async def _react(
        self, received: Received, reaction: Reaction, consumer: str, *, batch: _Batch | None, done: str | None
    ) -> ParkReason | None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                # The semaphore is released between attempts, so that a retry does not delay other keys.
                async with batch.concurrency if batch else nullcontext():
                    return await self._take_effect(received, reaction, consumer, batch=batch, done=done)
            except Exception as failure:  # noqa: BLE001 -- `_verdict` classifies every failure
                verdict = self._verdict(failure, received, consumer, attempt)
                if verdict is not None:
                    return verdict
                await asyncio.sleep(_ATTEMPT_WAITS_SECONDS[attempt - 1])
        return None

    async def _take_effect(
        self, received: Received, reaction: Reaction, consumer: str, *, batch: _Batch | None, done: str | None
    ) -> ParkReason | None:
        def body(writing: Writing) -> None:
            inbox.mark(writing, consumer=consumer, event=received.envelope.id, now=self._clock.now())
            reaction(received, writing)
            failpoints.reach("after-effect")
            if batch and received.envelope.key.encode() in batch.blocked.result():
                raise _BehindParked
            if done is not None and not self._parking.done(writing, done):
                raise inbox.AlreadyHandled  # the operator has dropped it since

        try:
            await in_one_thread(self._database, body)
        except inbox.AlreadyHandled:
            await self._discard(done)
        except _BehindParked:
            return _BEHIND
        else:
            self._metrics.records.labels(consumer, "handled").inc()
        return None

    def _verdict(self, failure: Exception, received: Received, consumer: str, attempt: int) -> ParkReason | None:
        """Returns None for another attempt. Raises an outage: waiting helps, parking would not."""
        detail = f"{received.envelope.type}: {_name(failure)}"
        if isinstance(failure, (DomainError, ValidationError)):
            return ParkReason("handler_refused", detail, attempts=attempt)
        if mongo.is_outage(failure) or kafka.is_outage(failure):
            raise failure
        if mongo.refuses_value(failure):
            return ParkReason("value_refused", detail, attempts=attempt)
        if attempt < _ATTEMPTS:
            return None
        _log.error("reaction failed", consumer=consumer, fact=received.envelope.id, exc_info=failure)
        return _with_retry_time(ParkReason("handler_failed", detail, attempts=attempt), attempt, self._clock)

    async def _persist(
        self, fold: Fold, received: Sequence[Received], *, max_attempts: int = _ATTEMPTS
    ) -> list[Refused]:
        """Writes a projection. Faults of the server are retried: skipping a state would leave the projection wrong.
        A fault that a record causes is traced to that record.
        """
        wait, attempts_made = _ATTEMPT_WAITS_SECONDS[0], 0
        while True:
            try:
                return list(await fold(received))
            except StaleVersion:
                continue
            except Exception as fault:
                if mongo.is_outage(fault) or kafka.is_outage(fault):
                    raise
                attempts_made += 1
                if mongo.refuses_value(fault) or (
                    attempts_made >= max_attempts and not isinstance(fault, mongo.PyMongoError)
                ):
                    return await self._bisect(fold, received, fault)
                _log.exception("projection failed, trying again", wait_seconds=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 30)

    async def _bisect(self, fold: Fold, received: Sequence[Received], fault: Exception) -> list[Refused]:
        """Bisects the records to find each that cannot be applied; applies the others."""
        if len(received) > 1:
            half = len(received) // 2
            refused = await self._persist(fold, received[:half], max_attempts=1)
            return refused + await self._persist(fold, received[half:], max_attempts=1)
        [alone] = received
        reason = "value_refused" if mongo.refuses_value(fault) else "handler_failed"
        _log.error("projection refused a record", fact=alone.envelope.id, exc_info=fault)
        return [Refused(alone, reason, f"{alone.envelope.type}: {_name(fault)}")]

    async def _park_refused(self, refused: Sequence[Refused], batch: Sequence[_Read], consumer: str) -> None:
        records = {id(item.received): item.record for item in batch}
        to_park = [
            self._park_request(records[id(refusal.received)], ParkReason(refusal.reason, refusal.detail), blocks=False)
            for refusal in refused
        ]
        await self._park(to_park, consumer)

    def _park_request(self, record: Record, verdict: ParkReason, *, blocks: bool) -> ParkRequest:
        return ParkRequest(record=record, verdict=verdict, id=self._clock.new_id(), blocks=blocks)

    async def _park(self, to_park: Sequence[ParkRequest], consumer: str) -> None:
        for request in to_park:
            topic, partition, offset = request.place
            reason, detail = request.verdict.reason, request.verdict.detail
            position = {"topic": topic, "partition": partition, "offset": offset}
            _log.warning("record parked", consumer=consumer, **position, reason=reason, detail=detail)
        await self._parking.park(to_park, consumer=consumer, now=self._clock.now())
        self._metrics.records.labels(consumer, "parked").inc(len(to_park))


def _grouped(items: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _name(fault: BaseException) -> str:
    """The code or type of a fault; its text may quote a record, so it is not logged."""
    return fault.code if isinstance(fault, DomainError) else type(fault).__name__


def _with_retry_time(verdict: ParkReason, attempts: int, clock: Clock) -> ParkReason:
    """Adds the next retry time, with exponential back-off, for transient causes; permanent ones wait for the operator.

    No jitter: one loop retries records sequentially, however many are due.
    """
    if verdict.reason != "handler_failed":
        return verdict
    wait = min(_RETRY_FIRST_SECONDS * 2 ** min(attempts, 10), _RETRY_LAST_SECONDS)
    return ParkReason(verdict.reason, verdict.detail, clock.now() + timedelta(seconds=wait), verdict.attempts)
