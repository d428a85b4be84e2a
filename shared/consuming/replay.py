"""Reads topics again without a consumer group and without committing offsets."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import kafka
from shared.consuming.parking import Record
from shared.contracts.envelope import Received, Unreadable, read

Ends = Mapping[TopicPartition, int]
_AT_ONCE = 1_000


class Replay:
    def __init__(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        self.partitions = partitions

    @classmethod
    @asynccontextmanager
    async def open(cls, bootstrap: str, topics: Sequence[str], *, since: datetime | None = None) -> AsyncIterator[Self]:
        """Starts at the topics' beginning, or at the first records appended at or after `since`."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka.servers(bootstrap), enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            await consumer._client.force_metadata_update()  # noqa: SLF001 -- else a fresh client knows no partitions
            named = [kafka.named(bootstrap, topic) for topic in topics]
            partitions = [
                TopicPartition(topic, n) for topic in named for n in consumer.partitions_for_topic(topic) or ()
            ]
            consumer.assign(partitions)
            replay = cls(consumer, partitions)
            for partition, offset in (await replay.begins(since)).items():
                consumer.seek(partition, offset)
            yield replay
        finally:
            await consumer.stop()

    async def begins(self, since: datetime | None) -> Ends:
        if since is None:
            return dict(await self._consumer.beginning_offsets(self.partitions))
        timely = await self._consumer.offsets_for_times(dict.fromkeys(self.partitions, int(since.timestamp() * 1000)))
        ends = await self.ends()
        return {
            partition: timely[partition].offset if timely.get(partition) else ends[partition]
            for partition in self.partitions
        }

    async def ends(self) -> Ends:
        return dict(await self._consumer.end_offsets(self.partitions))

    async def until(self, ends: Ends) -> AsyncIterator[Sequence[Record]]:
        """Yields the records from the current position to `ends`, in batches."""
        while any([await self._consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await self._consumer.getmany(timeout_ms=500, max_records=_AT_ONCE)).values():
                yield records


async def replayed(bootstrap: str, topics: Sequence[str]) -> AsyncIterator[Received]:
    """Every readable record of these topics, up to their current ends."""
    async with Replay.open(bootstrap, topics) as replay:
        async for records in replay.until(await replay.ends()):
            for received in readable(records):
                yield received


def readable(records: Iterable[Record]) -> Iterator[Received]:
    """Skips unreadable records: the service parked them when they arrived."""
    for record in records:
        try:
            received = read(key=record.key, value=record.value, headers=record.headers)
        except Unreadable:  # the consumer has parked it; what is rebuilt must equal what is consumed
            continue
        if received is not None:
            yield received
