"""The outbox and its relay, on real Kafka and real MongoDB."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from aiokafka.errors import KafkaTimeoutError

from shared.contracts.envelope import Trace, read
from shared.contracts.profiles import ContactChanged
from shared.outbox.publisher import Publisher
from shared.outbox.table import OutboxEvent
from tests.component.conftest import Plumbing
from tests.component.sending import commit, fact, published, relay_of
from tests.eventually import eventually


class Counting:
    """A publisher that remembers the ids of what it was given."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.sent: list[str] = []

    async def send(self, topic: str, *, headers: Sequence[tuple[str, bytes]], **record: Any) -> Any:
        self.sent.append(dict(headers)["ce_id"].decode())
        return await self._publisher.send(topic, headers=headers, **record)

    async def renew(self) -> None:
        await self._publisher.renew()


async def drained(plumbing: Plumbing, publisher: Publisher) -> None:
    relay = relay_of(plumbing, publisher)
    lease = relay._lease
    assert await lease.take()

    async def nothing_pending() -> bool:
        await relay.drain()
        return not await plumbing.database["outbox"].count_documents({"status": "pending"})

    await eventually(nothing_pending, within=30, message="the outbox is empty")


async def test_a_committed_fact_is_published_with_its_attributes(
    plumbing: Plumbing, publisher: Publisher, kafka_bootstrap: str
) -> None:
    id = f"i-{plumbing.clock.new_id()}"
    sent = fact(plumbing, id, 1)
    await commit(plumbing, [sent])

    await drained(plumbing, publisher)

    [record] = await published(kafka_bootstrap, "profiles.institutions", {id}, 1)
    received = read(key=record.key, value=record.value, headers=record.headers)
    assert received is not None
    assert received.payload == sent.payload
    assert received.envelope.id == sent.id
    assert received.envelope.time == sent.time


async def test_facts_of_a_key_keep_their_order_whatever_their_priority_and_id(
    plumbing: Plumbing, publisher: Publisher, kafka_bootstrap: str
) -> None:
    id = f"i-{plumbing.clock.new_id()}"
    facts = [fact(plumbing, id, sequence, bulk=sequence % 3 == 0) for sequence in range(1, 61)]
    await commit(plumbing, facts[::-1])
    crowd = [fact(plumbing, f"{id}-{n}", 1) for n in range(600)]
    await commit(plumbing, crowd)

    await drained(plumbing, publisher)

    records = await published(kafka_bootstrap, "profiles.institutions", {id}, 60)
    sequences = [int(dict(record.headers)["ce_sequence"]) for record in records]
    assert sequences == list(range(1, 61))


async def test_a_single_change_does_not_wait_behind_another_institutions_backlog(
    plumbing: Plumbing, publisher: Publisher
) -> None:
    """Neither behind its import, nor behind its changes that are as urgent and came first."""
    busy, quiet = f"i-{plumbing.clock.new_id()}", f"q-{plumbing.clock.new_id()}"
    crowd = [replace(fact(plumbing, f"{busy}-{n}", 1, bulk=n % 2 == 0), institution=busy) for n in range(3_000)]
    single = fact(plumbing, quiet, 1)
    await commit(plumbing, crowd)
    await commit(plumbing, [single])
    counting = Counting(publisher)
    relay = relay_of(plumbing, counting)
    assert await relay._lease.take()

    await relay.drain()

    assert counting.sent.index(single.id) < 1_000


async def test_a_key_stops_at_its_first_failure_and_others_go_on(plumbing: Plumbing, publisher: Publisher) -> None:
    id = f"i-{plumbing.clock.new_id()}"
    await commit(plumbing, [fact(plumbing, id, 1), fact(plumbing, id, 2), fact(plumbing, f"{id}-other", 1)])

    class Refuses:
        async def send(self, topic: str, **record: Any) -> Any:
            if record["key"] == f"{id}:{id}".encode():
                raise KafkaTimeoutError
            return await publisher.send(topic, **record)

        async def renew(self) -> None: ...

    relay = relay_of(plumbing, Refuses())
    assert await relay._lease.take()
    await relay.drain()

    pending = await plumbing.database["outbox"].find({"status": "pending"}).to_list(None)
    assert sorted(row["sequence"] for row in pending) == [1, 2]
    assert {row["institution"] for row in pending} == {id}


async def test_sent_rows_of_private_topics_are_deleted_and_others_kept(
    plumbing: Plumbing, publisher: Publisher
) -> None:
    id = f"i-{plumbing.clock.new_id()}"
    contact = ContactChanged(member="m", institution=id, name="Ada", email="ada@example.org")
    private = OutboxEvent(
        id=plumbing.clock.new_id(),
        payload=contact,
        institution=id,
        sequence=1,
        time=plumbing.now(),
        trace=Trace(correlation_id="c"),
    )
    await commit(plumbing, [private, fact(plumbing, id, 1)])

    await drained(plumbing, publisher)

    assert [row["topic"] async for row in plumbing.database["outbox"].find()] == ["profiles.institutions"]


async def test_a_committed_row_wakes_the_relay(plumbing: Plumbing, publisher: Publisher) -> None:
    relay = relay_of(plumbing, publisher)
    running = asyncio.create_task(relay.run())
    await eventually(lambda: relay._lease.is_held, message="the lease")
    rows = plumbing.database["outbox"]

    for n in range(3):
        await commit(plumbing, [fact(plumbing, f"i-{plumbing.clock.new_id()}", 1)])

        async def sent(n: int = n) -> bool:
            return await rows.count_documents({"status": "sent"}) == n + 1

        await eventually(sent, message="published")
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert await plumbing.lease(holder="successor").take(), "a relay that stops lets the next one in at once"


async def test_a_lease_has_one_holder_and_its_token_rises_with_the_holder(plumbing: Plumbing) -> None:
    first = plumbing.lease("shard", holder="first", seconds=2)
    second = plumbing.lease("shard", holder="second", seconds=2)

    assert await first.take()
    assert not await second.take()
    assert await first.take(), "renewing keeps it"
    token = first.token

    await eventually(second.take, within=30, message="an expired lease is taken over")
    assert second.token == token + 1
    assert not first.is_held, "the old holder knows before the database does"
    assert not await first.take()


async def test_a_fact_being_marked_as_sent_is_not_published_again(plumbing: Plumbing, publisher: Publisher) -> None:
    """Facts trickle in while others are marked: each search for more meets some whose mark is not there yet."""
    id, counting = f"i-{plumbing.clock.new_id()}", Counting(publisher)
    facts = [fact(plumbing, f"{id}-{n}", 1) for n in range(200)]

    async def trickle() -> None:
        for waiting in facts:
            await commit(plumbing, [waiting])

    trickling = asyncio.create_task(trickle())
    relay = relay_of(plumbing, counting)
    assert await relay._lease.take()
    while not trickling.done():
        await relay.drain()
        await relay._lease.take()
    await trickling
    await relay.drain()
    assert sorted(counting.sent) == sorted(fact.id for fact in facts)


async def test_a_backlog_is_published_once_while_its_rows_are_being_marked(
    plumbing: Plumbing, publisher: Publisher
) -> None:
    """Finding the next rows overlaps with marking the last: what is not marked yet must not be found again."""
    tenant = f"i-{plumbing.clock.new_id()}"
    await commit(plumbing, [fact(plumbing, f"{tenant}-{n}", 1) for n in range(3_000)])
    counting = Counting(publisher)
    relay = relay_of(plumbing, counting)
    assert await relay._lease.take()
    await relay.drain()

    assert len(counting.sent) == len(set(counting.sent)) == 3_000


async def test_rows_sent_from_the_change_stream_keep_key_order_during_an_import(
    plumbing: Plumbing, publisher: Publisher, kafka_bootstrap: str
) -> None:
    """Urgent and bulk facts of the same keys, committed while the relay runs, one transaction after the other."""
    counting = Counting(publisher)
    relay = relay_of(plumbing, counting)
    running = asyncio.create_task(relay.run())
    keys = [f"i-{plumbing.clock.new_id()}" for _ in range(4)]
    try:
        for sequence in range(1, 41):
            for position, id in enumerate(keys):
                await commit(plumbing, [fact(plumbing, id, sequence, bulk=(sequence + position) % 7 == 0)])
        records = await published(kafka_bootstrap, "profiles.institutions", set(keys), 160)
    finally:
        running.cancel()
        await asyncio.wait([running])

    for id in keys:
        of_key = [int(dict(record.headers)["ce_sequence"]) for record in records if record.key.decode().startswith(id)]
        assert of_key == list(range(1, 41))
    assert len(counting.sent) == len(set(counting.sent))
