"""Detects stalled consumers: a consumer that has lag and makes no progress is stalled.

aiokafka can stop fetching without an error while its heartbeats go on (aiokafka #1154), or keep a dead connection.
A consumer is not stalled while it has no lag, handles a batch within its time limit, retries a batch because a store is
away, or gets no answer from Kafka while no other client gets one either.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.clock import Clock
from shared.consuming.parking import Record
from shared.telemetry import Metrics, logger

Handle = Callable[[Sequence[Record]], Awaitable[None]]
Client = Callable[[], AIOKafkaConsumer | None]
"""Returns None before the start and after the stop."""

BATCH_SECONDS = 300.0
"""How long a batch may take before Kafka reassigns its partitions. A partition with lag that is skipped for so long is
stalled.
"""
_LOOKS_SECONDS, _ANSWERS_SECONDS = 5.0, 10.0
_log = logger(__name__)


class ConsumerProgress:
    """The progress of one consumer, by partition."""

    def __init__(
        self, consumer: Client, clock: Clock, *, limit_seconds: float, kafka_answers: Callable[[], Awaitable[bool]]
    ) -> None:
        self._consumer = consumer
        self._clock = clock
        self._limit = limit_seconds
        self._kafka_answers = kafka_answers
        self._progressed_at = self._answered_at = clock.monotonic()
        self._is_handling = False
        self._positions: dict[TopicPartition, int] = {}
        self._moved_at: dict[TopicPartition, float] = {}
        self._lags: Mapping[TopicPartition, int] = {}

    @property
    def lag(self) -> int:
        return sum(self._lags.values())

    async def handle_batch(self, records: Sequence[Record], handle: Handle) -> None:
        """Handles a batch. Its start and its end count as progress, even where it fails."""
        began = self._progressed_at = self._clock.monotonic()
        self._is_handling = True
        try:
            await handle(records)
        finally:
            self._is_handling = False
            self._progressed_at = self._clock.monotonic()
            # The time of this batch does not count against other partitions.
            self._moved_at = {
                partition: moved + self._progressed_at - began for partition, moved in self._moved_at.items()
            }
            self._moved_at |= {
                TopicPartition(record.topic, record.partition): self._progressed_at for record in records
            }

    async def look(self) -> None:
        consumer = self._consumer()
        partitions = consumer.assignment() if consumer is not None else frozenset()
        try:
            async with asyncio.timeout(_ANSWERS_SECONDS):
                ends = await consumer.end_offsets(partitions) if consumer is not None and partitions else {}
                positions = (
                    {partition: await consumer.position(partition) for partition in ends}
                    if consumer is not None
                    else {}
                )
        except (KafkaError, TimeoutError):
            if not await self._kafka_answers():
                self._reset(self._clock.monotonic())
            return
        now = self._clock.monotonic()
        if not self._positions:
            self._progressed_at = now
        self._answered_at = now
        for partition, position in positions.items():
            if self._positions.get(partition) != position or ends[partition] <= position:
                self._moved_at[partition] = now
        self._positions = positions
        self._lags = {partition: max(0, ends[partition] - position) for partition, position in positions.items()}
        if not self.lag:
            self._progressed_at = now

    def _reset(self, now: float) -> None:
        """Discards positions and lags; all times count from now."""
        self._positions, self._lags, self._progressed_at, self._answered_at = {}, {}, now, now

    @property
    def stalled_seconds(self) -> float | None:
        """How long the consumer has been stalled; None while it is not."""
        now = self._clock.monotonic()
        still = now - self._progressed_at
        if self._is_handling:
            return still if still > BATCH_SECONDS else None
        if self.lag and still > self._limit:
            return still
        if now - self._answered_at > self._limit:
            return now - self._answered_at
        longest_skipped = max(
            (now - self._moved_at.get(partition, now) for partition, lag in self._lags.items() if lag), default=0.0
        )
        return longest_skipped if longest_skipped > BATCH_SECONDS else None


class Watchdog:
    """Watches all consumers of a process, by name."""

    def __init__(
        self, clock: Clock, metrics: Metrics, *, limit_seconds: float, kafka_answers: Callable[[], Awaitable[bool]]
    ) -> None:
        self._clock = clock
        self._kafka_answers = kafka_answers
        self._metrics = metrics
        self._limit = limit_seconds
        self._consumers: dict[str, ConsumerProgress] = {}

    @property
    def lags(self) -> Mapping[str, int]:
        """Records that waited for each consumer of this process when it was last looked at."""
        return {name: progress.lag for name, progress in self._consumers.items()}

    @property
    def check_seconds(self) -> float:
        return min(_LOOKS_SECONDS, self._limit / 4)

    def watch(self, name: str, consumer: Client) -> ConsumerProgress:
        self._consumers[name] = ConsumerProgress(
            consumer, self._clock, limit_seconds=self._limit, kafka_answers=self._kafka_answers
        )
        return self._consumers[name]

    async def look(self) -> None:
        before = self.stalled
        for name, progress in self._consumers.items():
            await progress.look()
            self._metrics.lag.labels(name).set(progress.lag)
        for name in self.stalled.keys() - before.keys():
            _log.error("consumer makes no progress", consumer=name, lag=self._consumers[name].lag)

    @property
    def stalled(self) -> dict[str, str]:
        """A description for each stalled consumer."""
        still = {name: progress.stalled_seconds for name, progress in self._consumers.items()}
        return {name: f"no progress for {seconds:.0f} s" for name, seconds in still.items() if seconds is not None}
