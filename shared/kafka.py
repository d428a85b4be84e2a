"""How every client of Kafka is set: nothing that a default could lose (design 5.6).

An address names the brokers and the network that uses them: `host:port,host:port`, or `network@host:port` where several
networks share one Kafka. The network's id prefixes every topic, consumer group and client id, and this module alone
knows how. Names in code, in outbox rows and in contracts carry no prefix.
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
    """FastStream does not split a comma."""
    return [server.strip() for server in address.rpartition("@")[2].split(",") if server.strip()]


def named(address: str, name: str) -> str:
    """A topic, consumer group or client as Kafka knows it."""
    network = address.rpartition("@")[0]
    return f"{network}.{name}" if network else name


def unnamed(address: str, name: str) -> str:
    """The topic as contracts name it."""
    return name.removeprefix(named(address, ""))


def producer(address: str) -> AIOKafkaProducer:
    """Idempotent and acknowledged by all in-sync replicas; no linger, which costs every fact its length."""
    return AIOKafkaProducer(
        bootstrap_servers=servers(address),
        client_id=named(address, "preceptor-producer"),
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

    def __init__(self, address: str) -> None:
        self._address = address
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        fresh = producer(self._address)
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
        acknowledged: asyncio.Future[Any] = await self._producer.send(named(self._address, topic), **record)
        return acknowledged


def broker(address: str) -> KafkaBroker:
    """For subscribers only; what we publish goes through the relay's producer."""
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
    """Whether Kafka answers somebody whom it has never seen."""
    client = AIOKafkaClient(bootstrap_servers=servers(address), request_timeout_ms=int(within_seconds * 1000))
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
