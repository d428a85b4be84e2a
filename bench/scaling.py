"""What more replicas, more partitions and more members do to what a change takes."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench import drawing
from bench.figures import Figure, percentile
from bench.people import INSTITUTION, Coordinator, as_csv, coordinator, import_roster, mentees_of, settled
from bench.pipeline import FAST_PER_SECOND, FAST_SECONDS, MEMBERS, measured
from bench.plumbing import consumed, member, produce, suggestions
from bench.site import BenchmarkContext
from shared import kafka, mongo
from shared.consuming import inbox, projection
from shared.consuming.consumer import Consumers
from shared.contracts.envelope import Received
from shared.contracts.matching import SuggestionsChanged
from shared.contracts.profiles import MemberChanged
from shared.mongo import Transaction

_PARTITIONS = (1, 4, 16)
_STATES, _FACTS = 20_000, 4_000
_SIZES = (1_000, 10_000, 100_000)
_CHANGES, _CHANGES_PER_SECOND = 200, 10


async def replicas(context: BenchmarkContext) -> list[Figure]:
    """The main loop with two replicas of each service; changes are sent to them in turn."""
    async with context.services() as first, httpx.AsyncClient(base_url=first["profiles"]) as client:
        second = await context.join()
        async with httpx.AsyncClient(base_url=second["profiles"]) as other:
            signed_in = await coordinator(context, client, INSTITUTION)
            await import_roster(context, signed_in, as_csv(MEMBERS))
            await settled(context, MEMBERS // 2)
            mentees = await mentees_of(signed_in)
            both = [signed_in, Coordinator(other, signed_in.headers)]
            await measured(context, both, mentees[:40], per_second=FAST_PER_SECOND)  # warm
            chosen = mentees[40 : 40 + FAST_PER_SECOND * FAST_SECONDS]
            took = await measured(context, both, chosen, per_second=FAST_PER_SECOND)
    note = f"{MEMBERS:,} members, {len(took)} changes; worst {max(took) * 1000:,.0f} ms"
    name = "own change to inbox, 20/s, two replicas"
    return [
        Figure(name=f"{name}, p50", value=percentile(took, 50) * 1000, unit="ms", note=note),
        Figure(name=f"{name}, p99", value=percentile(took, 99) * 1000, unit="ms"),
    ]


async def partitions(context: BenchmarkContext) -> list[Figure]:
    """One consumer, the same records in 1, 4 and 16 partitions."""
    figures = []
    for count in _PARTITIONS:
        for topic in (MemberChanged.TOPIC, SuggestionsChanged.TOPIC):
            await _recreate_topic(context, topic, count)
        folded, reacted = await _folded(context), await _reacted(context)
        name = f"{count} partition" + "s" * (count > 1)
        figures += [
            Figure(name=f"projection, {name}", value=folded, unit="records/s"),
            Figure(name=f"reaction, {name}", value=reacted, unit="facts/s"),
        ]
    return figures


async def _recreate_topic(context: BenchmarkContext, topic: str, count: int) -> None:
    """Kafka forgets a topic some moments after it has said so."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.servers(context.bootstrap))
    await admin.start()
    try:
        await admin.delete_topics([topic])
        while topic in await admin.list_topics():
            await asyncio.sleep(0.1)
        while True:
            created = await admin.create_topics([NewTopic(topic, count, 1)])
            if not created.topic_errors[0][1]:
                return
            await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def _folded(context: BenchmarkContext) -> float:
    database = context.database("matching", service="matching")
    institution = f"partitions-{context.clock.new_id()}"
    await produce(context, [member(n, institution) for n in range(_STATES)], institution)
    copies = database["partitioned"]
    await copies.drop()
    await mongo.ensure_indexes(copies, [])

    async def fold(received: Sequence[Received]) -> list[projection.Refused]:
        return await projection.fold(copies, received)

    def register(consumers: Consumers) -> None:
        consumers.projection({MemberChanged: fold})

    return await consumed(context, database, register, into="partitioned", records=_STATES)


async def _reacted(context: BenchmarkContext) -> float:
    database = context.database("notifications", service="notifications")
    await inbox.prepare(database)
    institution = f"partitions-{context.clock.new_id()}"
    await produce(context, [suggestions(n, institution) for n in range(_FACTS)], institution)
    effects = database["partitioned"]
    await effects.drop()
    await mongo.ensure_indexes(effects, [])

    def react(received: Received, transaction: Transaction) -> None:
        transaction["partitioned"].insert_one({"of": received.envelope.subject}, session=transaction.session)

    def register(consumers: Consumers) -> None:
        consumers.reaction({SuggestionsChanged: react})

    return await consumed(context, database, register, into="partitioned", records=_FACTS)


async def growth(context: BenchmarkContext) -> list[Figure]:
    """What a change takes, and costs each service in processor time, as the network grows. Draws docs/growth.svg."""
    figures: list[Figure] = []
    took: list[float] = []
    costs: list[dict[str, float]] = []
    async with context.services() as addresses, httpx.AsyncClient(base_url=addresses["profiles"], timeout=60) as client:
        signed_in = await coordinator(context, client, INSTITUTION)
        for size in _SIZES:
            await import_roster(context, signed_in, as_csv(size))
            await settled(context, size // 2)
            mentees = await mentees_of(signed_in)
            await measured(context, [signed_in], mentees[-40:], per_second=_CHANGES_PER_SECOND)  # warm
            seconds, cost = await _costly(context, signed_in, mentees[:_CHANGES])
            took.append(percentile(seconds, 50) * 1000)
            costs.append(cost)
            context.say(f"{size:,} members: {took[-1]:.1f} ms, {cost}")
            cost_note = ", ".join(f"{name} {value:.1f}" for name, value in cost.items())
            figures += [
                Figure(name=f"own change, {size:,} members, p50", value=took[-1], unit="ms"),
                Figure(
                    name=f"processor time of a change, {size:,} members",
                    value=sum(cost.values()),
                    unit="ms",
                    note=cost_note,
                ),
            ]
    drawing.growth(_SIZES, took, costs)
    return figures


async def _costly(
    context: BenchmarkContext, signed_in: Coordinator, mentees: Sequence[dict[str, Any]]
) -> tuple[list[float], dict[str, float]]:
    """Seconds that each change took, and milliseconds of processor time a change, by service."""
    before = context.processor_seconds()
    took = await measured(context, [signed_in], mentees, per_second=_CHANGES_PER_SECOND)
    after = context.processor_seconds()
    return took, {name: (after[name] - before[name]) * 1000 / len(mentees) for name in after}
