"""The batch consumer on real Kafka and real MongoDB: what it does with good, bad and repeated records."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from pymongo.errors import AutoReconnect

from shared import mongo
from shared.consuming import projection
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.matching import RequestDeclined, SuggestionsChanged
from shared.contracts.profiles import InstitutionChanged
from shared.mongo import Transaction
from tests.component.conftest import Plumbing
from tests.component.consuming import Effects, have, record, send, suggestions
from tests.eventually import eventually


@pytest.fixture
def effects(plumbing: Plumbing, tenant: str) -> Effects:
    return Effects(plumbing, tenant)


async def test_each_event_takes_effect_once_however_often_it_comes(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects
) -> None:
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    repeated = record(plumbing, suggestions(tenant, "a"), tenant)
    await send(producer, [repeated, repeated, record(plumbing, suggestions(tenant, "b"), tenant)])

    await plumbing.consumers.start()
    await have(effects, [("a", 1), ("b", 1)])
    await send(producer, [repeated, record(plumbing, suggestions(tenant, "c"), tenant)])
    await have(effects, [("a", 1), ("b", 1), ("c", 1)])


async def test_bad_records_are_parked_and_records_of_other_keys_handled(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects
) -> None:
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    good = suggestions(tenant, "good")
    headers = record(plumbing, good, tenant)["headers"]
    newer = SuggestionsChanged.TYPE.replace(".v1", ".v2")
    bad = [
        record(plumbing, suggestions(tenant, "broken-json"), tenant, value=b"{nonsense"),
        record(plumbing, suggestions(tenant, "wrong-shape"), tenant, value=b'{"mentee": 1}'),
        record(plumbing, suggestions(tenant, "newer"), tenant, headers={"ce_type": newer}),
        record(plumbing, suggestions(tenant, "no-key"), tenant, key=None),
        record(plumbing, suggestions(tenant, "no-sequence"), tenant, headers={"ce_sequence": "minus one"}),
        record(plumbing, suggestions(tenant, "huge-sequence"), tenant, headers={"ce_sequence": "9" * 40}),
        record(plumbing, suggestions(tenant, "other-key"), tenant, key=b"someone:else"),
    ]
    ignored = [
        record(plumbing, suggestions(tenant, "unknown"), tenant, headers={"ce_type": "com.example.other.v1"}),
        record(plumbing, suggestions(tenant, "no-headers"), tenant)
        | {"headers": [("ce_type", b"\xff\xfe"), ("ce_id", None)]},
        record(plumbing, suggestions(tenant, "other-type"), tenant, headers={"ce_type": RequestDeclined.TYPE}),
        record(plumbing, suggestions(tenant, "null"), tenant) | {"value": None, "headers": []},
    ]
    await send(producer, [*bad, *ignored, record(plumbing, good, tenant) | {"headers": [*headers, ("x-bin", b"\xff")]}])

    await plumbing.consumers.start()

    await have(effects, [("good", 1)])
    expected = ["bad_attributes"] * 3 + ["malformed", "malformed", "newer_major", "no_key"]

    async def all_are_parked() -> bool:
        return sorted(record.reason for record in await plumbing.parking.waiting()) == expected

    await eventually(all_are_parked, message="every bad record parked with its reason")
    mirrored = await plumbing.database["outbox"].find({"topic": "matching.dead-letters"}).to_list(None)
    assert len(mirrored) == len(bad)
    assert not any("broken" in row["value"] or tenant in row["value"] for row in mirrored), "never the value or key"


async def test_records_held_up_by_an_outage_are_neither_parked_nor_committed(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects, kafka_bootstrap: str
) -> None:
    rounds = 0

    def is_away(_mentee: str) -> None:
        nonlocal rounds
        rounds += 1
        raise AutoReconnect("no primary")

    effects.before = is_away
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    await send(producer, [record(plumbing, suggestions(tenant, "a", n), tenant, sequence=n) for n in (1, 2)])
    await plumbing.consumers.start()
    await eventually(lambda: rounds >= 3, within=20, message="it comes again and again")
    assert await plumbing.parking.waiting() == []
    assert not await _all_committed(kafka_bootstrap, f"{plumbing.consumers._service}.reaction")

    effects.before = None
    await have(effects, [("a", 1), ("a", 2)])
    assert await plumbing.parking.waiting() == []


async def test_handled_records_are_committed_and_those_failed_in_an_outage_come_again(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects, kafka_bootstrap: str
) -> None:
    """An outage raises: the batch is not committed, nothing is parked, and all of it comes again."""
    outages = ["one"]

    def fails_first(received: Received, transaction: Transaction) -> None:
        if received.envelope.institution == tenant and outages:
            outages.pop()
            raise AutoReconnect("the primary steps down")
        effects(received, transaction)

    plumbing.consumers.reaction({SuggestionsChanged: fails_first})
    await send(producer, [record(plumbing, suggestions(tenant, str(n)), tenant) for n in range(20)])

    await plumbing.consumers.start()

    await have(effects, [(str(n), 1) for n in range(20)])
    assert await plumbing.parking.waiting() == []
    await eventually(
        lambda: _all_committed(kafka_bootstrap, f"{plumbing.consumers._service}.reaction"), message="offsets at the end"
    )


async def test_a_rare_reaction_takes_effect_too_and_reads_many_records_together(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects, kafka_bootstrap: str
) -> None:
    plumbing.consumers.rare_reaction({SuggestionsChanged: effects})
    await plumbing.consumers.start()
    await send(producer, [record(plumbing, suggestions(tenant, str(n)), tenant) for n in range(20)])

    await have(effects, [(str(n), 1) for n in range(20)])
    await eventually(
        lambda: _all_committed(kafka_bootstrap, f"{plumbing.consumers._service}.reaction"), message="offsets at the end"
    )


async def _all_committed(bootstrap: str, group: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await admin.start()
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()  # a fresh client knows no partitions
        partitions = [
            TopicPartition("matching.events", n) for n in consumer.partitions_for_topic("matching.events") or ()
        ]
        assert partitions
        ends = await consumer.end_offsets(partitions)
        committed = await admin.list_consumer_group_offsets(group)
        return all(committed[p].offset == end for p, end in ends.items() if p in committed and end)
    finally:
        await admin.close()
        await consumer.stop()


async def test_a_projection_applies_only_what_is_newer_and_remembers_erasure(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str
) -> None:
    copies = plumbing.database["institutions"]

    async def fold(received: Sequence[Received]) -> list[projection.Refused]:
        return await projection.fold(copies, received)

    plumbing.consumers.projection({InstitutionChanged: fold})
    old = InstitutionChanged(institution=tenant, name="Old", status="active")
    new = old.model_copy(update={"name": "New"})
    erased = record(plumbing, new, tenant, sequence=3, value=None)
    await send(producer, [record(plumbing, new, tenant, sequence=2), record(plumbing, old, tenant, sequence=1)])
    await plumbing.consumers.start()

    async def name_is_new() -> bool:
        return (await copies.find_one({"_id": tenant}) or {}).get("name") == "New"

    await eventually(name_is_new, message="the newest state")
    await send(producer, [erased, record(plumbing, new, tenant, sequence=2)])

    async def only_marker() -> bool:
        copy = await copies.find_one({"_id": tenant}) or {}
        return bool(copy.get("erased")) and "name" not in copy and copy["sequence"] == 3

    await eventually(only_marker, message="a marker without a body")


async def test_a_subscriber_that_could_lose_records_stops_the_start(plumbing: Plumbing) -> None:
    async def handler(message: Any) -> None: ...

    plumbing.consumers._broker.subscriber("matching.events", group_id="x")(handler)
    with pytest.raises(AssertionError, match=r"could lose records"):
        await plumbing.consumers.start()


async def test_of_two_owners_that_both_insert_a_key_the_newer_state_stays(plumbing: Plumbing, tenant: str) -> None:
    """The upsert of the newer one meets the older one's insert and is refused: it must be tried again."""
    copies = plumbing.database["institutions"]
    await mongo.ensure_indexes(copies, [])

    def state(sequence: int, n: int) -> Received:
        payload = InstitutionChanged(institution=f"{tenant}-{n}", name=str(sequence), status="active")
        envelope = Envelope(
            id=f"{n}-{sequence}",
            type=payload.TYPE,
            institution=tenant,
            subject=payload.aggregate,
            sequence=sequence,
            time=None,
            trace=Trace(correlation_id="c"),
        )
        return Received(envelope, payload)

    for _ in range(20):
        await copies.delete_many({})
        owners = ([state(sequence, n) for n in range(20)] for sequence in (1, 2, 3))
        await asyncio.gather(*(projection.fold(copies, of_owner) for of_owner in owners))
        assert {copy["sequence"] async for copy in copies.find()} == {3}
