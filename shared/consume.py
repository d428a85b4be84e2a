"""Every subscriber is made here, and here alone it is decided whether a record counts as done or is parked.

A batch handler never raises for a bad record; it raises for a dead infrastructure or a shutdown only, after a wait, and
then gets its whole batch again. One commit a batch: Kafka 4 answers each after 7 ms (design 5.1 to 5.4).
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from pydantic import ValidationError

from shared import inbox, kafka, mongo
from shared.clock import Clock
from shared.contracts.envelope import Received, Unreadable, read
from shared.contracts.payload import Payload
from shared.errors import DomainError, StaleVersion
from shared.mongo import Database, Session, in_transaction
from shared.parking import Parking, Record, Verdict
from shared.telemetry import Metrics, follow, logger

Fold = Callable[[Sequence[Received]], Awaitable[None]]
Reaction = Callable[[Received, Session], Awaitable[None]]

_CONCURRENT_KEYS = 48
_TRIES = 3
_TRY_WAITS_SECONDS = (0.1, 0.5)
_OUTAGE_WAIT_SECONDS = 1.0
_RETRY_FIRST_SECONDS = 10
_RETRY_LAST_SECONDS = 3600
_MAX_RECORDS = 500
_log = logger(__name__)


class _PromptSubscriber(BatchSubscriber):
    """FastStream sleeps `batch_timeout_ms` after an empty poll, which a record that arrives meanwhile waits out."""

    __slots__ = ()

    async def get_msg(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[Any, Any], ...]:
        batches = await consumer.getmany(timeout_ms=self.batch_timeout_ms, max_records=self.max_records)
        return tuple(chain(*batches.values()))


class Consumers:
    """All subscribers of one service. Register first, then start."""

    def __init__(
        self, broker: KafkaBroker, database: Database, *, service: str, parking: Parking, clock: Clock, metrics: Metrics
    ) -> None:
        self._broker = broker
        self._database = database
        self._service = service
        self._parking = parking
        self._clock = clock
        self._metrics = metrics
        self._reactions: dict[str, Mapping[str, Reaction]] = {}

    def projection(self, folds: Mapping[type[Payload], Fold], *, group: str | None = None) -> None:
        """Folds compacted topics. A record that cannot be read is set aside and blocks nobody: the key's next state heals it."""
        consumer = group or f"{self._service}.projection"
        by_type = {payload.TYPE: fold for payload, fold in folds.items()}

        async def handle(records: Sequence[Record]) -> None:
            received = await self._read_all(records, consumer)
            for event_type, of_type in _by(received, lambda one: one.envelope.type).items():
                if event_type in by_type:
                    await self._persist(lambda t=event_type, r=of_type: by_type[t](r))
                    self._metrics.records.labels(consumer, "applied").inc(len(of_type))

        self._subscribe({payload.TOPIC for payload in folds}, consumer, handle)

    def reaction(self, reactions: Mapping[type[Payload], Reaction], *, group: str | None = None) -> None:
        """Acts once on each fact: mark, effect and outbox rows in one transaction; records of one key in order."""
        consumer = group or f"{self._service}.reaction"
        by_type = {payload.TYPE: reaction for payload, reaction in reactions.items()}
        self._reactions[consumer] = by_type

        async def handle(records: Sequence[Record]) -> None:
            by_key = _by(records, lambda record: record.key or b"")
            blocked = await self._parking.blocked(consumer, [key for key in by_key if key])
            known = await self._known(records, consumer)
            bound = asyncio.Semaphore(_CONCURRENT_KEYS)

            async def one_key(key: bytes, of_key: Sequence[Record]) -> None:
                async with bound:
                    await self._in_order(of_key, consumer, is_blocked=key in blocked, known=known)

            async with asyncio.TaskGroup() as keys:
                for key, of_key in by_key.items():
                    keys.create_task(one_key(key, of_key))

        self._subscribe({payload.TOPIC for payload in reactions}, consumer, handle)

    async def start(self) -> None:
        for subscriber in self._broker.subscribers:
            _assert_safe(subscriber)
        await self._broker.start()

    async def stop(self) -> None:
        await self._broker.stop()

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

    async def _read_all(self, records: Sequence[Record], consumer: str) -> list[Received]:
        received = []
        for record in records:
            try:
                one = read(key=record.key, value=record.value, headers=record.headers)
            except Unreadable as wrong:
                await self._set_aside(record, Verdict(wrong.reason, str(wrong)), consumer, blocks=False)
                continue
            if one is not None:
                received.append(one)
        return received

    async def _known(self, records: Sequence[Record], consumer: str) -> set[str]:
        ids = [value.decode(errors="replace") for r in records for name, value in r.headers if name == "ce_id" and value]
        return await inbox.handled(self._database, consumer=consumer, events=ids)

    async def _in_order(
        self, records: Sequence[Record], consumer: str, *, is_blocked: bool, known: set[str]
    ) -> None:
        for record in records:
            if is_blocked:
                verdict = Verdict("behind_parked", "an earlier record of this key is parked")
                await self._set_aside(record, verdict, consumer, blocks=True)
                continue
            failed = await self._try(record, consumer, known=known)
            if failed is not None:
                blocks = bool(record.key) and failed.reason not in {"no_key", "bad_attributes"}
                await self._set_aside(record, failed, consumer, blocks=blocks)
                is_blocked = blocks

    async def _try(
        self, record: Record, consumer: str, *, known: set[str] | None = None, done: str | None = None
    ) -> Verdict | None:
        """None when the record took effect, was handled before, or says nothing to us."""
        try:
            received = read(key=record.key, value=record.value, headers=record.headers)
        except Unreadable as wrong:
            return Verdict(wrong.reason, str(wrong))
        reaction = self._reactions[consumer].get(received.envelope.type) if received else None
        if received is None or reaction is None or (known and received.envelope.id in known):
            self._metrics.records.labels(consumer, "ignored").inc()
            return await self._discard(done)
        follow(received.envelope.caused())
        return await self._react(received, reaction, consumer, done)

    async def _discard(self, done: str | None) -> None:
        if done is not None:
            await in_transaction(self._database, lambda session: self._parking.done(session, done))

    async def _react(
        self, received: Received, reaction: Reaction, consumer: str, done: str | None
    ) -> Verdict | None:
        async def body(session: Session) -> None:
            await inbox.mark(
                self._database, session, consumer=consumer, event=received.envelope.id, now=self._clock.now()
            )
            await reaction(received, session)
            if done is not None:
                await self._parking.done(session, done)

        for attempt in range(1, _TRIES + 1):
            try:
                await in_transaction(self._database, body)
            except inbox.AlreadyHandled:
                return await self._discard(done)
            except (DomainError, ValidationError) as wrong:
                return Verdict("handler_refused", f"{received.envelope.type}: {_name(wrong)}", attempts=attempt)
            except Exception as fault:  # a fault of ours or of the infrastructure: told apart here, once for all
                if mongo.is_outage(fault) or kafka.is_outage(fault):
                    raise
                if attempt == _TRIES:
                    _log.exception("reaction failed", consumer=consumer, event=received.envelope.id)
                    verdict = Verdict("handler_failed", f"{received.envelope.type}: {_name(fault)}", attempts=attempt)
                    return _later(verdict, attempt, self._clock)
                await asyncio.sleep(_TRY_WAITS_SECONDS[attempt - 1])
            else:
                self._metrics.records.labels(consumer, "handled").inc()
                return None
        return None

    async def _persist(self, effect: Callable[[], Awaitable[None]]) -> None:
        """A projection's write: retried for ever, because skipping a state would leave a copy wrong in silence."""
        wait = _TRY_WAITS_SECONDS[0]
        while True:
            try:
                return await effect()
            except StaleVersion:
                continue
            except Exception as fault:
                if mongo.is_outage(fault) or kafka.is_outage(fault):
                    raise
                _log.exception("projection failed, trying again", wait_seconds=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 30)

    async def _set_aside(self, record: Record, verdict: Verdict, consumer: str, *, blocks: bool) -> None:
        self._metrics.records.labels(consumer, "parked").inc()
        _log.warning(
            "record parked",
            consumer=consumer,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=verdict.reason,
            detail=verdict.detail,
        )
        await self._parking.park(
            record, verdict, consumer=consumer, id=self._clock.new_id(), now=self._clock.now(), blocks=blocks
        )

    def _subscribe(
        self, topics: Iterable[str], consumer: str, handle: Callable[[Sequence[Record]], Awaitable[None]]
    ) -> None:
        """With both `parser=` and `decoder=` no record is lost or looped on before our own code sees it (design 5.4)."""
        subscriber = self._broker.subscriber(
            *sorted(topics),
            group_id=consumer,
            batch=True,
            batch_timeout_ms=200,
            max_records=_MAX_RECORDS,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            fetch_max_wait_ms=250,
            session_timeout_ms=8_000,
            heartbeat_interval_ms=2_000,
            max_poll_interval_ms=300_000,
        )
        subscriber.__class__ = _PromptSubscriber

        async def parse(records: tuple[ConsumerRecord[Any, Any], ...]) -> KafkaAckableMessage:
            return KafkaAckableMessage(raw_message=records, body=b"", consumer=subscriber.consumer)

        async def decode(message: KafkaAckableMessage) -> Sequence[Any]:
            return message.raw_message

        async def on_batch(records: Any) -> None:
            try:
                await handle(records)
            except Exception as fault:
                _log.warning("batch not handled, waiting", consumer=consumer, fault=_name(fault))
                await asyncio.sleep(_OUTAGE_WAIT_SECONDS)
                raise
            self._metrics.progress.labels(consumer).set(self._clock.now().timestamp())

        subscriber(on_batch, parser=parse, decoder=decode)


def _assert_safe(subscriber: Any) -> None:
    """A broker-wide policy is ignored for some subscribers (design 5.3), so each is looked at."""
    arguments = subscriber._connection_args  # noqa: SLF001 -- FastStream has no public view of them
    safe = (
        isinstance(subscriber, _PromptSubscriber)
        and subscriber.ack_policy is AckPolicy.NACK_ON_ERROR
        and bool(subscriber.group_id)
        and arguments.get("auto_offset_reset") == "earliest"
        and arguments.get("enable_auto_commit") is False
    )
    if not safe:
        raise AssertionError(f"the subscriber of {subscriber.topic_names} could lose records: make it in shared/consume.py")


def _by(items: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _name(fault: BaseException) -> str:
    """The kind of a fault; its text may quote a record and stays out of logs that leave the process."""
    return fault.code if isinstance(fault, DomainError) else type(fault).__name__


def _later(verdict: Verdict, attempts: int, clock: Clock) -> Verdict:
    """Transient causes come round again, ever more slowly; permanent ones wait for the operator."""
    if verdict.reason != "handler_failed":
        return verdict
    wait = min(_RETRY_FIRST_SECONDS * 2 ** min(attempts, 10), _RETRY_LAST_SECONDS) * random.uniform(0.8, 1.2)  # noqa: S311
    return Verdict(verdict.reason, verdict.detail, clock.now() + timedelta(seconds=wait), verdict.attempts)
