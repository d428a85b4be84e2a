"""Profiles' copy of who is suggested, asked and matched: rebuilt, restored, and forgotten with an erasure."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer

from deploy import restored
from deploy.issuer import LocalIssuer
from services.profiles.cards.repository import COPIES, PAIRS, SUGGESTED
from services.profiles.privacy.erasure.repository import MongoErasureRepository
from services.profiles.privacy.erasure.worker import ErasureWorker
from services.profiles.republishing.repository.restoring import ProfilesRestored
from shared import kafka
from shared.clock import SystemClock
from shared.consuming.rebuild import Rebuild
from shared.contracts.envelope import Received, headers_of
from shared.contracts.matching import RelationshipClosed, RelationshipOpened
from shared.restoring import Restoring
from shared.topics import NATIVE, create_missing, differences, load_topics
from tests.component.conftest import begin_here
from tests.component.profiles_kit import Network, running
from tests.component.test_profiles_cards import Cast
from tests.conftest import TOPICS
from tests.eventually import eventually

CLOCK = SystemClock()
GROUP = "profiles.projection"


@pytest.fixture(scope="module")
async def own_kafka(kafka_bootstrap: str) -> str:
    """A network of its own: a rebuild would read what other tests publish, some of it under the same ids."""
    own = kafka.address(kafka_bootstrap, network="relations")
    declared = load_topics(TOPICS, size=NATIVE, network="relations")
    await create_missing(own, declared)

    async def are_there() -> bool:
        return not await differences(own, declared)

    await eventually(are_there, message="the topics of the network")
    return own


@pytest.fixture
async def producer(own_kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = kafka.producer(own_kafka)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture(scope="module")
async def network(mongo_uri: str, own_kafka: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, own_kafka, issuer) as network:
        yield network


@pytest.fixture
async def cast(network: Network) -> Cast:
    return await Cast(network, f"c{CLOCK.new_id()}").join()


async def publish(producer: AIOKafkaProducer, bootstrap: str, *records: Received) -> None:
    for record in records:
        assert record.payload is not None
        await producer.send_and_wait(
            kafka.named(bootstrap, record.payload.TOPIC),
            record.payload.model_dump_json().encode(),
            key=record.envelope.key.encode(),
            headers=[(name, text.encode()) for name, text in headers_of(record.envelope).items()],
        )


async def rebuild(network: Network, bootstrap: str, *, even_if_less: bool = False) -> None:
    for copy in COPIES:
        whole = Rebuild(network.database, copy, bootstrap=bootstrap, clock=CLOCK, say=lambda _: None)
        await whole.replace(even_if_less=even_if_less)


def opened(cast: Cast, mentee: str, mentor: str) -> RelationshipOpened:
    return RelationshipOpened(relationship=f"s-{mentee}-{mentor}-{cast.north}", **cast.pair(mentee, mentor))


async def relations_of(cast: Cast, viewer: str) -> Mapping[str, str]:
    """By name."""
    party = (cast.homes[viewer], cast.ids[viewer])
    found = await cast.relations.of(party, list(cast.ids.values()))
    names = {id: name for name, id in cast.ids.items()}
    return {names[id]: relation for (_, id), relation in found.items()}


async def test_relations_missing_or_wrong_in_the_copy_are_rebuilt_from_the_topic(
    cast: Cast, own_kafka: str, producer: AIOKafkaProducer
) -> None:
    records = [cast.received(opened(cast, "ana", "sue")), cast.received(cast.listed("ana", "mara"))]
    records.append(cast.received(opened(cast, "ned", "mara")))
    await publish(producer, own_kafka, *records)
    wrong = cast.received(opened(cast, "ned", "mara"))
    await cast.apply_received(wrong)
    of_ned = {"_id": wrong.envelope.subject}
    sequence = records[-1].envelope.sequence
    await cast.network.database[PAIRS].update_one(of_ned, {"$set": {"state": "ended", "sequence": sequence}})
    assert await relations_of(cast, "ana") == {}

    await rebuild(cast.network, own_kafka)

    assert await relations_of(cast, "ana") == {"sue": "matched", "mara": "suggested"}
    assert await relations_of(cast, "mara") == {"ned": "matched"}
    indexes = await cast.network.database[PAIRS].index_information()
    assert {"mentee", "mentor"} <= set(indexes)


async def test_a_mentoring_whose_facts_have_left_the_topic_keeps_its_card(cast: Cast, own_kafka: str) -> None:
    await cast.apply(opened(cast, "ana", "sue"), cast.listed("ana", "mara"))
    await rebuild(cast.network, own_kafka)
    assert await relations_of(cast, "ana") == {"sue": "matched", "mara": "suggested"}
    await rebuild(cast.network, own_kafka, even_if_less=True)
    assert await relations_of(cast, "ana") == {}


async def test_relations_since_the_backup_come_back_once_a_restored_profiles_consumes_again(
    cast: Cast, own_kafka: str, producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restored, "TOPICS", ())  # other tests' members are on them
    older, since = cast.received(opened(cast, "ned", "mara")), cast.received(opened(cast, "ana", "sue"))
    await publish(producer, own_kafka, since)
    await begin_here(own_kafka, GROUP, "matching.events")  # consumed by the store that was lost
    await cast.apply_received(older)  # in the backup

    await restored._profiles(cast.network.database, own_kafka, dry_run=False)

    consuming = asyncio.ensure_future(cast.network.service.background["consumer"]())
    try:

        async def is_back() -> bool:
            return await relations_of(cast, "ana") == {"sue": "matched"}

        await eventually(is_back, within=30, message="the relation since the backup")
        assert await relations_of(cast, "ned") == {"mara": "matched"}
    finally:
        consuming.cancel()
        with suppress(asyncio.CancelledError):
            await consuming


async def erase(cast: Cast, name: str) -> None:
    coordinator = cast.network.coordinator(cast.homes[name])
    asked = await coordinator.post(f"/members/{cast.ids[name]}/erasure")
    assert asked.status_code == 202, asked.text
    mine = {"member": cast.ids[name], "state": "waiting"}
    past = {"$set": {"due_at": CLOCK.now() - timedelta(seconds=1)}}
    await cast.network.database["erasures"].update_many(mine, past)
    await ErasureWorker(MongoErasureRepository(cast.network.database, CLOCK), CLOCK).work()


async def named_in_copies(cast: Cast, name: str) -> int:
    """In which of them the member is a party."""
    id, found = cast.ids[name], 0
    for collection in (PAIRS, SUGGESTED):
        of_member = {"$or": [{"mentee.member": id}, {"mentor.member": id}]}
        found += await cast.network.database[collection].count_documents(of_member)
    return found


@pytest.mark.parametrize("gone", ["ana", "sue"])
async def test_an_erasure_deletes_every_relation_of_the_member_for_good(
    cast: Cast, own_kafka: str, producer: AIOKafkaProducer, gone: str
) -> None:
    records = [cast.received(cast.listed("ana", "mara", "sue")), cast.received(opened(cast, "ana", "sue"))]
    await publish(producer, own_kafka, *records)
    for record in records:
        await cast.apply_received(record)
    left = "sue" if gone == "ana" else "ana"
    assert await cast.sees(left, gone) is not None

    await erase(cast, gone)

    assert await named_in_copies(cast, gone) == 0
    assert await cast.sees(left, gone) is None
    pair = cast.pair("ana", "sue")
    closed = RelationshipClosed(relationship=f"s-ana-sue-{cast.north}", reason="mentee_left", **pair)
    await cast.apply(closed)  # as matching does about an erasure
    for record in records:
        await cast.apply_received(record)
    assert await named_in_copies(cast, gone) == 0
    await rebuild(cast.network, own_kafka)
    assert await named_in_copies(cast, gone) == 0


async def test_a_restored_backup_forgets_relations_of_members_erased_since(cast: Cast) -> None:
    await cast.apply(opened(cast, "ana", "mara"))
    pairs = cast.network.database[PAIRS]
    known = await pairs.find({"mentee.member": cast.ids["ana"]}).to_list(None)
    await erase(cast, "ana")
    await pairs.insert_many(known)
    restoring = Restoring(cast.network.database, ProfilesRestored(cast.network.database, CLOCK), CLOCK)
    await restoring.prepare()
    await restoring.restore()
    assert await named_in_copies(cast, "ana") == 0
