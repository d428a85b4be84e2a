"""From a folded profile event to a stored list and its event on a real MongoDB, and topic to topic on a real Kafka."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence

import pytest
from aiokafka import AIOKafkaConsumer
from pymongo.errors import OperationFailure

from deploy.issuer import LocalIssuer
from services.matching.kernel.participants import Person, Policy, Preferences
from services.matching.kernel.shards import SHARDS
from services.matching.settings import Settings
from services.matching.suggestions.feed import STATES, Feed
from services.matching.suggestions.updater import Change
from shared import kafka
from shared.contracts.envelope import headers_of
from shared.contracts.payload import Payload
from shared.mongo import Database, Document
from tests.component.conftest import begin_here
from tests.component.matching_kit import (
    NORTH,
    SOUTH,
    Matching,
    institution,
    mentee,
    mentor,
    programme,
    running,
    signed_in,
)
from tests.eventually import eventually
from tests.unit.matching_people import naive


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as matching:
        await matching.receive(institution(NORTH), institution(SOUTH), programme())
        yield matching


async def test_a_mentee_gets_a_list_and_the_event_follows_from_the_profile_event(matching: Matching) -> None:
    await matching.receive(mentor("mara"), mentor("milo"))
    await matching.receive(mentee("ana"), correlation="the-request")

    await eventually(lambda: matching.mentors_of("ana"))

    [event] = await matching.events()
    data = json.loads(event["value"])
    assert {entry["mentor"] for entry in data["ranked"]} == {"mara", "milo"}
    assert data["recipients"] == [{"member": "ana", "institution": NORTH}]
    assert (data["cause"], event["headers"]["ce_correlationid"]) == ("own_change", "the-request")
    assert event["headers"]["ce_causationid"]
    assert (event["sequence"], event["bulk"]) == (1, False)


async def test_a_thousand_members_who_join_together_all_get_their_list(matching: Matching) -> None:
    people: list[Payload] = [mentor(f"mentor-{number}") for number in range(500)]
    people += [mentee(f"mentee-{number}") for number in range(500)]
    await matching.receive(*people)

    async def all_have_ten() -> bool:
        return await matching.database["lists"].count_documents({"entries.9": {"$exists": True}}) == 500

    await eventually(all_have_ten, within=60)


async def test_a_mentors_change_reaches_the_lists_that_name_them(matching: Matching) -> None:
    await matching.receive(mentor("mara"), mentee("ana"))
    await matching.until_list("ana", "mara")
    await matching.receive(mentor("mara", capacity=0))
    await matching.until_list("ana")

    last = json.loads((await matching.events())[-1]["value"])
    assert (last["cause"], last["left"], last["unmatched"]) == ("others_change", ["mara"], "not_available")


async def test_changes_lost_with_a_streams_history_are_found_by_a_new_scan(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[Change] = []
    read = Feed.next

    async def moves_on(feed: Feed) -> Sequence[Change]:
        changes = await read(feed)
        if changes and not lost:
            lost.extend(changes)
            raise OperationFailure("the oplog has moved on", 286)
        return changes

    async def has(*mentors: str) -> bool:
        return set(await matching.mentors_of("ana") or ()) == set(mentors)

    monkeypatch.setattr(Feed, "next", moves_on)
    await matching.receive(mentor("mara"), mentee("ana"))
    await eventually(lambda: has("mara"))
    await matching.receive(mentor("milo"))
    await eventually(lambda: has("mara", "milo"), within=30)
    assert lost


async def test_an_erased_mentees_list_is_emptied_without_notification(matching: Matching) -> None:
    await matching.receive(mentor("mara"), mentee("ana"))
    await matching.until_list("ana", "mara")
    await matching.erase(mentee("ana"))
    await matching.until_list("ana")

    last = json.loads((await matching.events())[-1]["value"])
    assert (last["ranked"], last["unmatched"], last["recipients"]) == ([], None, [])


async def test_lists_equal_a_full_computation_after_random_changes_and_restarts(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer, coalesce_seconds=0.05) as first:
        await first.receive(institution(NORTH, exchanges_with=(SOUTH,)), institution(SOUTH, exchanges_with=(NORTH,)))
        await first.receive(programme())
        await _change_at_random(first, random.Random(1), count=60)
        async with running(
            mongo_uri, kafka_bootstrap, issuer, coalesce_seconds=0.05, database=first.database.name
        ) as second:
            await eventually(lambda: _is_shared_by(first, 2), within=20)
            await _change_at_random(first, random.Random(2), count=60)
            await eventually(lambda: _assert_full(second), within=20)
        await _change_at_random(first, random.Random(3), count=30)
        await eventually(lambda: _assert_full(first), within=20)


async def _is_shared_by(matching: Matching, replicas: int) -> bool:
    return len(await matching.database["leases"].distinct("holder", {"_id": {"$regex": "^shard-"}})) == replicas


async def _change_at_random(matching: Matching, dice: random.Random, *, count: int) -> None:
    for _ in range(count):
        number = dice.randrange(24)
        join = mentor if number % 2 else mentee
        fields = {
            "status": "active" if dice.random() < 0.9 else "inactive",
            "topics_offered": tuple(dice.sample(["a", "b", "c", "d"], 2)),
            "topics_wanted": tuple(dice.sample(["a", "b", "c", "d"], 2)),
            "capacity": dice.choice([0, 1, 1]),
            "across_institutions": True,
        }
        someone = join(f"p{number}", SOUTH if number % 5 == 0 else NORTH, **fields)
        never = (f"p{dice.randrange(24)}",) if dice.random() < 0.3 else ()
        await matching.receive(someone, signed_in(someone, never=never))


async def _assert_full(matching: Matching) -> bool:
    """Every stored list equals the one made pair by pair from the copies, and so does what the events say."""
    states = {name: [of(document) async for document in matching.database[name].find()] for name, of in STATES.items()}
    wishes = {preferences.member: preferences for preferences in states["preferences"]}
    people = [
        Person(participant, wishes.get(participant.id, Preferences(member=participant.id)))
        for participant in states["participants"]
    ]
    policy = Policy(states["programmes"][0], {institution.id: institution for institution in states["institutions"]})
    published = {event["key"].split(".")[1]: json.loads(event["value"]) for event in await _in_order(matching)}
    for person in people:
        if "care" not in person.member.mentee_in and person.id not in published:
            continue
        expected = naive(person, people, policy)
        stored = await matching.list_of(person.id)
        entries = [(entry["mentor"], entry["score"]) for entry in stored.get("entries", [])]
        assert entries == [(entry.mentor, entry.score) for entry in expected.entries], person.id
        assert stored.get("unmatched") == expected.unmatched
        event = published.get(person.id, {"ranked": [], "unmatched": None})
        assert tuple(entry["mentor"] for entry in event["ranked"]) == expected.mentors
    return True


async def _in_order(matching: Matching) -> list[Document]:
    return sorted(await matching.events(), key=lambda event: event["sequence"])


async def test_the_shards_of_a_lost_replica_are_taken_over_within_ten_seconds(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    """With leases as long as usual. It died just after it had renewed them, before it heard of Nina."""
    lease_seconds = Settings.model_fields["lease_seconds"].default
    async with running(mongo_uri, kafka_bootstrap, issuer, work=()) as idle:
        database = idle.database.name
        await idle.receive(institution(NORTH), programme(), mentor("mara"), mentee("ana", languages=("de", "en")))
        await idle.receive(*(mentee(f"m{number}") for number in range(40)))
        async with running(mongo_uri, kafka_bootstrap, issuer, database=database):
            await eventually(lambda: _have_lists(idle, 41))
        count = len(await idle.events())
        await idle.receive(mentor("nina", languages=("de",)))
        await _die(idle.database, lease_seconds=lease_seconds)
        async with running(mongo_uri, kafka_bootstrap, issuer, database=database, lease_seconds=lease_seconds):
            await eventually(lambda: _are_held_by_others(idle.database, "lost"), within=30)
            await eventually(lambda: _has_two(idle, "ana"), within=1)
            [event] = (await idle.events())[count:]
        data = json.loads(event["value"])
        assert (data["mentee"], data["cause"], data["entered"]) == ("ana", "takeover", ["nina"])


async def _die(database: Database, *, lease_seconds: float) -> None:
    """Leaves all shards as one who was killed would."""
    until = {"$add": ["$$NOW", int(lease_seconds * 1000)]}
    await database["leases"].update_many({"_id": {"$regex": "^shard-"}}, [{"$set": {"holder": "lost", "until": until}}])
    await database["replicas"].update_one({"_id": "lost"}, [{"$set": {"at": "$$NOW"}}], upsert=True)


async def _are_held_by_others(database: Database, holder: str) -> bool:
    held = {"_id": {"$regex": "^shard-"}, "holder": {"$nin": [holder, ""]}}
    return await database["leases"].count_documents(held) == SHARDS


async def _have_lists(matching: Matching, count: int) -> bool:
    return await matching.database["lists"].count_documents({"entries.0": {"$exists": True}}) == count


async def _has_two(matching: Matching, mentee: str) -> bool:
    return len(await matching.mentors_of(mentee) or ()) == 2


async def test_an_event_of_profiles_becomes_an_event_of_matching(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    topics = ["institutions", "programmes", "members", "preferences"]
    await begin_here(kafka_bootstrap, "matching.projection", *(f"profiles.{topic}" for topic in topics))
    consumer = AIOKafkaConsumer("matching.events", bootstrap_servers=kafka_bootstrap, auto_offset_reset="latest")
    await consumer.start()
    await consumer.seek_to_end()
    for partition in consumer.assignment():
        await consumer.position(partition)
    work = ("lists", "relay", "consumer")
    async with running(mongo_uri, kafka_bootstrap, issuer, work=work) as matching:
        await _publish(matching, kafka_bootstrap, institution(NORTH), programme(), mentor("kafka-mara"))
        await eventually(lambda: matching.database["participants"].find_one({"_id": "kafka-mara"}), within=30)
        await _publish(matching, kafka_bootstrap, mentee("kafka-ana"))
        async with asyncio.timeout(30):
            async for record in consumer:
                if record.key == b"north:care.kafka-ana":
                    break
    await consumer.stop()
    assert [entry["mentor"] for entry in json.loads(record.value)["ranked"]] == ["kafka-mara"]
    assert dict(record.headers)["ce_type"] == b"org.preceptor.matching.suggestions.changed.v1"


async def _publish(matching: Matching, bootstrap: str, *payloads: Payload) -> None:
    producer = kafka.producer(bootstrap)
    await producer.start()
    for payload in payloads:
        envelope = matching.received(payload).envelope
        headers = [(name, text.encode()) for name, text in headers_of(envelope).items()]
        value = payload.model_dump_json().encode()
        await producer.send_and_wait(payload.TOPIC, key=envelope.key.encode(), value=value, headers=headers)
    await producer.stop()


async def test_the_audit_finds_and_corrects_a_corrupted_list(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer, audit_seconds=0.02) as matching:
        await matching.receive(institution(NORTH), programme(), mentor("mara"), mentee("ana"))
        await matching.until_list("ana", "mara")
        await eventually(lambda: _audited(matching, "lists", at_least=3))
        assert not await _audited(matching, "differences", at_least=1)
        await matching.database["lists"].update_one({"mentee": "ana"}, {"$set": {"entries": []}})
        await eventually(lambda: _audited(matching, "differences", at_least=1))
        await matching.until_list("ana", "mara")


async def _audited(matching: Matching, what: str, *, at_least: int) -> bool:
    text = (await matching.client.get("/metrics")).text
    [line] = [line for line in text.splitlines() if line.startswith(f"matching_audit_{what}_total ")]
    return float(line.split()[1]) >= at_least


async def test_a_replaced_collection_is_read_again_and_followed(matching: Matching) -> None:
    """As `python -m deploy.rebuild` does it; the document that differs comes with no change of its own."""
    await matching.receive(mentor("mara"), mentor("milo"), mentee("ana"))
    await eventually(lambda: matching.mentors_of("ana"))
    copies = matching.database["participants"]
    rebuilt = matching.database["rebuilt.participants.x"]
    await rebuilt.insert_many(await copies.find().to_list(None))
    await rebuilt.update_one({"_id": "mara"}, {"$set": {"status": "inactive"}, "$inc": {"sequence": 1}})
    await rebuilt.rename("participants", dropTarget=True)
    await matching.until_list("ana", "milo")
    assert (await matching.client.get("/health/ready")).status_code == 200
    await matching.receive(mentor("max"))

    async def max_is_there() -> bool:
        return set(await matching.mentors_of("ana") or ()) == {"milo", "max"}

    await eventually(max_is_there, message="what changes in the new one is followed")
