"""Bad records where they hurt most: amid a key's series, ten thousand at once, two megabytes large, out of order."""

import json
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from shared import kafka
from shared.consuming import projection
from shared.contracts.envelope import Received
from shared.contracts.matching import SuggestionsChanged
from shared.contracts.profiles import InstitutionChanged
from tests.component.conftest import Plumbing
from tests.component.consuming import Effects, have, record, send, suggestions
from tests.component.sending import institution, topic_takes
from tests.eventually import eventually

_MANY = 10_000
_TWO_MEGABYTES = 2_000_000


@pytest.fixture
def effects(plumbing: Plumbing, tenant: str) -> Effects:
    return Effects(plumbing, tenant)


async def versions(plumbing: Plumbing) -> list[tuple[str, int]]:
    """Of what is parked, in order; 0 where nothing can be read."""
    waiting = await plumbing.parking.waiting()
    return [
        (record.reason, 0 if record.reason == "malformed" else json.loads(record.value or b"")["version"])
        for record in waiting
    ]


async def test_a_poison_record_holds_later_records_of_its_key_only(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects
) -> None:
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    series = [record(plumbing, suggestions(tenant, "held", n), tenant, sequence=n) for n in range(1, 6)]
    series[2]["value"] = b"{poison"
    others = [record(plumbing, suggestions(tenant, f"free-{n}"), tenant) for n in range(20)]
    await send(producer, [*series[:4], *others])
    await plumbing.consumers.start()
    free = [(f"free-{n}", 1) for n in range(20)]
    await have(effects, [("held", 1), ("held", 2), *free])

    await send(producer, [series[4], record(plumbing, suggestions(tenant, "later"), tenant)])

    await have(effects, [("held", 1), ("held", 2), *free, ("later", 1)])
    expected = [("malformed", 0), ("behind_parked", 4), ("behind_parked", 5)]

    async def all_wait() -> bool:
        return await versions(plumbing) == expected

    await eventually(all_wait, message=f"{expected} are parked")
    [poison, *_] = await plumbing.parking.waiting()
    assert await plumbing.parking.drop(poison, now=plumbing.now())
    assert await plumbing.consumers.retry_due() == 2
    assert [version for mentee, version in await effects.effects() if mentee == "held"] == [1, 2, 4, 5]


async def parked_by(plumbing: Plumbing, consumer: str) -> int:
    return sum(count for (of, _), count in (await plumbing.parking.counts()).items() if of == consumer)


@pytest.mark.parametrize("keys", [1, _MANY], ids=["of one key", "of as many keys"])
async def test_ten_thousand_poison_records_do_not_block_the_next_valid_record(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects, keys: int
) -> None:
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    for n in range(_MANY):
        await producer.send(**record(plumbing, suggestions(tenant, f"bad-{n % keys}"), tenant, value=b"{poison"))
    await producer.flush()
    good = [record(plumbing, suggestions(tenant, f"good-{n}"), tenant) for n in range(20)]
    await send(producer, good)

    await plumbing.consumers.start()

    await have(effects, [(f"good-{n}", 1) for n in range(20)], within=120)
    consumer = f"{plumbing.consumers._service}.reaction"

    async def all_are_parked() -> bool:
        return await parked_by(plumbing, consumer) == _MANY

    await eventually(all_are_parked, within=60, message="all are parked")
    assert await plumbing.consumers.retry_due() == 0, "none of them is due"
    await send(producer, [record(plumbing, suggestions(tenant, "after"), tenant)])
    await have(effects, [*((f"good-{n}", 1) for n in range(20)), ("after", 1)])


async def test_ten_thousand_poison_states_do_not_block_the_next_valid_state(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str
) -> None:
    copies = plumbing.database["institutions"]

    async def fold(received: Sequence[Received]) -> list[projection.Refused]:
        return await projection.fold(
            copies, [record for record in received if record.envelope.institution.startswith(tenant)]
        )

    plumbing.consumers.projection({InstitutionChanged: fold})
    for _ in range(_MANY):
        await producer.send(**record(plumbing, institution(tenant), tenant, value=b"{poison"))
    await producer.flush()
    await send(producer, [record(plumbing, institution(tenant), tenant, sequence=2)])

    await plumbing.consumers.start()

    async def is_there() -> bool:
        return bool(await copies.count_documents({"_id": tenant, "sequence": 2}))

    await eventually(is_there, within=120, message="the good state is folded")
    assert await parked_by(plumbing, f"{plumbing.consumers._service}.projection") == _MANY


async def test_two_megabytes_are_refused_by_kafka_and_parked_where_it_takes_them(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects, kafka_bootstrap: str
) -> None:
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    huge = record(plumbing, suggestions(tenant, "huge"), tenant, value=b"{" + b"x" * _TWO_MEGABYTES)
    with pytest.raises(MessageSizeTooLargeError):
        await producer.send_and_wait(**huge)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.servers(kafka_bootstrap), max_request_size=2 * _TWO_MEGABYTES
    ) as careless:
        with pytest.raises(MessageSizeTooLargeError):
            await careless.send_and_wait(**huge)
        async with topic_takes(kafka_bootstrap, huge["topic"], max_message_bytes=str(2 * _TWO_MEGABYTES)):
            await careless.send_and_wait(**huge)
    await send(producer, [record(plumbing, suggestions(tenant, "good"), tenant)])

    await plumbing.consumers.start()

    await have(effects, [("good", 1)])
    await eventually(lambda: is_parked(plumbing), message="parked with all that it holds")


async def is_parked(plumbing: Plumbing) -> bool:
    return [len(record.value or b"") for record in await plumbing.parking.waiting()] == [_TWO_MEGABYTES + 1]


async def test_a_late_lower_sequence_changes_no_projection_and_a_late_fact_acts_once(
    plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str, effects: Effects
) -> None:
    copies = plumbing.database["institutions"]

    async def fold(received: Sequence[Received]) -> list[projection.Refused]:
        return await projection.fold(
            copies, [record for record in received if record.envelope.institution.startswith(tenant)]
        )

    plumbing.consumers.projection({InstitutionChanged: fold})
    plumbing.consumers.reaction({SuggestionsChanged: effects})
    await plumbing.consumers.start()
    for n in (3, 1, 2):
        await send(producer, [record(plumbing, institution(tenant, f"state {n}"), tenant, sequence=n)])
        late = record(plumbing, suggestions(tenant, "m", n), tenant, sequence=n)
        await send(producer, [late, late])
    await send(producer, [record(plumbing, institution(f"{tenant}-last"), f"{tenant}-last")])

    async def is_folded() -> bool:
        """Each from its own partition."""
        return await copies.count_documents({"_id": {"$in": [tenant, f"{tenant}-last"]}}) == 2

    await eventually(is_folded, within=60, message="both keys are folded")
    await have(effects, [("m", 3), ("m", 1), ("m", 2)], within=60)
    assert (await copies.find_one({"_id": tenant}) or {})["name"] == "state 3"
