"""Detects that topics belong to another network: compares an identity in a topic with the one in each MongoDB.

Each service claims its topics for its own store once. It starts only where the topic's identity is the stored one and
no other store has claimed the service before, so that two networks never share topics or consumer groups.
"""

import json
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import kafka
from shared.clock import Clock
from shared.mongo import Database, ReturnDocument, ensure_indexes
from shared.topics import Topic

TOPIC = "preceptor.network"
_REMEMBERED = {"_id": "this"}


class AnotherNetwork(Exception):
    """The topics belong to another network, or to another store of the same service. The text says which."""


@dataclass(frozen=True, slots=True)
class Marker:
    """The content of the topic: the network's identity, and for each service the store that claimed it first."""

    identity: str | None
    stores: dict[str, str]


def marker_topic(address: str, *, like: Topic) -> Topic:
    """The topic, replicated as `like` is. Not compacted: the first claim counts, and compaction would keep the last."""
    return Topic(
        name=kafka.named(address, TOPIC),
        partitions=1,
        replication=like.replication,
        settings={
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "min.insync.replicas": like.settings["min.insync.replicas"],
        },
    )


class Network:
    """The topic must exist. Every method raises `AnotherNetwork`."""

    def __init__(self, database: Database, address: str, *, service: str, clock: Clock) -> None:
        self._remembered = database["network"]
        self._address = address
        self._service = service
        self._clock = clock

    async def join(self) -> None:
        """Claims the topics for this store, or checks the claim. Idempotent; several processes may call it at once."""
        await ensure_indexes(self._remembered, [])
        store, remembered = await self._load_or_create_store_id()
        marker = await read_marker(self._address)
        if marker.identity is None:
            await self._write("identity", remembered or self._clock.new_id())
            marker = await read_marker(self._address)
        _compare(marker, service=self._service, identity=remembered, store=store)
        if self._service not in marker.stores:
            await self._write(self._service, store)
            marker = await read_marker(self._address)
            _compare(marker, service=self._service, identity=remembered, store=store)
        await self._remembered.update_one(_REMEMBERED, {"$set": {"identity": marker.identity}})

    async def check(self) -> Marker:
        """Compares without a claim, for commands. A store that never joined a network fits every network."""
        mine = await self._remembered.find_one(_REMEMBERED) or {}
        marker = await read_marker(self._address)
        if mine:
            _compare(marker, service=self._service, identity=mine.get("identity"), store=mine["store"])
        return marker

    async def adopt(self) -> None:
        """Transfers the topics to this store after the loss of the old one, which is refused from then."""
        store, _ = await self._load_or_create_store_id()
        for name, other in await _claims(self._address):
            if name == self._service and other != store:
                await self._write(name, other, is_withdrawn=True)
        await self._remembered.update_one(_REMEMBERED, {"$unset": {"identity": ""}})
        await self.join()

    async def _load_or_create_store_id(self) -> tuple[str, str | None]:
        """The id of this store, and the network's identity or None before the store joins."""
        document = await self._remembered.find_one_and_update(
            _REMEMBERED,
            {"$setOnInsert": {"store": self._clock.new_id()}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return document["store"], document.get("identity")

    async def _write(self, name: str, value: str, *, is_withdrawn: bool = False) -> None:
        body = {"name": name, "value": value, "withdrawn": is_withdrawn}
        producer = kafka.producer(self._address)
        await producer.start()
        try:
            await producer.send_and_wait(kafka.named(self._address, TOPIC), json.dumps(body).encode())
        finally:
            await producer.stop()


def _compare(marker: Marker, *, service: str, identity: str | None, store: str) -> None:
    if identity is not None and marker.identity is not None and identity != marker.identity:
        raise AnotherNetwork("this MongoDB belongs to another network than the topics")
    if marker.stores.get(service, store) != store:
        raise AnotherNetwork(f"the topics belong to a network whose {service} has another MongoDB")


async def read_marker(address: str) -> Marker:
    first: dict[str, str] = {}
    for name, value in await _claims(address):
        first.setdefault(name, value)
    return Marker(identity=first.pop("identity", None), stores=first)


async def _claims(address: str) -> list[tuple[str, str]]:
    """Name and value of each claim that is not withdrawn, in order of offset."""
    partition = TopicPartition(kafka.named(address, TOPIC), 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.servers(address),
        client_id=kafka.named(address, "preceptor-network"),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    claims: dict[tuple[str, str], None] = {}
    try:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        while await consumer.position(partition) < end:
            for record in (await consumer.getmany(partition, timeout_ms=500)).get(partition, []):
                body = json.loads(record.value)
                claim = body["name"], body["value"]
                if body["withdrawn"]:
                    claims.pop(claim, None)
                else:
                    claims.setdefault(claim)
    finally:
        await consumer.stop()
    return list(claims)
