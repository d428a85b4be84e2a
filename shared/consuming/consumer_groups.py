"""Resets the offsets of a consumer group that has no members."""

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared import kafka


class InUse(Exception):
    """The group has members, whose commits would overwrite the reset offsets."""


async def reset_offsets(bootstrap: str, group: str) -> int:
    """Resets each partition that the group has read to its beginning; returns their number. Raises `InUse`."""
    group = kafka.named(bootstrap, group)
    partitions = await _partitions_read_by(bootstrap, group)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.servers(bootstrap), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()  # noqa: SLF001 -- else a fresh client knows no partitions
        consumer.assign(partitions)
        if partitions:
            await consumer.commit(await consumer.beginning_offsets(partitions))
    finally:
        await consumer.stop()
    return len(partitions)


async def _partitions_read_by(bootstrap: str, group: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.servers(bootstrap))
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([group])
        if answer.groups[0][5]:
            raise InUse(group)
        return [
            partition for partition, at in (await admin.list_consumer_group_offsets(group)).items() if at.offset >= 0
        ]
    finally:
        await admin.close()
