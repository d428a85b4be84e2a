"""A database of its own for every component test, and the plumbing of a service around it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared import kafka, mongo
from shared.clock import Clock, SystemClock
from shared.consuming import inbox
from shared.consuming.consumer import Consumers
from shared.consuming.liveness import Watchdog
from shared.consuming.parking import Parking
from shared.contracts.dead_letters import MatchingRecordParked
from shared.leases import Lease
from shared.mongo import Database
from shared.outbox import table as outbox
from shared.telemetry import Metrics
from tests.component import kept


@pytest.fixture(scope="session")
async def mongo_uri(mongo_uri: str) -> AsyncIterator[str]:
    """The services that tests share are stopped before the server is."""
    yield mongo_uri
    await kept.stop_all()


@pytest.fixture
def clock() -> Clock:
    return SystemClock()


@pytest.fixture
async def database(mongo_uri: str, clock: Clock) -> AsyncIterator[Database]:
    database = mongo.connect(mongo_uri, f"test_{clock.new_id()}")
    await outbox.prepare(database)
    await inbox.prepare(database)
    await Parking(database, dead_letter=MatchingRecordParked).prepare()
    await mongo.ensure_indexes(database["leases"], [])
    yield database
    await database.client.drop_database(database.name)
    database.client.close()


async def begin_here(bootstrap: str, group: str, *topics: str) -> None:
    """Lets a group begin at the topics' present ends: what earlier tests left there is not its business."""
    topics, group = tuple(kafka.named(bootstrap, topic) for topic in topics), kafka.named(bootstrap, group)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.servers(bootstrap), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, n) for topic in topics for n in await _partitions(consumer, topic)]
        consumer.assign(places)
        await consumer.commit(await consumer.end_offsets(places))
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.force_metadata_update()
    return consumer.partitions_for_topic(topic) or set()


@dataclass(frozen=True, slots=True)
class Plumbing:
    database: Database
    clock: Clock
    metrics: Metrics
    parking: Parking
    consumers: Consumers
    watchdog: Watchdog

    def lease(self, name: str = "relay", *, holder: str = "test", seconds: float = 6) -> Lease:
        return Lease(self.database, name, holder=holder, clock=self.clock, seconds=seconds)

    def now(self) -> datetime:
        return self.clock.now()


@pytest.fixture
async def plumbing(database: Database, kafka_bootstrap: str, clock: Clock) -> AsyncIterator[Plumbing]:
    metrics = Metrics()
    watchdog = Watchdog(clock, metrics, limit_seconds=60, kafka_answers=lambda: kafka.answers(kafka_bootstrap))
    parking = Parking(database, dead_letter=MatchingRecordParked)
    service = f"test-{clock.new_id()}"
    await begin_here(kafka_bootstrap, f"{service}.reaction", "matching.events")
    consumers = Consumers(
        kafka.broker(kafka_bootstrap),
        database,
        service=service,
        parking=parking,
        clock=clock,
        metrics=metrics,
        watchdog=watchdog,
    )
    yield Plumbing(database, clock, metrics, parking, consumers, watchdog)
    await consumers.stop()


@pytest.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = kafka.producer(kafka_bootstrap)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
def tenant(plumbing: Plumbing) -> str:
    return f"t-{plumbing.clock.new_id()}"


@pytest.fixture
async def publisher(kafka_bootstrap: str) -> AsyncIterator[kafka.Publisher]:
    publisher = kafka.Publisher(kafka_bootstrap)
    await publisher.start()
    yield publisher
    await publisher.stop()
