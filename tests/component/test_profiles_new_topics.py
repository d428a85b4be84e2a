"""Members who registered before a topic existed are published on it, each once, whatever changes meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from deploy.issuer import LocalIssuer
from services.profiles.republishing.repository.new_topics import MongoNewTopicRepository
from shared.clock import SystemClock
from shared.mongo import Document
from tests.component.profiles_kit import Json, Network, Person, running

CLOCK = SystemClock()


@pytest.fixture
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        yield network


@pytest.fixture
def repository(network: Network) -> MongoNewTopicRepository:
    return MongoNewTopicRepository(network.database, CLOCK)


async def registered_before_the_topic(network: Network, *names: str) -> tuple[Person, list[Json]]:
    """Members as an older version of profiles stored them: without the topic's sequence and rows."""
    coordinator = await network.institution(f"i-{CLOCK.new_id()}")
    members = [await network.member(coordinator, name) for name in names]
    await network.database["members"].update_many({}, {"$unset": {"sequences.mentoring": ""}})
    await network.database["outbox"].delete_many({"topic": "profiles.mentoring"})
    return coordinator, members


async def stored(network: Network, member: Json) -> Document:
    return await network.database["members"].find_one({"_id": member["id"]}) or {}


async def names_published(network: Network, member: Json) -> list[tuple[int, str]]:
    rows = await network.rows("mentoring", member["id"])
    return [(row["sequence"], json.loads(row["value"])["name"]) for row in rows]


async def test_each_member_registered_before_a_topic_is_published_on_it_once(
    network: Network, repository: MongoNewTopicRepository
) -> None:
    _, members = await registered_before_the_topic(network, "ada", "ben")

    assert await repository.publish_missing() == 2
    assert await repository.publish_missing() == 0

    for member in members:
        assert await names_published(network, member) == [(1, member["name"])]
        assert (await stored(network, member))["version"] == member["version"] + 1


async def test_members_registered_after_the_topic_are_left_alone(
    network: Network, repository: MongoNewTopicRepository
) -> None:
    member = await network.member(await network.institution(f"i-{CLOCK.new_id()}"), "ada")
    assert await repository.publish_missing() == 0
    assert await names_published(network, member) == [(1, member["name"])]


async def test_two_processes_publish_each_member_once(network: Network, repository: MongoNewTopicRepository) -> None:
    _, members = await registered_before_the_topic(network, *(f"m{n}" for n in range(20)))
    second = MongoNewTopicRepository(network.database, CLOCK)

    published = await asyncio.gather(repository.publish_missing(), second.publish_missing())

    assert sum(published) == len(members)
    assert [len(await names_published(network, member)) for member in members] == [1] * len(members)


async def test_a_change_decided_before_the_member_was_published_is_refused_and_not_lost(
    network: Network, repository: MongoNewTopicRepository
) -> None:
    coordinator, [member] = await registered_before_the_topic(network, "ada")
    path, change = f"/members/{member['id']}", {"name": "Ada Two"}
    await repository.publish_missing()

    refused = await coordinator.patch(path, change, version=member["version"])
    assert refused.status_code == 412, refused.text
    accepted = await coordinator.patch(path, change, version=(await stored(network, member))["version"])
    assert accepted.status_code == 200, accepted.text
    assert await names_published(network, member) == [(1, member["name"]), (2, "Ada Two")]


async def test_a_member_changed_between_search_and_publication_is_published_as_changed(
    network: Network, repository: MongoNewTopicRepository
) -> None:
    coordinator, [member] = await registered_before_the_topic(network, "ada")
    [found] = await repository._missing()
    changed = await coordinator.patch(f"/members/{member['id']}", {"hours_per_month": 3}, version=member["version"])
    assert changed.status_code == 200, changed.text

    assert not await repository._publish(found)

    assert await repository.publish_missing() <= 1
    [(sequence, _)] = await names_published(network, member)
    assert sequence == 1
    assert (await stored(network, member))["hours_per_month"] == 3


async def test_an_erased_member_is_not_published(network: Network, repository: MongoNewTopicRepository) -> None:
    _, [member] = await registered_before_the_topic(network, "ada")
    [found] = await repository._missing()
    await network.database["members"].delete_one({"_id": member["id"]})
    assert not await repository._publish(found)
    assert await names_published(network, member) == []
