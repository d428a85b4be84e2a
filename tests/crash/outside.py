"""What an outsider finds in Kafka and in the three databases: read directly, past everything that is tested."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.mongo import Database, Document

TOPICS = (
    "profiles.institutions",
    "profiles.programmes",
    "profiles.members",
    "profiles.preferences",
    "profiles.contacts",
    "profiles.erasures",
    "profiles.events",
    "matching.events",
    "notifications.events",
)
GROUPS = {
    "matching.projection": TOPICS[:4],
    "profiles.projection": ("matching.events",),
    "notifications.projection": ("profiles.contacts", "profiles.institutions", "profiles.programmes"),
    "notifications.reaction": ("matching.events",),
    "profiles.reaction": ("matching.events", "notifications.events"),
}
_COLLECTIONS = {
    "profiles": ("institutions", "programmes", "members", "outbox", "relations", "suggested"),
    "matching": (
        *("institutions", "programmes", "participants", "preferences", "outbox", "parked"),
        *("lists", "requests", "relationships", "seats"),
        *("rounds", "round_chunks", "places", "repairs", "repair_steps", "rehearsals"),
    ),
    "notifications": (
        *("institutions", "programmes", "contacts", "outbox", "parked"),
        *("inbox", "recipients", "notifications"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A record of ours in a topic."""

    partition: int
    offset: int
    key: str
    sequence: int
    id: str
    value: str
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Offsets were read first and documents last: whatever an offset stands for must be in the documents."""

    committed: Mapping[str, Mapping[tuple[str, int], int]]
    """By group."""
    ends: Mapping[tuple[str, int], int]
    records: Mapping[str, Sequence[Seen]]
    """By topic, each partition's in its order."""
    documents: Mapping[str, Mapping[str, Sequence[Document]]]
    """By service and collection."""


_NOT_MADE_UP: Document = {"_id": {"$not": re.compile(r"\.poison-")}}
"""A test tells of lists that nobody has: what is read back from the topic into a restored store has them."""


async def look(bootstrap: str, databases: Mapping[str, Database]) -> Snapshot:
    committed = await _committed(bootstrap)
    ends, records = await _read(bootstrap)
    documents = {
        service: {name: await databases[service][name].find(_NOT_MADE_UP).to_list(None) for name in names}
        for service, names in _COLLECTIONS.items()
    }
    return Snapshot(committed=committed, ends=ends, records=records, documents=documents)


async def _committed(bootstrap: str) -> dict[str, dict[tuple[str, int], int]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return {
            group: {
                (place.topic, place.partition): known.offset
                for place, known in (await admin.list_consumer_group_offsets(group)).items()
                if known.offset >= 0
            }
            for group in GROUPS
        }
    finally:
        await admin.close()


async def _read(bootstrap: str) -> tuple[dict[tuple[str, int], int], dict[str, list[Seen]]]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False, fetch_max_wait_ms=20
    )
    await consumer.start()
    found: dict[str, list[Seen]] = {topic: [] for topic in TOPICS}
    try:
        await consumer._client.force_metadata_update()
        places = [TopicPartition(topic, n) for topic in TOPICS for n in consumer.partitions_for_topic(topic) or ()]
        assert places, "topics are there"
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        async with asyncio.timeout(30):
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                for place, records in (await consumer.getmany(timeout_ms=100)).items():
                    found[place.topic] += [seen for record in records if (seen := _seen(record))]
    finally:
        await consumer.stop()
    return {(place.topic, place.partition): end for place, end in ends.items()}, found


def _seen(record: object) -> Seen | None:
    """None for what a test has put there that is no event."""
    headers = {name: value.decode() for name, value in record.headers}
    if "ce_id" not in headers:
        return None
    return Seen(
        partition=record.partition,
        offset=record.offset,
        key=record.key.decode(),
        sequence=int(headers["ce_sequence"]),
        id=headers["ce_id"],
        value=(record.value or b"").decode(),
        headers=tuple(record.headers),
    )


async def members(bootstrap: str, group: str) -> tuple[str, int]:
    """The group's state in Kafka's word, and how many are in it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([group])
        _, _, state, _, _, there, *_ = answer.groups[0]
        return state, len(there)
    finally:
        await admin.close()


async def set_back(bootstrap: str, group: str) -> None:
    """A group without members, to the beginning of all of its topics."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        places = [TopicPartition(topic, n) for topic in GROUPS[group] for n in consumer.partitions_for_topic(topic)]
        consumer.assign(places)
        await consumer.commit(dict.fromkeys(places, 0))
    finally:
        await consumer.stop()
