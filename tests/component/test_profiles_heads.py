"""A topic whose head is behind its document gets the document's state again, through the outbox and in order."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer

from deploy.issuer import LocalIssuer
from services.profiles.republishing.repository.stale_heads import TOPICS, MongoStateRepository
from shared.clock import SystemClock
from shared.latest_sequences import heads
from tests.component.profiles_kit import Network, Person, running
from tests.eventually import eventually

CLOCK = SystemClock()
HOUR = timedelta(hours=1)


@pytest.fixture
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer, background={"relay": True}) as network:
        yield network


@pytest.fixture
def states(network: Network) -> MongoStateRepository:
    return MongoStateRepository(network.database, CLOCK, holder="test")


async def published(network: Network) -> None:
    async def nothing_waits() -> bool:
        return not await network.database["outbox"].count_documents({"status": "pending"})

    await eventually(nothing_waits, within=20, message="the outbox is empty")


async def changed(coordinator: Person, id: str, version: int, **change: object) -> None:
    answer = await coordinator.patch(f"/members/{id}", change, version=version)
    assert answer.status_code == 200, answer.text


async def sent_late(bootstrap: str, topic: str, key: str, *, sequence: int) -> None:
    """An older state, appended behind a newer one; without a value, which a head does not need."""
    institution, _, subject = key.partition(":")
    attributes = {
        "ce_type": f"org.preceptor.profiles.{topic.rpartition('.')[2].rstrip('s')}.changed.v1",
        "ce_institution": institution,
        "ce_subject": subject,
        "ce_id": CLOCK.new_id(),
        "ce_sequence": str(sequence),
    }
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        headers = [(name, text.encode()) for name, text in attributes.items()]
        await producer.send_and_wait(topic, key=key.encode(), value=None, headers=headers)


@pytest.mark.parametrize("topic", ["profiles.members", "profiles.contacts"])
async def test_a_head_behind_its_document_is_found_and_republished(
    network: Network, states: MongoStateRepository, kafka_bootstrap: str, topic: str
) -> None:
    institution = f"i-{CLOCK.new_id()}"
    coordinator = await network.institution(institution)
    id = (await network.member(coordinator, "ada"))["id"]
    await changed(coordinator, id, 1, name="Ada Two", time_zone="Europe/Vienna")
    await published(network)
    key = f"{institution}:{id}"
    await sent_late(kafka_bootstrap, topic, key, sequence=1)
    assert (await heads(kafka_bootstrap, TOPICS, since=CLOCK.now() - HOUR))[topic][key] == 1

    assert await states.republish(await heads(kafka_bootstrap, TOPICS, since=CLOCK.now() - HOUR)) == 1

    await published(network)
    seen = await heads(kafka_bootstrap, TOPICS, since=CLOCK.now() - HOUR)
    assert seen[topic][key] == 2
    assert await states.republish(seen) == 0


async def test_a_state_pending_in_the_outbox_is_not_republished(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        institution = f"i-{CLOCK.new_id()}"
        coordinator = await network.institution(institution)
        id = (await network.member(coordinator, "ada"))["id"]
        await changed(coordinator, id, 1, time_zone="Europe/Vienna")
        states = MongoStateRepository(network.database, CLOCK, holder="test")
        behind = {"profiles.members": {f"{institution}:{id}": 1}}

        assert await states.republish(behind) == 0

        await network.database["outbox"].update_many({}, {"$set": {"status": "sent"}})
        assert await states.republish(behind) == 1
        assert [row["sequence"] for row in await network.rows("members", id)] == [1, 2, 2]


async def test_a_key_without_a_document_is_ignored(states: MongoStateRepository) -> None:
    assert await states.republish({"profiles.members": {"west:nobody": 1}}) == 0
