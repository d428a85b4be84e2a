"""Relay, projection and reaction against what the same servers do without our guarantees, in the same run."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from bench.figures import Figure
from bench.floors import transaction
from bench.site import BenchmarkContext
from shared import kafka, mongo
from shared.consuming import inbox, projection
from shared.consuming.consumer import Consumers
from shared.consuming.liveness import Watchdog
from shared.consuming.parking import Parking
from shared.contracts.dead_letters import MatchingRecordParked
from shared.contracts.envelope import Envelope, Received, Trace, headers_of
from shared.contracts.matching import SuggestionsChanged
from shared.contracts.payload import Payload
from shared.contracts.profiles import Enrolment, MemberChanged
from shared.leases import Lease
from shared.mongo import Database, ReplaceOne, Session, Transaction
from shared.outbox import table as outbox
from shared.outbox.publisher import OutboxPublisher
from shared.outbox.table import OutboxEvent
from shared.telemetry import Metrics

_RECORDS = 20_000
_TRANSACTIONS = 4_000
_CONCURRENT = 48


def member(n: int, institution: str) -> MemberChanged:
    """About 600 bytes of JSON, like a real one."""
    return MemberChanged(
        member=f"m-{n:06}",
        institution=institution,
        status="active",
        enrolments=(Enrolment(programme="general", roles=("mentee",)),),
        stage="resident",
        specialty="internal-medicine",
        topics_offered=("research-methods", "leadership"),
        topics_wanted=("career-planning", "work-life-balance", "teaching"),
        languages=("en", "de"),
        formats=("video", "in_person"),
        time_zone="Europe/Berlin",
        hours_per_month=4,
    )


def suggestions(n: int, institution: str) -> SuggestionsChanged:
    return SuggestionsChanged(
        enrolment=f"general.m-{n:06}",
        programme="general",
        mentee=f"m-{n:06}",
        institution=institution,
        version=1,
        ranked=(),
        cause="own_change",
    )


async def seconds(context: BenchmarkContext, work: Awaitable[object]) -> float:
    began = context.clock.monotonic()
    await work
    return context.clock.monotonic() - began


async def relay(context: BenchmarkContext) -> list[Figure]:
    """Rows already waiting, published and marked, against gathered publishes of the same records by the broker."""
    database = context.database("profiles")
    await database["outbox"].drop()
    await outbox.prepare(database)
    facts = [_fact(context, member(n, "relay-bench")) for n in range(_RECORDS)]
    rows = [outbox._row(fact) for fact in facts]  # noqa: SLF001 -- the same records for the floor
    floor = _RECORDS / await seconds(context, _publish_gathered(context, rows))
    await database["outbox"].insert_many(rows)
    publisher = kafka.Publisher(context.bootstrap)
    await publisher.start()
    lease = Lease(database, "relay", holder="bench", clock=context.clock, seconds=60)
    await lease.take()
    relay = OutboxPublisher(database, publisher, lease=lease, clock=context.clock, metrics=Metrics())
    rate = _RECORDS / await seconds(context, relay.drain())
    await publisher.stop()
    left = await database["outbox"].count_documents({"status": "pending"})
    if left:
        raise AssertionError(f"{left} rows were not published")
    return [
        Figure(
            name="relay",
            value=rate,
            unit="facts/s",
            floor=floor,
            bar=0.5,
            better="higher",
            note="floor: gathered `broker.publish` without an outbox",
        )
    ]


async def _publish_gathered(context: BenchmarkContext, rows: Sequence[dict[str, Any]]) -> None:
    broker = kafka.broker(context.bootstrap)
    await broker.connect()
    await broker.start()
    for at in range(0, len(rows), 500):
        await asyncio.gather(
            *(
                broker.publish(row["value"], row["topic"], key=row["key"].encode(), headers=row["headers"])
                for row in rows[at : at + 500]
            )
        )
    await broker.stop()


async def projected(context: BenchmarkContext) -> list[Figure]:
    """Records waiting in a compacted topic, folded, against bare guarded bulk writes of the same documents."""
    database = context.database("matching", service="matching")
    institution = f"projection-{context.clock.new_id()}"
    members = [member(n, institution) for n in range(_RECORDS)]
    documents = [{"institution": institution, "sequence": 1, **member.model_dump()} for member in members]
    floor = _RECORDS / await seconds(context, _bulk(database, documents))
    await produce(context, members, institution)
    copies = database["projected"]
    await copies.drop()
    await mongo.ensure_indexes(copies, [])

    async def fold(received: Sequence[Received]) -> list[projection.Refused]:
        return await projection.fold(
            copies, [record for record in received if record.envelope.institution == institution]
        )

    rate = await consumed(
        context,
        database,
        lambda consumers: consumers.projection({MemberChanged: fold}),
        into="projected",
        records=_RECORDS,
    )
    return [
        Figure(
            name="projection",
            value=rate,
            unit="records/s",
            floor=floor,
            bar=0.5,
            better="higher",
            note="floor: bare guarded bulk upserts of the same documents, 500 at a time; "
            "measured from the first effect, as the reaction is",
        )
    ]


async def _bulk(database: Database, documents: Sequence[dict[str, Any]]) -> None:
    floor = database["floor"]
    for at in range(0, len(documents), 500):
        await floor.bulk_write(
            [
                ReplaceOne({"_id": document["member"], "sequence": {"$lt": 1}}, document, upsert=True)
                for document in documents[at : at + 500]
            ],
            ordered=False,
        )
    await floor.drop()


async def reacted(context: BenchmarkContext) -> list[Figure]:
    """One mark and one effect per fact, against transactions of two inserts at the same concurrency."""
    database = context.database("notifications", service="notifications")
    await inbox.prepare(database)
    for name in ("effects", "floor-a", "floor-b"):
        await database[name].drop()
        await mongo.ensure_indexes(database[name], [])
    floor = _TRANSACTIONS / await seconds(context, _two_inserts(context, database))
    institution = f"reaction-{context.clock.new_id()}"
    await produce(context, [suggestions(n, institution) for n in range(_TRANSACTIONS)], institution)

    def react(received: Received, transaction: Transaction) -> None:
        if received.envelope.institution == institution:
            transaction["effects"].insert_one({"of": received.envelope.subject}, session=transaction.session)

    rate = await consumed(
        context,
        database,
        lambda consumers: consumers.reaction({SuggestionsChanged: react}),
        into="effects",
        records=_TRANSACTIONS,
    )
    return [
        Figure(
            name="reaction",
            value=rate,
            unit="facts/s",
            floor=floor,
            bar=0.7,
            better="higher",
            note=f"floor: transactions of two inserts, {_CONCURRENT} in flight",
        )
    ]


async def _two_inserts(context: BenchmarkContext, database: Database) -> None:
    bound = asyncio.Semaphore(_CONCURRENT)

    async def body(session: Session) -> None:
        await database["floor-a"].insert_one(
            {"_id": context.clock.new_id(), "at": context.clock.now()}, session=session
        )
        await database["floor-b"].insert_one({"of": "a"}, session=session)

    async def insert() -> None:
        async with bound:
            await transaction(database, body)

    await asyncio.gather(*(insert() for _ in range(_TRANSACTIONS)))


async def consumed(
    context: BenchmarkContext, database: Database, register: Callable[[Consumers], None], *, into: str, records: int
) -> float:
    """Records a second, from the first effect seen to the last: joining the group is no part of the rate."""
    parking = Parking(database, dead_letter=MatchingRecordParked)
    await parking.prepare()
    metrics = Metrics()
    consumers = Consumers(
        kafka.broker(context.bootstrap),
        database,
        service=f"bench-{context.clock.new_id()}",
        parking=parking,
        clock=context.clock,
        metrics=metrics,
        watchdog=Watchdog(
            context.clock, metrics, limit_seconds=60, kafka_answers=lambda: kafka.answers(context.bootstrap)
        ),
    )
    register(consumers)

    await consumers.start()
    before = await _effects(database, into, at_least=1)
    began = context.clock.monotonic()
    after = await _effects(database, into, at_least=records)
    took = context.clock.monotonic() - began
    await consumers.stop()
    return (after - before) / took


async def _effects(database: Database, into: str, *, at_least: int) -> int:
    while (found := await database[into].estimated_document_count()) < at_least:
        await asyncio.sleep(0.01)
    return found


async def produce(context: BenchmarkContext, payloads: Sequence[Payload], institution: str) -> None:
    producer: AIOKafkaProducer = kafka.producer(context.bootstrap)
    await producer.start()
    for payload in payloads:
        envelope = Envelope(
            id=context.clock.new_id(),
            type=payload.TYPE,
            institution=institution,
            subject=payload.aggregate,
            sequence=1,
            time=context.clock.now(),
            trace=Trace(correlation_id="bench"),
        )
        await producer.send(
            payload.TOPIC,
            key=envelope.key.encode(),
            value=payload.model_dump_json().encode(),
            headers=[(name, text.encode()) for name, text in headers_of(envelope).items()],
        )
    await producer.flush()
    await producer.stop()


def _fact(context: BenchmarkContext, payload: MemberChanged) -> OutboxEvent:
    return OutboxEvent(
        id=context.clock.new_id(),
        payload=payload,
        institution=payload.institution,
        sequence=1,
        time=context.clock.now(),
        trace=Trace(correlation_id="bench"),
    )
