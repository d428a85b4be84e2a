"""When a consumer counts as stalled, with a client and a clock by hand."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError

from shared.consuming.liveness import BATCH_SECONDS, ConsumerProgress
from shared.consuming.parking import Record

LIMIT = 60
A, B = TopicPartition("t", 0), TopicPartition("t", 1)


class ClockByHand:
    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


@dataclass(slots=True)
class Client:
    """Two partitions; both ends at 10."""

    at: dict[TopicPartition, int] = field(default_factory=lambda: {A: 10, B: 10})
    is_deaf: bool = False

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self.at)

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        if self.is_deaf:
            raise KafkaTimeoutError
        return dict.fromkeys(places, 10)

    async def position(self, place: TopicPartition) -> int:
        return self.at[place]


@dataclass(frozen=True, slots=True)
class Read:
    topic: str
    partition: int


class Site:
    def __init__(self) -> None:
        self.clock = ClockByHand()
        self.client = Client()
        self.kafka_is_there = True

        async def answers() -> bool:
            return self.kafka_is_there

        self.progress = ConsumerProgress(
            lambda: self.client,  # type: ignore[arg-type,return-value] -- all that is asked of one
            self.clock,  # type: ignore[arg-type]
            limit_seconds=LIMIT,
            kafka_answers=answers,
        )

    async def after(self, seconds: float) -> bool:
        """Whether it is stalled so much later, looked at all along."""
        for _ in range(int(seconds // 5)):
            self.clock.at += 5
            await self.progress.look()
        return self.progress.stalled_seconds is not None

    async def handles(self, place: TopicPartition, *, fails: bool = False) -> None:
        async def handle(_: Sequence[Record]) -> None:
            if fails:
                raise OSError

        records: Sequence[Record] = [Read(place.topic, place.partition)]  # type: ignore[list-item]
        try:
            await self.progress.handle_batch(records, handle)
        except OSError:
            return


@pytest.fixture
async def site() -> Site:
    site = Site()
    await site.progress.look()
    return site


async def test_a_consumer_without_records_is_never_stalled(site: Site) -> None:
    assert not await site.after(10_000)


async def test_a_consumer_with_records_and_without_progress_is_stalled_after_the_limit(site: Site) -> None:
    site.client.at[A] = 9
    assert not await site.after(LIMIT)
    assert await site.after(10)
    assert site.progress.lag == 1
    site.client.at[A] = 10
    assert not await site.after(5), "and no more when it moves"


async def test_a_consumer_that_progresses_slowly_is_not_stalled(site: Site) -> None:
    site.client.at[A] = 0
    for n in range(10):
        site.client.at[A] = n
        await site.handles(A)
        assert not await site.after(LIMIT - 5)


async def test_a_consumer_that_retries_during_an_outage_of_the_store_is_not_stalled(site: Site) -> None:
    site.client.at[A] = 0
    for _ in range(100):
        await site.handles(A, fails=True)
        assert not await site.after(10)


async def test_a_batch_may_take_as_long_as_kafka_allows(site: Site) -> None:
    site.client.at[A] = 0
    begun, ends = asyncio.Event(), asyncio.Event()

    async def handle(_: Sequence[Record]) -> None:
        begun.set()
        await ends.wait()

    task = asyncio.create_task(site.progress.handle_batch([], handle))
    await begun.wait()
    assert not await site.after(BATCH_SECONDS)
    assert await site.after(10)
    ends.set()
    await task
    assert not await site.after(5)


async def test_a_starved_partition_is_stalled_although_another_progresses(site: Site) -> None:
    site.client.at |= {A: 0, B: 0}
    for n in range(int(BATCH_SECONDS // 50)):
        site.client.at[B] = n % 10
        await site.handles(B)
        assert not await site.after(50)
    await site.handles(B)
    assert await site.after(10)


async def test_no_consumer_is_stalled_during_or_right_after_an_outage_of_kafka(site: Site) -> None:
    site.client.at[A] = 0
    site.client.is_deaf, site.kafka_is_there = True, False
    assert not await site.after(1000)
    site.client.is_deaf, site.kafka_is_there = False, True
    assert not await site.after(LIMIT)
    assert await site.after(10)


async def test_a_consumer_that_kafka_answers_no_more_is_stalled_if_others_progress(site: Site) -> None:
    site.client.is_deaf = True
    assert not await site.after(LIMIT)
    assert await site.after(10)


async def test_newly_assigned_partitions_count_from_their_assignment(site: Site) -> None:
    site.client.at = {}
    assert not await site.after(1000)
    site.client.at = {A: 0}
    assert not await site.after(LIMIT)
    assert await site.after(10)
