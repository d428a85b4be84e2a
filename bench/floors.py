"""What the work of one change costs bare: three transactions of two inserts, two records produced and consumed."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo.read_concern import ReadConcern

from bench.figures import Figure, percentile
from bench.site import BenchmarkContext
from deploy.stack.model import SERVICES
from shared import kafka, mongo
from shared.mongo import Database, Session

Receive = Callable[[AIOKafkaConsumer], Awaitable[object]]
_TOPIC = "notifications.dead-letters"
"""Nobody reads it here, so the floor's records disturb nobody."""
_SAMPLES, _ASLEEP_SAMPLES = 100, 30


async def floor_of_a_change(context: BenchmarkContext) -> list[float]:
    """Seconds, one for each sample."""
    return await _chains(context, _SAMPLES, pause=0.03, receive=AIOKafkaConsumer.getone)


async def asleep_at(context: BenchmarkContext, per_second: int, *, beside: int) -> Figure:
    """What bare work loses where the machine falls asleep in between."""
    slow, quick = [
        percentile(await _chains(context, _ASLEEP_SAMPLES, pause=1 / rate, receive=_some), 50) * 1000
        for rate in (per_second, beside)
    ]
    return Figure(
        name=f"bare transactions and hops, at {per_second}/s",
        value=slow,
        unit="ms",
        floor=quick,
        note=f"floor: the same at {beside}/s; what a machine loses by falling asleep in between. Read by `getmany`: "
        "after a pause `getone` waits until the consumer's open fetch ends",
    )


async def _some(consumer: AIOKafkaConsumer) -> object:
    return await consumer.getmany(timeout_ms=1_000)


async def _chains(context: BenchmarkContext, samples: int, *, pause: float, receive: Receive) -> list[float]:
    databases = await _databases(context)
    producer = kafka.producer(context.bootstrap)
    consumer = AIOKafkaConsumer(_TOPIC, bootstrap_servers=kafka.servers(context.bootstrap), auto_offset_reset="latest")
    await producer.start()
    await consumer.start()
    await consumer.seek_to_end()
    took = []
    for _ in range(samples):
        began = context.clock.monotonic()
        await _chain(databases, producer, lambda: receive(consumer))
        took.append(context.clock.monotonic() - began)
        await asyncio.sleep(pause)
    await consumer.stop()
    await producer.stop()
    return took[samples // 10 :]


async def _databases(context: BenchmarkContext) -> list[Database]:
    databases = [context.database(service, service=service) for service in SERVICES]
    for database in databases:
        await mongo.ensure_indexes(database["floor-a"], [])
        await mongo.ensure_indexes(database["floor-b"], [])
    return databases


async def _chain(
    databases: Iterable[Database], producer: AIOKafkaProducer, receive: Callable[[], Awaitable[object]]
) -> None:
    for position, database in enumerate(databases):
        if position:
            await producer.send_and_wait(_TOPIC, b"x" * 600, key=b"floor")
            await receive()
        await _two_inserts(database)


async def _two_inserts(database: Database) -> None:
    async def two_inserts(session: Session) -> None:
        await database["floor-a"].insert_one({"x": "x" * 300}, session=session)
        await database["floor-b"].insert_one({"x": "x" * 300}, session=session)

    await transaction(database, two_inserts)


async def transaction(database: Database, body: Callable[[Session], Coroutine[Any, Any, None]]) -> None:
    """A bare transaction, with motor's own operations."""
    async with await database.client.start_session() as session:
        await session.with_transaction(body, read_concern=ReadConcern("snapshot"), write_concern=database.write_concern)
