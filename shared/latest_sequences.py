"""The heads of compacted topics: of each key what was appended last, which is what compaction keeps."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import kafka
from shared.consuming.parking import Record
from shared.contracts.envelope import Unreadable, read

_AT_LEAST = 1_000
"""Records of each partition that are read in any case: one that is sent late may carry a time long past."""


async def heads(bootstrap: str, topics: Sequence[str], *, since: datetime) -> Mapping[str, Mapping[str, int]]:
    """Sequences by topic and key, of the keys for which anything was appended since then."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.servers(bootstrap), enable_auto_commit=False)
    await consumer.start()
    found: dict[str, dict[str, int]] = {topic: {} for topic in topics}
    try:
        ends = await _begin(consumer, [kafka.named(bootstrap, topic) for topic in topics], since)
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for place, records in (await consumer.getmany(timeout_ms=500, max_records=500)).items():
                found[kafka.unnamed(bootstrap, place.topic)] |= _sequences(records)
    finally:
        await consumer.stop()
    return found


async def _begin(consumer: AIOKafkaConsumer, topics: Sequence[str], since: datetime) -> Mapping[TopicPartition, int]:
    """Where to read to, of all partitions."""
    await consumer._client.force_metadata_update()  # noqa: SLF001 -- else a fresh client knows no partitions
    places = [TopicPartition(topic, n) for topic in topics for n in consumer.partitions_for_topic(topic) or ()]
    at = await consumer.offsets_for_times(dict.fromkeys(places, int(since.timestamp() * 1000)))
    firsts = await consumer.beginning_offsets(places)
    ends: Mapping[TopicPartition, int] = await consumer.end_offsets(places)
    consumer.assign(places)
    for place, end in ends.items():
        timely = at[place].offset if at.get(place) else end
        consumer.seek(place, max(firsts[place], min(timely, end - _AT_LEAST)))
    return ends


def _sequences(records: Sequence[Record]) -> Mapping[str, int]:
    last = {}
    for record in records:
        try:
            received = read(key=record.key, value=record.value, headers=record.headers)
        except Unreadable:
            continue
        if received is not None:
            last[received.envelope.key] = received.envelope.sequence
    return last
