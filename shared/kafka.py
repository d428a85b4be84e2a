"""Creates Kafka clients with settings that lose no record (design 5.6), and prefixes names with the network's id.

An address names the brokers and the network that uses them: `host:port,host:port`, or `network@host:port` where several
networks share one Kafka. Only this module adds the network's id to topics, consumer groups and client ids: names in
code, in outbox rows and in contracts have no prefix.
"""

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


def address(bootstrap: str, *, network: str) -> str:
    return f"{network}@{bootstrap}" if network else bootstrap


def servers(address: str) -> list[str]:
    """The brokers of an address as a list: FastStream does not split at commas."""
    return [server.strip() for server in address.rpartition("@")[2].split(",") if server.strip()]


def named(address: str, name: str) -> str:
    """The name of a topic, consumer group or client in Kafka."""
    network = address.rpartition("@")[0]
    return f"{network}.{name}" if network else name


def unnamed(address: str, name: str) -> str:
    """The name of a topic in the contracts."""
    return name.removeprefix(named(address, ""))


def producer(address: str) -> AIOKafkaProducer:
    """An idempotent producer, acknowledged by all in-sync replicas; without linger, which would delay every fact."""
    return AIOKafkaProducer(
        bootstrap_servers=servers(address),
        client_id=named(address, "preceptor-producer"),
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        request_timeout_ms=15_000,
    )


class Publisher:
    """A producer that can be replaced after a failure.

    aiokafka numbers batches before it sends them. Where Kafka refuses a batch, the numbers have a gap, and Kafka
    accepts no later record of that partition from the same producer, whatever its key (OutOfOrderSequenceNumber).
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        started = producer(self._address)
        try:
            await started.start()
        except BaseException:
            await started.stop()
            raise
        self._producer = started

    async def stop(self) -> None:
        stopped, self._producer = self._producer, None
        if stopped is not None:
            await stopped.stop()

    async def renew(self) -> None:
        """Replaces the producer; no record may be in flight. Raises while Kafka is away, and may be called again."""
        await self.stop()
        await self.start()

    async def send(self, topic: str, **record: Any) -> asyncio.Future[Any]:
        if self._producer is None:
            raise KafkaConnectionError("not started, or not renewed since it failed")
        acknowledged: asyncio.Future[Any] = await self._producer.send(named(self._address, topic), **record)
        return acknowledged


def broker(address: str) -> KafkaBroker:
    """A broker for subscribers only: the relay publishes with a producer of its own."""
    return KafkaBroker(
        servers(address),
        client_id=named(address, "preceptor"),
        acks="all",
        enable_idempotence=True,
        allow_auto_create_topics=False,
        graceful_timeout=10,
        apply_types=False,
        logger=None,
    )


async def answers(address: str, *, within_seconds: float = 5) -> bool:
    """Whether Kafka answers a new client."""
    client = AIOKafkaClient(bootstrap_servers=servers(address), request_timeout_ms=int(within_seconds * 1000))
    try:
        async with asyncio.timeout(within_seconds):
            await client.bootstrap()
    except (KafkaError, TimeoutError):  # the answer to the question is no
        return False
    finally:
        await client.close()
    return True


def is_outage(error: BaseException) -> bool:
    unreachable: Sequence[type[KafkaError]] = (KafkaConnectionError, NodeNotReadyError, NoBrokersAvailable)
    return isinstance(error, tuple(unreachable)) or (isinstance(error, KafkaError) and bool(error.retriable))


def is_refusal(error: BaseException) -> bool:
    """Whether Kafka would refuse the same record however often it is sent."""
    return isinstance(error, (MessageSizeTooLargeError, RecordListTooLargeError))
