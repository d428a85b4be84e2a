"""Which offsets a batch commits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from aiokafka import TopicPartition
from faststream.message import AckStatus

from shared.consuming.subscriber import BatchMessage

A, B, ELSEWHERE = TopicPartition("t", 0), TopicPartition("t", 1), TopicPartition("u", 0)


@dataclass(frozen=True, slots=True)
class Record:
    partition_of: TopicPartition
    offset: int

    @property
    def topic(self) -> str:
        return self.partition_of.topic

    @property
    def partition(self) -> int:
        return self.partition_of.partition


@dataclass(slots=True)
class Consumer:
    assigned: frozenset[TopicPartition] = frozenset({A, B, ELSEWHERE})
    commits: list[Mapping[TopicPartition, int]] = field(default_factory=list)

    def assignment(self) -> frozenset[TopicPartition]:
        return self.assigned

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.commits.append(offsets)


def batch(consumer: Consumer, *records: Record) -> BatchMessage:
    return BatchMessage(raw_message=cast(Any, records), body=b"", consumer=cast(Any, consumer))


async def test_the_end_of_each_partition_of_the_batch_is_committed_once_and_no_other_partition() -> None:
    consumer = Consumer()
    message = batch(consumer, Record(A, 3), Record(A, 7), Record(B, 0))
    await message.ack()
    await message.ack()
    assert consumer.commits == [{A: 8, B: 1}]
    assert message.committed is AckStatus.ACKED


async def test_a_partition_that_was_reassigned_during_the_batch_is_left_to_its_new_owner() -> None:
    consumer = Consumer(assigned=frozenset({B}))
    await batch(consumer, Record(A, 3), Record(B, 0)).ack()
    assert consumer.commits == [{B: 1}]


async def test_nothing_is_committed_where_every_partition_was_reassigned() -> None:
    consumer = Consumer(assigned=frozenset())
    await batch(consumer, Record(A, 3)).ack()
    assert consumer.commits == []
