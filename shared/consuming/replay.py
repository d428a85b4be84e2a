"""Reads topics again, as nobody: in no group, leaving no offset behind."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import kafka
from shared.consuming.parking import Record

Ends = Mapping[TopicPartition, int]
_AT_ONCE = 1_000


class Replay:
    def __init__(self, consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        self.places = places

    @classmethod
    @asynccontextmanager
    async def open(cls, bootstrap: str, topics: Sequence[str], *, since: datetime | None = None) -> AsyncIterator[Self]:
        """At the topics' beginning, or where what was appended at that time and later begins."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka.servers(bootstrap), enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            await consumer._client.force_metadata_update()  # noqa: SLF001 -- else a fresh client knows no partitions
            named = [kafka.named(bootstrap, topic) for topic in topics]
            places = [TopicPartition(topic, n) for topic in named for n in consumer.partitions_for_topic(topic) or ()]
            consumer.assign(places)
            replay = cls(consumer, places)
            for place, offset in (await replay.begins(since)).items():
                consumer.seek(place, offset)
            yield replay
        finally:
            await consumer.stop()

    async def begins(self, since: datetime | None) -> Ends:
        if since is None:
            return dict(await self._consumer.beginning_offsets(self.places))
        timely = await self._consumer.offsets_for_times(dict.fromkeys(self.places, int(since.timestamp() * 1000)))
        ends = await self.ends()
        return {place: timely[place].offset if timely.get(place) else ends[place] for place in self.places}

    async def ends(self) -> Ends:
        return dict(await self._consumer.end_offsets(self.places))

    async def until(self, ends: Ends) -> AsyncIterator[Sequence[Record]]:
        """What lies between here and there, some records at a time."""
        while any([await self._consumer.position(place) < end for place, end in ends.items()]):
            for records in (await self._consumer.getmany(timeout_ms=500, max_records=_AT_ONCE)).values():
                yield records
