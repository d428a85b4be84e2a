"""From an HTTP request to the topics that the other services read, over real Kafka."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer

from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
from shared.contracts.envelope import Received, read
from shared.contracts.profiles import (
    ContactChanged,
    InstitutionChanged,
    MemberChanged,
    PreferencesChanged,
    ProgrammeChanged,
)
from tests.component.profiles_kit import Network, running

TOPICS = (
    "profiles.institutions",
    "profiles.programmes",
    "profiles.members",
    "profiles.preferences",
    "profiles.contacts",
)


@pytest.fixture(scope="module")
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer, background={"relay": True}) as network:
        yield network


async def received(bootstrap: str, institution: str, count: int) -> list[Received]:
    """The institution's records of all five topics, once there are so many."""
    consumer = AIOKafkaConsumer(*TOPICS, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: list[Received] = []
    try:
        async with asyncio.timeout(30):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        if not (record.key or b"").startswith(f"{institution}:".encode()):
                            continue  # of another test, which may have meant it to be bad
                        received = read(key=record.key, value=record.value, headers=record.headers)
                        if received is not None:
                            found.append(received)
    finally:
        await consumer.stop()
    return found


async def test_each_topic_carries_the_fields_of_its_audience_only(network: Network, kafka_bootstrap: str) -> None:
    here = f"i{SystemClock().new_id()}"
    coordinator = await network.institution(here)
    programme = await coordinator.post("/programmes", {"id": f"{here}.p", "name": "P", "weights": {"topics": 70}})
    assert programme.status_code == 201
    person, seen = await network.bound(
        coordinator, here, "ada", enrolments=[{"programme": f"{here}.p", "roles": ["mentee"]}]
    )
    private = {"never": ["somebody"], "weights": {"stage": 10}, "story": "Nobody but us two.", "topics_wanted": ["ecg"]}
    assert (await person.patch("/me", private, version=seen["version"])).status_code == 200

    facts = await received(kafka_bootstrap, here, 9)
    by_type: dict[type, list[Received]] = {}
    for fact in facts:
        by_type.setdefault(type(fact.payload), []).append(fact)
    assert [len(by_type[kind]) for kind in (InstitutionChanged, ProgrammeChanged)] == [1, 1]
    assert [fact.envelope.sequence for fact in by_type[MemberChanged]] == [1, 2]
    assert [fact.envelope.sequence for fact in by_type[PreferencesChanged]] == [1, 2, 3]
    assert [fact.envelope.sequence for fact in by_type[ContactChanged]] == [1, 2]
    assert by_type[MemberChanged][-1].payload.topics_wanted == ("ecg",)  # type: ignore[union-attr]
    assert by_type[PreferencesChanged][-1].payload.never == ("somebody",)  # type: ignore[union-attr]
    hashes = {by_type[kind][-1].payload.subject_hash for kind in (PreferencesChanged, ContactChanged)}  # type: ignore[union-attr]
    assert len(hashes) == 1
    assert None not in hashes
    assert all("Nobody but us" not in fact.payload.model_dump_json() for fact in facts if fact.payload)
    assert "ada@" not in by_type[MemberChanged][-1].payload.model_dump_json()  # type: ignore[union-attr]
