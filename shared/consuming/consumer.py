"""Here alone it is decided whether a record counts as done or is parked.

A batch handler never raises for a bad record; it raises for a dead infrastructure or a shutdown only, and then gets its
whole batch again. Projections fold state; reactions act once on each fact, in order per key.
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
"""Returns the records that it does not trust, which are parked; it has applied the others."""
Reaction = Callable[[Received, Writing], None]
"""Runs in a thread, beside others of its kind."""
Blocked = Future[set[bytes]]
"""Keys with a record parked, being read while the transactions that depend on it begin."""

_CONCURRENT_KEYS = 48
_FOLDED_TOGETHER = 200
_FEW = 8
"""So few records are cheaper to try than to look up first."""
_TRIES = 3
_TRY_WAITS_SECONDS = (0.1, 0.5)
_RETRY_FIRST_SECONDS = 10
_RETRY_LAST_SECONDS = 3600
_BEHIND = ParkReason("behind_parked", "an earlier record of this key is parked")
_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What the keys of one batch share."""

    known: Collection[str]
    """Events that were handled before."""
    blocked: Blocked
    at_once: asyncio.Semaphore
    aside: list[ParkRequest]


@dataclass(frozen=True, slots=True)
class _Read:
    record: Record
    received: Received


class _BehindParked(Exception):
    """Ends a transaction whose key turns out to have a record parked."""


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
        """`address` is needed for the network in it only."""
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
        # Not the driver's threads: all of those may be transactions that wait for a look-up.
        self._lookups = ThreadPoolExecutor(max_workers=2, thread_name_prefix="parked")

    def projection(self, projection_handlers: Mapping[type[Payload], Fold], *, group: str | None = None) -> None:
        """Folds compacted topics. An unreadable record blocks nobody: its key's next state heals it."""
        consumer = group or f"{self._service}.projection"
        by_type = {payload.TYPE: fold for payload, fold in projection_handlers.items()}

        async def apply(batch: Sequence[_Read]) -> None:
            for event_type, of_type in _by(batch, lambda one: one.received.envelope.type).items():
                if event_type in by_type:
                    refused = await self._persist(by_type[event_type], [one.received for one in of_type])
                    await self._park_refused(refused, of_type, consumer)
                    self._metrics.records.labels(consumer, "applied").inc(len(of_type) - len(refused))

        async def handle(records: Sequence[Record]) -> None:
            """Reads the next records while the store takes the last ones; never two writes at once."""
            async with asyncio.TaskGroup() as tasks:
                applying = None
                for at in range(0, len(records), _FOLDED_TOGETHER):
                    batch = await self._read_all(records[at : at + _FOLDED_TOGETHER], consumer)
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
            by_key = _by(records, lambda record: record.key or b"")
            known = await self._known(records, consumer) if len(records) > _FEW else set()
            aside: list[ParkRequest] = []
            keys_read = [key for key in by_key if 0 < len(key) <= MAX_ATTRIBUTE]  # longer ones are refused unread
            blocked = self._lookups.submit(self._parking.blocked, consumer, keys_read)
            async with asyncio.TaskGroup() as keys:
                batch = _Batch(known, blocked, asyncio.Semaphore(_CONCURRENT_KEYS), aside)
                for of_key in by_key.values():
                    keys.create_task(self._in_order(of_key, consumer, batch))
            await self._park(aside, consumer)

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
        """Works off parked sequences that are due, each from its head until one fails; returns how many took effect."""
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
                await self._parking.failed_again(parked.id, _later(verdict, parked.attempts, self._clock))
                break
            worked += 1
        return worked

    async def _read_all(self, records: Sequence[Record], consumer: str) -> list[_Read]:
        batch, aside = [], []
        for record in records:
            try:
                one = read(key=record.key, value=record.value, headers=record.headers)
            except Unreadable as wrong:
                aside.append(self._aside(record, ParkReason(wrong.reason, str(wrong)), blocks=False))
                continue
            if one is not None:
                batch.append(_Read(record, one))
        await self._park(aside, consumer)
        return batch

    async def _known(self, records: Sequence[Record], consumer: str) -> set[str]:
        ids = [
            value.decode(errors="replace")
            for r in records
            for name, value in r.headers
            if name == "ce_id" and value and len(value) <= MAX_ATTRIBUTE
        ]
        return await inbox.handled(self._database, consumer=consumer, events=ids)

    async def _in_order(self, records: Sequence[Record], consumer: str, batch: _Batch) -> None:
        is_blocked = False
        for record in records:
            if is_blocked:
                batch.aside.append(self._aside(record, _BEHIND, blocks=True))
                continue
            failed = await self._try(record, consumer, batch=batch)
            if failed is not None:
                if record.key and record.key in await asyncio.wrap_future(batch.blocked):
                    failed = _BEHIND
                is_blocked = bool(record.key) and failed.reason not in {"no_key", "bad_attributes"}
                batch.aside.append(self._aside(record, failed, blocks=is_blocked))

    async def _try(
        self, record: Record, consumer: str, *, batch: _Batch | None = None, done: str | None = None
    ) -> ParkReason | None:
        """None when the record took effect, was handled before, or says nothing to us."""
        try:
            received = read(key=record.key, value=record.value, headers=record.headers)
        except Unreadable as wrong:
            return ParkReason(wrong.reason, str(wrong))
        reaction = self._reactions[consumer].get(received.envelope.type) if received else None
        if received is None or reaction is None or (batch and received.envelope.id in batch.known):
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
        for attempt in range(1, _TRIES + 1):
            try:
                # Who waits for another try keeps no other key waiting.
                async with batch.at_once if batch else nullcontext():
                    return await self._take_effect(received, reaction, consumer, batch=batch, done=done)
            except Exception as failure:  # noqa: BLE001 -- sorted by `_verdict`, once for all
                verdict = self._verdict(failure, received, consumer, attempt)
                if verdict is not None:
                    return verdict
                await asyncio.sleep(_TRY_WAITS_SECONDS[attempt - 1])
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
                raise inbox.AlreadyHandled  # dropped meanwhile

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
        """None means: try again. An outage is raised: waiting helps, parking would not."""
        detail = f"{received.envelope.type}: {_name(failure)}"
        if isinstance(failure, (DomainError, ValidationError)):
            return ParkReason("handler_refused", detail, attempts=attempt)
        if mongo.is_outage(failure) or kafka.is_outage(failure):
            raise failure
        if mongo.refuses_value(failure):
            return ParkReason("value_refused", detail, attempts=attempt)
        if attempt < _TRIES:
            return None
        _log.error("reaction failed", consumer=consumer, fact=received.envelope.id, exc_info=failure)
        return _later(ParkReason("handler_failed", detail, attempts=attempt), attempt, self._clock)

    async def _persist(self, fold: Fold, received: Sequence[Received], *, tries: int = _TRIES) -> list[Refused]:
        """A projection's write. A fault of the server is waited out, because skipping a state would leave a copy wrong;
        what is a record's fault is traced to that record.
        """
        wait, tried = _TRY_WAITS_SECONDS[0], 0
        while True:
            try:
                return list(await fold(received))
            except StaleVersion:
                continue
            except Exception as fault:
                if mongo.is_outage(fault) or kafka.is_outage(fault):
                    raise
                tried += 1
                if mongo.refuses_value(fault) or (tried >= tries and not isinstance(fault, mongo.PyMongoError)):
                    return await self._traced(fold, received, fault)
                _log.exception("projection failed, trying again", wait_seconds=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 30)

    async def _traced(self, fold: Fold, received: Sequence[Received], fault: Exception) -> list[Refused]:
        """Halves the records until each that cannot be applied stands alone; the others are applied."""
        if len(received) > 1:
            half = len(received) // 2
            refused = await self._persist(fold, received[:half], tries=1)
            return refused + await self._persist(fold, received[half:], tries=1)
        [alone] = received
        reason = "value_refused" if mongo.refuses_value(fault) else "handler_failed"
        _log.error("projection refused a record", fact=alone.envelope.id, exc_info=fault)
        return [Refused(alone, reason, f"{alone.envelope.type}: {_name(fault)}")]

    async def _park_refused(self, refused: Sequence[Refused], batch: Sequence[_Read], consumer: str) -> None:
        records = {id(one.received): one.record for one in batch}
        aside = [
            self._aside(records[id(one.received)], ParkReason(one.reason, one.detail), blocks=False) for one in refused
        ]
        await self._park(aside, consumer)

    def _aside(self, record: Record, verdict: ParkReason, *, blocks: bool) -> ParkRequest:
        return ParkRequest(record=record, verdict=verdict, id=self._clock.new_id(), blocks=blocks)

    async def _park(self, aside: Sequence[ParkRequest], consumer: str) -> None:
        for one in aside:
            topic, partition, offset = one.place
            reason, detail = one.verdict.reason, one.verdict.detail
            place = {"topic": topic, "partition": partition, "offset": offset}
            _log.warning("record parked", consumer=consumer, **place, reason=reason, detail=detail)
        await self._parking.park(aside, consumer=consumer, now=self._clock.now())
        self._metrics.records.labels(consumer, "parked").inc(len(aside))


def _by(items: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _name(fault: BaseException) -> str:
    """The kind of a fault; its text may quote a record and stays out of logs that leave the process."""
    return fault.code if isinstance(fault, DomainError) else type(fault).__name__


def _later(verdict: ParkReason, attempts: int, clock: Clock) -> ParkReason:
    """Transient causes come round again, ever more slowly; permanent ones wait for the operator.

    No jitter: one loop works them off in turn, however many are due at once.
    """
    if verdict.reason != "handler_failed":
        return verdict
    wait = min(_RETRY_FIRST_SECONDS * 2 ** min(attempts, 10), _RETRY_LAST_SECONDS)
    return ParkReason(verdict.reason, verdict.detail, clock.now() + timedelta(seconds=wait), verdict.attempts)
