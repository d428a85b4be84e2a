"""Reads the latest sequence of each key from compacted topics: the record that compaction keeps."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import kafka
from shared.consuming.parking import Record
from shared.contracts.envelope import Unreadable, read

_AT_LEAST = 1_000
"""The minimum of records read from each partition: a record that is sent late may have a much earlier time."""


async def heads(bootstrap: str, topics: Sequence[str], *, since: datetime) -> Mapping[str, Mapping[str, int]]:
    """Latest sequences by topic and key, for keys with a record appended since `since`."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.servers(bootstrap), enable_auto_commit=False)
    await consumer.start()
    found: dict[str, dict[str, int]] = {topic: {} for topic in topics}
    try:
        ends = await _begin(consumer, [kafka.named(bootstrap, topic) for topic in topics], since)
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for partition, records in (await consumer.getmany(timeout_ms=500, max_records=500)).items():
                found[kafka.unnamed(bootstrap, partition.topic)] |= _sequences(records)
    finally:
        await consumer.stop()
    return found


async def _begin(consumer: AIOKafkaConsumer, topics: Sequence[str], since: datetime) -> Mapping[TopicPartition, int]:
    """Assigns all partitions and seeks to the start; returns the end offset of each."""
    await consumer._client.force_metadata_update()  # noqa: SLF001 -- else a fresh client knows no partitions
    partitions = [TopicPartition(topic, n) for topic in topics for n in consumer.partitions_for_topic(topic) or ()]
    at = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
    firsts = await consumer.beginning_offsets(partitions)
    ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
    consumer.assign(partitions)
    for partition, end in ends.items():
        timely = at[partition].offset if at.get(partition) else end
        consumer.seek(partition, max(firsts[partition], min(timely, end - _AT_LEAST)))
    return ends


def _sequences(records: Sequence[Record]) -> Mapping[str, int]:
    last = {}
    for record in records:
        try:
            received = read(key=record.key, value=record.value, headers=record.headers)
        except Unreadable:  # consumers park or skip it too, so that it is nobody's latest state
            continue
        if received is not None:
            last[received.envelope.key] = received.envelope.sequence
    return last
