"""How every client of Kafka is set: nothing that a default could lose (design 5.6)."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError, NoBrokersAvailable, NodeNotReadyError
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
