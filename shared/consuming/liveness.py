"""Liveness is progress: a consumer for whom records wait and who does not move is stalled, whatever else it answers.

aiokafka can stop fetching without a word while its heartbeats go on (aiokafka #1154), or hold on to a dead connection.
Nobody is stalled for whom nothing waits, who has a batch in hand that may still take its time, who tries one again and
again because a store is away, or whom Kafka does not answer, if it answers nobody else either.
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
"""None before the start and after the stop."""

BATCH_SECONDS = 300.0
"""How long a batch may take before Kafka gives its partitions to others; a partition passed over for so long stalls."""
_LOOKS_SECONDS, _ANSWERS_SECONDS = 5.0, 10.0
_log = logger(__name__)


class ConsumerProgress:
    """What one consumer does, and what is known of each of its partitions."""

    def __init__(
        self, consumer: Client, clock: Clock, *, limit_seconds: float, kafka_answers: Callable[[], Awaitable[bool]]
    ) -> None:
        self._consumer = consumer
        self._clock = clock
        self._limit = limit_seconds
        self._kafka_answers = kafka_answers
        self._beat = self._answered = clock.monotonic()
        self._in_hand = False
        self._positions: dict[TopicPartition, int] = {}
        self._moved: dict[TopicPartition, float] = {}
        self._lags: Mapping[TopicPartition, int] = {}

    @property
    def lag(self) -> int:
        return sum(self._lags.values())

    async def handled(self, records: Sequence[Record], handle: Handle) -> None:
        """Once a batch has begun and once it has ended, well or not, there was progress."""
        began = self._beat = self._clock.monotonic()
        self._in_hand = True
        try:
            await handle(records)
        finally:
            self._in_hand = False
            self._beat = self._clock.monotonic()
            # Nobody was passed over meanwhile.
            self._moved = {place: moved + self._beat - began for place, moved in self._moved.items()}
            self._moved |= {TopicPartition(record.topic, record.partition): self._beat for record in records}

    async def look(self) -> None:
        consumer = self._consumer()
        places = consumer.assignment() if consumer is not None else frozenset()
        try:
            async with asyncio.timeout(_ANSWERS_SECONDS):
                ends = await consumer.end_offsets(places) if consumer is not None and places else {}
                positions = {place: await consumer.position(place) for place in ends} if consumer is not None else {}
        except (KafkaError, TimeoutError):
            if not await self._kafka_answers():
                self._begin_anew(self._clock.monotonic())
            return
        now = self._clock.monotonic()
        if not self._positions:
            self._beat = now
        self._answered = now
        for place, position in positions.items():
            if self._positions.get(place) != position or ends[place] <= position:
                self._moved[place] = now
        self._positions = positions
        self._lags = {place: max(0, ends[place] - position) for place, position in positions.items()}
        if not self.lag:
            self._beat = now

    def _begin_anew(self, now: float) -> None:
        """Nothing is known: all counts from now."""
        self._positions, self._lags, self._beat, self._answered = {}, {}, now, now

    @property
    def stalled_seconds(self) -> float | None:
        """For how long it has stood still; None while it has not, or not for long enough."""
        now = self._clock.monotonic()
        still = now - self._beat
        if self._in_hand:
            return still if still > BATCH_SECONDS else None
        if self.lag and still > self._limit:
            return still
        if now - self._answered > self._limit:
            return now - self._answered
        passed_over = max((now - self._moved.get(place, now) for place, lag in self._lags.items() if lag), default=0.0)
        return passed_over if passed_over > BATCH_SECONDS else None


class Watchdog:
    """Of all consumers of a process, by name."""

    def __init__(
        self, clock: Clock, metrics: Metrics, *, limit_seconds: float, kafka_answers: Callable[[], Awaitable[bool]]
    ) -> None:
        self._clock = clock
        self._kafka_answers = kafka_answers
        self._metrics = metrics
        self._limit = limit_seconds
        self._pulses: dict[str, ConsumerProgress] = {}

    @property
    def looks_seconds(self) -> float:
        return min(_LOOKS_SECONDS, self._limit / 4)

    def watch(self, name: str, consumer: Client) -> ConsumerProgress:
        self._pulses[name] = ConsumerProgress(
            consumer, self._clock, limit_seconds=self._limit, kafka_answers=self._kafka_answers
        )
        return self._pulses[name]

    async def look(self) -> None:
        before = self.stalled
        for name, pulse in self._pulses.items():
            await pulse.look()
            self._metrics.lag.labels(name).set(pulse.lag)
        for name in self.stalled.keys() - before.keys():
            _log.error("consumer stands still", consumer=name, lag=self._pulses[name].lag)

    @property
    def stalled(self) -> dict[str, str]:
        """What is wrong, by consumer."""
        still = {name: pulse.stalled_seconds for name, pulse in self._pulses.items()}
        return {name: f"has stood still for {seconds:.0f} s" for name, seconds in still.items() if seconds is not None}
