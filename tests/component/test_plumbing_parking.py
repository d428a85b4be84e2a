"""Parked records on real Kafka and real MongoDB: in order behind their key, retried, dropped."""

import asyncio
from concurrent.futures import Future

import pytest
from aiokafka import AIOKafkaProducer

from shared.consuming.parking import ParkReason, ParkRequest
from shared.consuming.projection import ANOTHER_INSTITUTION
from shared.contracts.matching import SuggestionsChanged
from shared.errors import Rejected
from tests.component.conftest import Plumbing
from tests.component.consuming import Effects, Sent, have, parked, record, send, suggestions
from tests.eventually import eventually


@pytest.fixture
def effects(plumbing: Plumbing, tenant: str) -> Effects:
    return Effects(plumbing, tenant)


async def test_later_records_of_a_key_park_in_order_behind_it_until_a_retry_succeeds(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects
) -> None:
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    effects.refuse = {"held"}
    series = [record(plumbing, suggestions(tenant, "held", n), tenant, sequence=n) for n in (1, 2, 3)]
    await send(producer, [*series[:2], record(plumbing, suggestions(tenant, "free"), tenant)])

    await plumbing.consumers.start()
    await have(effects, [("free", 1)])
    await send(producer, series[2:])

    async def all_wait() -> bool:
        return await parked(plumbing, tenant) == [("handler_refused", 1), ("behind_parked", 2), ("behind_parked", 3)]

    await eventually(all_wait, message="three parked in order")
    assert await plumbing.consumers.retry_due() == 0, "a refusal waits for the operator"

    effects.refuse = set()
    [head, *_] = await plumbing.parking.waiting()
    assert await plumbing.parking.retry(head.id, now=plumbing.now())
    assert await plumbing.consumers.retry_due() == 3

    assert [version for mentee, version in await effects.effects() if mentee == "held"] == [1, 2, 3]
    assert await parked(plumbing, tenant) == []


async def test_a_fault_is_tried_three_times_then_parked_with_a_time_to_retry(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects
) -> None:
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    effects.fault = {"flaky"}
    await send(producer, [record(plumbing, suggestions(tenant, "flaky"), tenant)])
    await plumbing.consumers.start()

    async def is_parked() -> bool:
        return await parked(plumbing, tenant) == [("handler_failed", 1)]

    await eventually(is_parked, message="parked")
    [first] = await plumbing.parking.waiting()
    assert first.attempts == 3
    assert first.retry_at is not None
    assert first.retry_at > plumbing.now()

    assert await plumbing.consumers.retry_due() == 0, "not due yet"
    effects.fault = set()
    await plumbing.parking.retry(first.id, now=plumbing.now())
    assert await plumbing.consumers.retry_due() == 1
    await have(effects, [("flaky", 1)])


async def test_parked_records_of_a_key_are_retried_in_order_each_when_its_own_time_has_come(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects
) -> None:
    """The fault ends between two retries: a record that failed again waits again, and later records wait behind it."""
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    effects.fault = {"held"}
    await send(producer, [record(plumbing, suggestions(tenant, "held", n), tenant, sequence=n) for n in (1, 2, 3)])
    await plumbing.consumers.start()

    async def all_wait() -> bool:
        return await parked(plumbing, tenant) == [("handler_failed", 1), ("behind_parked", 2), ("behind_parked", 3)]

    await eventually(all_wait, message="three parked in order")
    effects.fault_at = {2}
    effects.fault = set()
    [first, *_] = await plumbing.parking.waiting()
    assert await plumbing.parking.retry(first.id, now=plumbing.now())
    assert await plumbing.consumers.retry_due() == 1, "the second fails, the third does not overtake it"
    assert await parked(plumbing, tenant) == [("handler_failed", 2), ("behind_parked", 3)]
    [second, _] = await plumbing.parking.waiting()
    assert second.retry_at is not None
    assert second.retry_at > plumbing.now()
    assert await plumbing.consumers.retry_due() == 0, "not due yet, and nothing behind it is"

    effects.fault_at = set()
    assert await plumbing.parking.retry(second.id, now=plumbing.now())
    assert await plumbing.consumers.retry_due() == 2
    assert [version for _, version in await effects.effects()] == [1, 2, 3]


async def test_a_dropped_record_has_no_effect_even_when_it_is_read_again_and_its_key_flows_on(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects
) -> None:
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    effects.refuse = {"held"}
    series = [record(plumbing, suggestions(tenant, "held", n), tenant, sequence=n) for n in (1, 2)]
    await send(producer, series)
    await plumbing.consumers.start()

    async def both_wait() -> bool:
        return await parked(plumbing, tenant) == [("handler_refused", 1), ("behind_parked", 2)]

    await eventually(both_wait, message="two parked in order")
    [first, second] = await plumbing.parking.waiting()
    effects.refuse = set()
    assert await plumbing.parking.drop(first, now=plumbing.now())
    assert not await plumbing.parking.drop(first, now=plumbing.now()), "once"
    assert await plumbing.consumers.retry_due() == 1
    assert not await plumbing.parking.drop(second, now=plumbing.now()), "it has taken effect"

    again = await plumbing.database["parked"].find_one({"_id": first.id})
    assert again is not None
    assert not again["value"], "nothing of it is kept but its place"
    await send(producer, [*series, record(plumbing, suggestions(tenant, "held", 3), tenant, sequence=3)])
    await have(effects, [("held", 2), ("held", 3)])


async def test_a_record_dropped_while_it_is_retried_is_either_dropped_or_takes_effect(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects
) -> None:
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    effects.refuse = {"held"}
    await send(producer, [record(plumbing, suggestions(tenant, "held"), tenant)])
    await plumbing.consumers.start()

    async def waits() -> bool:
        return await parked(plumbing, tenant) == [("handler_refused", 1)]

    await eventually(waits, message="parked")
    [first] = await plumbing.parking.waiting()
    effects.refuse = set()
    await plumbing.parking.retry(first.id, now=plumbing.now())

    loop = asyncio.get_running_loop()
    drops: list[Future[bool]] = []

    def drop(_mentee: str) -> None:
        drops.append(asyncio.run_coroutine_threadsafe(plumbing.parking.drop(first, now=plumbing.now()), loop))

    effects.before = drop
    await plumbing.consumers.retry_due()
    is_dropped = await asyncio.wrap_future(drops[0])
    assert await effects.effects() == ([] if is_dropped else [("held", 1)])
    assert await plumbing.parking.waiting() == []


async def test_an_unreadable_dropped_record_is_not_parked_again_when_its_offset_is_reread(
    plumbing: Plumbing, tenant: str
) -> None:
    """As after a kill between parking it and committing its offset."""
    key = f"{tenant}:x".encode()
    broken = Sent("matching.events", 7, key, b"{nonsense", [])

    async def park(id: str) -> None:
        request = ParkRequest(record=broken, cause=ParkReason("malformed", "no JSON"), id=id, blocks=True)
        await plumbing.parking.park([request], consumer="c", now=plumbing.now())

    await park("first")
    [parked] = await plumbing.parking.waiting()
    assert await plumbing.parking.drop(parked, now=plumbing.now())
    await park("second")
    assert await plumbing.parking.waiting() == []
    assert plumbing.parking.blocked("c", [key]) == set()


async def test_a_fact_with_a_member_of_another_institution_is_parked_for_that_reason(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects
) -> None:
    def refuse(_mentee: str) -> None:
        raise Rejected(ANOTHER_INSTITUTION, "not theirs")

    effects.before = refuse
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    await send(producer, [record(plumbing, suggestions(tenant, "far"), tenant)])
    await plumbing.consumers.start()

    async def waits() -> bool:
        return await parked(plumbing, tenant) == [(ANOTHER_INSTITUTION, 1)]

    await eventually(waits, message="parked")
