"""Facts in an outbox, the relay that takes them out, and what then stands in a topic."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts.envelope import Trace
from shared.contracts.profiles import InstitutionChanged
from shared.mongo import in_transaction
from shared.outbox import table as outbox
from shared.outbox.publisher import OutboxPublisher, Publisher
from shared.outbox.table import OutboxEvent
from shared.topics import NATIVE, load_topics
from tests.component.conftest import Plumbing
from tests.conftest import TOPICS


@asynccontextmanager
async def topic_takes(bootstrap: str, topic: str, **settings: str) -> AsyncIterator[None]:
    """As an operator may set it beside our back, while the block lasts."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    declared = next(
        declared_topic.settings for declared_topic in load_topics(TOPICS, size=NATIVE) if declared_topic.name == topic
    )

    async def alter(settings: Mapping[str, str]) -> None:
        # A setting that is left out goes back to Kafka's default.
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {**declared, **settings})])

    try:
        await alter({name.replace("_", "."): value for name, value in settings.items()})
        yield
    finally:
        await alter({})
        await admin.close()


def institution(id: str, name: str = "St Elsewhere") -> InstitutionChanged:
    """Not validated: a name that is too long for the contract stands for any fact that grew too large for Kafka."""
    return InstitutionChanged.model_construct(institution=id, name=name, status="active")


def fact(plumbing: Plumbing, id: str, sequence: int, *, bulk: bool = False, name: str = "St Elsewhere") -> OutboxEvent:
    return OutboxEvent(
        id=plumbing.clock.new_id(),
        payload=institution(id, name),
        institution=id,
        sequence=sequence,
        time=plumbing.now(),
        trace=Trace(correlation_id="c"),
        bulk=bulk,
    )


async def commit(plumbing: Plumbing, facts: Sequence[OutboxEvent]) -> None:
    await in_transaction(plumbing.database, lambda transaction: outbox.write(transaction, facts))


async def published(bootstrap: str, topic: str, institutions: set[str], count: int) -> list[Any]:
    """The records of these institutions, in the topic's order, once there are `count`."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: list[Any] = []
    try:
        async with asyncio.timeout(20):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record for record in records if record.key.decode().split(":")[0] in institutions]
    finally:
        await consumer.stop()
    return found


def relay_of(plumbing: Plumbing, publisher: Publisher) -> OutboxPublisher:
    # Nothing renews the lease of a relay that a test drains, and a slow machine drains for long.
    lease = plumbing.lease(seconds=60)
    return OutboxPublisher(plumbing.database, publisher, lease=lease, clock=plumbing.clock, metrics=plumbing.metrics)
