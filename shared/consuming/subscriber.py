"""Creates subscribers: batches, one commit for each, no default that could lose records (design 5.1 to 5.6)."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.message import AckStatus

from shared import failpoints
from shared.consuming.liveness import BATCH_SECONDS, Client, Handle
from shared.telemetry import logger

_OUTAGE_WAIT_SECONDS = 1.0
_MAX_RECORDS = 1000
_POLL_MILLISECONDS = 1_000
"""Records end a poll at once. The time of an empty one delays nothing, and each costs some processor time."""
_log = logger(__name__)


class _PromptSubscriber(BatchSubscriber):
    """FastStream sleeps `batch_timeout_ms` after an empty poll, which delays records that arrive during it."""

    __slots__ = ()

    async def get_msg(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[Any, Any], ...]:
        batches = await consumer.getmany(timeout_ms=self.batch_timeout_ms, max_records=self.max_records)
        return tuple(chain(*batches.values()))


class BatchMessage(KafkaAckableMessage):
    """Commits the partitions of its records. FastStream commits all assigned partitions for each batch: Kafka would
    write an offset for each of them, and there are hundreds in production.
    """

    consumer: AIOKafkaConsumer

    async def ack(self) -> None:
        if self.committed:
            return
        assigned = self.consumer.assignment()
        if ends := {partition: end for partition, end in _ends(self.raw_message).items() if partition in assigned}:
            await self.consumer.commit(ends)
        self.committed = AckStatus.ACKED


def _ends(records: Iterable[ConsumerRecord[Any, Any]]) -> dict[TopicPartition, int]:
    """The offset after the last record of each partition."""
    ends: dict[TopicPartition, int] = {}
    for record in records:
        partition = TopicPartition(record.topic, record.partition)
        ends[partition] = max(ends.get(partition, 0), record.offset + 1)
    return ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """Kafka answers a fetch as soon as it has so many bytes, at the latest after the wait."""

    max_wait_ms: int
    min_bytes: int = 1


def subscribe(broker: KafkaBroker, topics: Iterable[str], *, group: str, handle: Handle, fetching: Fetching) -> Client:
    """Setting both `parser=` and `decoder=` passes every record to `handle`, even a malformed one (design 5.4)."""
    subscriber = broker.subscriber(
        *sorted(topics),
        group_id=group,
        batch=True,
        batch_timeout_ms=_POLL_MILLISECONDS,
        max_records=_MAX_RECORDS,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        fetch_max_wait_ms=fetching.max_wait_ms,
        fetch_min_bytes=fetching.min_bytes,
        session_timeout_ms=8_000,
        heartbeat_interval_ms=2_000,
        max_poll_interval_ms=int(BATCH_SECONDS * 1000),
    )
    subscriber.__class__ = _PromptSubscriber

    async def parse(records: tuple[ConsumerRecord[Any, Any], ...]) -> KafkaAckableMessage:
        return BatchMessage(raw_message=records, body=b"", consumer=subscriber.consumer)

    async def decode(message: KafkaAckableMessage) -> Sequence[Any]:
        return message.raw_message

    async def on_batch(records: Any) -> None:
        try:
            await handle(records)
            failpoints.reach("before-offset-commit")
        except Exception as fault:
            _log.warning("batch not handled, waiting", consumer=group, fault=type(fault).__name__)
            await asyncio.sleep(_OUTAGE_WAIT_SECONDS)
            raise

    subscriber(on_batch, parser=parse, decoder=decode)
    return lambda: subscriber.consumer


def assert_safe(subscriber: Any) -> None:
    """A broker-wide policy is ignored for some subscribers (design 5.3), so each subscriber is checked."""
    arguments = subscriber._connection_args  # noqa: SLF001 -- FastStream has no public view of them
    safe = (
        isinstance(subscriber, _PromptSubscriber)
        and subscriber.ack_policy is AckPolicy.NACK_ON_ERROR
        and bool(subscriber.group_id)
        and arguments.get("auto_offset_reset") == "earliest"
        and arguments.get("enable_auto_commit") is False
    )
    if not safe:
        raise AssertionError(
            f"the subscriber of {subscriber.topic_names} could lose records: see shared/consuming/subscriber.py"
        )
