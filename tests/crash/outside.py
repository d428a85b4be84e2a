"""Reads Kafka and the services' databases directly, without the code under test."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.payload import Payload
from shared.mongo import Database, Document

TOPICS = (
    "profiles.institutions",
    "profiles.programmes",
    "profiles.vocabulary",
    "profiles.members",
    "profiles.preferences",
    "profiles.contacts",
    "profiles.mentoring",
    "profiles.erasures",
    "matching.assessments",
    "profiles.events",
    "matching.events",
    "mentorships.events",
    "notifications.events",
)
GROUPS = {
    "matching.projection": (*TOPICS[:5], "profiles.erasures"),
    "matching.reaction": ("mentorships.events",),
    "mentorships.projection": (
        "profiles.members",
        "profiles.mentoring",
        "profiles.programmes",
        "profiles.erasures",
        "matching.assessments",
    ),
    "mentorships.reaction": ("matching.events",),
    "profiles.projection": ("matching.events",),
    "notifications.projection": (
        "profiles.contacts",
        "profiles.institutions",
        "profiles.programmes",
        "profiles.erasures",
    ),
    "notifications.reaction": ("matching.events", "mentorships.events", "profiles.events"),
    "profiles.reaction": ("matching.events", "mentorships.events", "notifications.events"),
}
_COLLECTIONS = {
    "profiles": (
        *("institutions", "programmes", "terms", "members", "outbox", "relations", "suggested"),
        # The markers last: a relation that is gone before its member's marker is there would look lost.
        *("invitations", "erasures", "erased_members"),
    ),
    "matching": (
        *("institutions", "programmes", "participants", "preferences", "outbox", "parked"),
        *("lists", "requests", "relationships", "seats", "departures", "erasures"),
        *("rounds", "round_chunks", "places", "repairs", "repair_steps", "rehearsals"),
    ),
    "mentorships": ("people", "mentors", "programmes", "outbox", "parked", "mentorships", "erasures"),
    "notifications": (
        *("institutions", "programmes", "contacts", "outbox", "parked"),
        *("inbox", "recipients", "notifications", "deliveries", "erasures"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An event read from a topic."""

    partition: int
    offset: int
    key: str
    sequence: int
    id: str
    value: str
    headers: tuple[tuple[str, bytes], ...] = ()

    def is_of(self, kind: type[Payload]) -> bool:
        return ("ce_type", kind.TYPE.encode()) in self.headers

    @property
    def aggregate(self) -> str:
        return self.key.partition(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Offsets were read first and documents last, so the effects of all committed records must be in the documents."""

    committed: Mapping[str, Mapping[tuple[str, int], int]]
    """By group."""
    ends: Mapping[tuple[str, int], int]
    records: Mapping[str, Sequence[Seen]]
    """By topic, in order of offset within each partition."""
    documents: Mapping[str, Mapping[str, Sequence[Document]]]
    """By service and collection."""

    def below(self, group: str, topic: str) -> Iterator[Seen]:
        """The topic's records below the group's committed offsets."""
        for record in self.records[topic]:
            if record.offset < self.committed[group].get((topic, record.partition), 0):
                yield record


_NOT_MADE_UP: Document = {"_id": {"$not": re.compile(r"\.poison-")}}
"""Excludes the lists of poison events, which a restored store reads back from the topic."""


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
                (partition.topic, partition.partition): committed.offset
                for partition, committed in (await admin.list_consumer_group_offsets(group)).items()
                if committed.offset >= 0
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
        partitions = [TopicPartition(topic, n) for topic in TOPICS for n in consumer.partitions_for_topic(topic) or ()]
        assert partitions, "topics are there"
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        async with asyncio.timeout(30):
            while any([await consumer.position(partition) < end for partition, end in ends.items()]):
                for partition, records in (await consumer.getmany(timeout_ms=100)).items():
                    found[partition.topic] += [seen for record in records if (seen := _seen(record))]
    finally:
        await consumer.stop()
    return {(partition.topic, partition.partition): end for partition, end in ends.items()}, found


def _seen(record: object) -> Seen | None:
    """None for a record that a test appended and that is not an event in binary mode."""
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
    """The group's state in Kafka, and its number of members."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([group])
        _, _, state, _, _, there, *_ = answer.groups[0]
        return state, len(there)
    finally:
        await admin.close()


async def reset_offsets(bootstrap: str, group: str) -> None:
    """Resets a group without members to the beginning of its topics."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        partitions = [TopicPartition(topic, n) for topic in GROUPS[group] for n in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        await consumer.commit(dict.fromkeys(partitions, 0))
    finally:
        await consumer.stop()
