"""How every client of Kafka is set: nothing that a default could lose (design 5.6)."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    NoBrokersAvailable,
    NodeNotReadyError,
    RecordListTooLargeError,
)
from faststream.kafka import KafkaBroker


def servers(bootstrap: str) -> list[str]:
    """FastStream does not split a comma."""
    return [server.strip() for server in bootstrap.split(",") if server.strip()]


def producer(bootstrap: str) -> AIOKafkaProducer:
    """Idempotent and acknowledged by all in-sync replicas; no linger, which costs every fact its length."""
    return AIOKafkaProducer(
        bootstrap_servers=servers(bootstrap),
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        request_timeout_ms=15_000,
    )


class Publisher:
    """One producer, and another after it when a record was not taken.

    aiokafka numbers a batch before it sends it, and tries it until it is answered. Where Kafka refuses one, the numbers
    have a gap, and Kafka takes nothing more of that partition from this producer, whatever its key
    (OutOfOrderSequenceNumber).
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        fresh = producer(self._bootstrap)
        try:
            await fresh.start()
        except BaseException:
            await fresh.stop()
            raise
        self._producer = fresh

    async def stop(self) -> None:
        spent, self._producer = self._producer, None
        if spent is not None:
            await spent.stop()

    async def renew(self) -> None:
        """With nothing in flight; raises while Kafka is away, and may be called again."""
        await self.stop()
        await self.start()

    async def send(self, topic: str, **record: Any) -> asyncio.Future[Any]:
        if self._producer is None:
            raise KafkaConnectionError("not started, or not renewed since it failed")
        acknowledged: asyncio.Future[Any] = await self._producer.send(topic, **record)
        return acknowledged


def broker(bootstrap: str) -> KafkaBroker:
    """For subscribers only; what we publish goes through the relay's producer."""
    return KafkaBroker(
        servers(bootstrap),
        acks="all",
        enable_idempotence=True,
        allow_auto_create_topics=False,
        graceful_timeout=10,
        apply_types=False,
        logger=None,
    )


async def answers(bootstrap: str, *, within_seconds: float = 5) -> bool:
    """Whether Kafka answers somebody whom it has never seen."""
    client = AIOKafkaClient(bootstrap_servers=servers(bootstrap), request_timeout_ms=int(within_seconds * 1000))
    try:
        async with asyncio.timeout(within_seconds):
            await client.bootstrap()
    except (KafkaError, TimeoutError):
        return False
    finally:
        await client.close()
    return True


def is_outage(error: BaseException) -> bool:
    unreachable: Sequence[type[KafkaError]] = (KafkaConnectionError, NodeNotReadyError, NoBrokersAvailable)
    return isinstance(error, tuple(unreachable)) or (isinstance(error, KafkaError) and bool(error.retriable))


def is_refusal(error: BaseException) -> bool:
    """Whether Kafka would refuse the same record again, however often it were sent."""
    return isinstance(error, (MessageSizeTooLargeError, RecordListTooLargeError))
