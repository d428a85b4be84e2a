"""A consumer group from outside: who is in it, and where it begins again."""

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared import kafka


class InUse(Exception):
    """The group has members, whose own commits would follow ours."""


async def reset_offsets(bootstrap: str, group: str) -> int:
    """Back to the beginning of all that it has read; returns of how many partitions. Raises `InUse`."""
    group = kafka.named(bootstrap, group)
    places = await _read_by(bootstrap, group)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.servers(bootstrap), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()  # noqa: SLF001 -- else a fresh client knows no partitions
        consumer.assign(places)
        if places:
            await consumer.commit(await consumer.beginning_offsets(places))
    finally:
        await consumer.stop()
    return len(places)


async def _read_by(bootstrap: str, group: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.servers(bootstrap))
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([group])
        if answer.groups[0][5]:
            raise InUse(group)
        return [place for place, at in (await admin.list_consumer_group_offsets(group)).items() if at.offset >= 0]
    finally:
        await admin.close()
