"""A projection rebuilt from a topic of its own on real Kafka, replacing one in use on real MongoDB."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import ClassVar

import pytest
from aiokafka import AIOKafkaProducer

from shared.clock import SystemClock
from shared.consuming.projection import Copy, fold
from shared.consuming.rebuild import Rebuild, WouldLoseDocuments
from shared.contracts.envelope import Envelope, Received, Trace, headers_of
from shared.contracts.profiles import InstitutionChanged
from shared.mongo import Database, Document, IndexModel, ensure_indexes
from shared.topics import Topic, create_missing


@dataclass(slots=True)
class Site:
    database: Database
    producer: AIOKafkaProducer
    bootstrap: str
    copy: Copy
    reports: list[str] = field(default_factory=list)
    at: Callable[[str], None] | None = None

    def state(self, id: str, sequence: int, *, name: str = "") -> Received:
        payload = InstitutionChanged(institution=id, name=name or f"{id} {sequence}", status="active")
        envelope = Envelope(
            id=SystemClock().new_id(),
            type=payload.TYPE,
            institution=id,
            subject=id,
            sequence=sequence,
            time=None,
            trace=Trace(correlation_id="c"),
        )
        return Received(envelope, payload)

    async def publish(self, *states: Received) -> None:
        for state in states:
            await self.producer.send_and_wait(
                self.copy.payload.TOPIC,
                key=state.envelope.key.encode(),
                value=None if state.payload is None else state.payload.model_dump_json().encode(),
                headers=[(name, text.encode()) for name, text in headers_of(state.envelope).items()],
            )

    async def fold(self, *states: Received) -> None:
        await fold(self.database[self.copy.collection], states)

    async def both(self, *states: Received) -> None:
        await self.publish(*states)
        await self.fold(*states)

    def rebuild(self) -> Rebuild:
        return Rebuild(self.database, self.copy, bootstrap=self.bootstrap, clock=SystemClock(), say=self.reports.append)

    async def names(self) -> dict[str, str | None]:
        return {document["_id"]: document.get("name") async for document in self.database[self.copy.collection].find()}

    async def collections(self) -> list[str]:
        return await self.database.list_collection_names(filter={"name": {"$regex": "institutions"}})


def erased(received: Received) -> Received:
    return Received(received.envelope, None)


@pytest.fixture
async def site(database: Database, producer: AIOKafkaProducer, kafka_bootstrap: str) -> AsyncIterator[Site]:
    topic = f"test-{SystemClock().new_id()}"
    await create_missing(kafka_bootstrap, [Topic(topic, 2, 1, {"cleanup.policy": "compact"})])

    class OfThisTest(InstitutionChanged):
        TOPIC: ClassVar[str] = topic

    await ensure_indexes(database["institutions"], [IndexModel([("name", 1)], name="by_name")])
    return Site(database, producer, kafka_bootstrap, Copy(collection="institutions", payload=OfThisTest))


async def test_a_correct_projection_is_rebuilt_to_equal_content(site: Site) -> None:
    await site.both(site.state("a", 1), site.state("b", 1), site.state("b", 2))
    found = await site.rebuild().replace()
    assert (found.agreeing, dict(found.differing)) == (2, {})
    assert await site.names() == {"a": "a 1", "b": "b 2"}
    assert await site.collections() == ["institutions"]
    assert "by_name" in await site.database["institutions"].index_information()


async def test_differences_of_a_projection_are_reported_and_corrected(site: Site) -> None:
    await site.publish(*(site.state(id, 2) for id in ("same", "wrong", "behind", "missing")))
    await site.fold(site.state("same", 2), site.state("wrong", 2, name="another"), site.state("behind", 1))
    for act in (site.rebuild().compare, site.rebuild().replace):
        found = await act()
        assert found.agreeing == 1
        assert {name: list(ids) for name, ids in found.differing.items()} == {
            "only in the topic": ["missing"],
            "newer in the topic": ["behind"],
            "of the same sequence with different content": ["wrong"],
        }
    assert await site.names() == {id: f"{id} 2" for id in ("same", "wrong", "behind", "missing")}
    assert await site.collections() == ["institutions"]


async def test_comparing_replaces_nothing_and_leaves_nothing(site: Site) -> None:
    await site.publish(site.state("a", 2))
    await site.fold(site.state("a", 1))
    await site.rebuild().compare()
    assert await site.names() == {"a": "a 1"}
    assert await site.collections() == ["institutions"]


@pytest.mark.parametrize("known", [("here", 1), ("there", 3)])
async def test_a_projection_ahead_of_its_topic_is_replaced_only_on_request(site: Site, known: tuple[str, int]) -> None:
    await site.both(site.state("there", 2))
    await site.fold(site.state(*known))
    with pytest.raises(WouldLoseDocuments, match="1 documents of institutions"):
        await site.rebuild().replace()
    assert known[0] in await site.names()
    assert await site.collections() == ["institutions"]
    await site.rebuild().replace(even_if_less=True)
    assert await site.names() == {"there": "there 2"}


async def test_an_erasure_survives_a_topic_that_no_longer_has_it(site: Site) -> None:
    """As after compaction: the tombstone is gone, and an old state turns up late."""
    await site.fold(erased(site.state("gone", 5)))
    await site.both(erased(site.state("told", 2)))
    await site.publish(site.state("gone", 4))
    await site.rebuild().replace()
    await site.fold(site.state("gone", 4))
    documents = await site.database["institutions"].find().sort("_id").to_list(None)
    assert [(document["_id"], document["sequence"], document["erased"]) for document in documents] == [
        ("gone", 5, True),
        ("told", 2, True),
    ]


async def test_unreadable_records_are_skipped(site: Site) -> None:
    await site.both(site.state("a", 1))
    await site.producer.send_and_wait(site.copy.payload.TOPIC, key=b"x", value=b"{nonsense")
    await site.rebuild().replace()
    assert await site.names() == {"a": "a 1"}


async def test_records_applied_during_the_swap_are_in_the_new_collection(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst moment: after the last comparison, before the swap; and its offset is committed already."""
    await site.both(site.state("a", 1))
    rebuild = site.rebuild()
    rename = rebuild._shadow.rename

    async def at_the_last_moment(*arguments: object, **options: object) -> object:
        await site.both(site.state("a", 2), site.state("b", 1))
        return await rename(*arguments, **options)

    monkeypatch.setattr(rebuild._shadow, "rename", at_the_last_moment)
    await rebuild.replace()
    assert await site.names() == {"a": "a 2", "b": "b 1"}


async def test_commands_that_follow_from_a_state_are_written_after_a_rebuild(site: Site) -> None:
    followed: list[list[Document]] = []

    async def follow(database: Database) -> int:
        followed.append(await database["institutions"].find().to_list(None))
        return 1

    await site.publish(site.state("a", 2))
    await site.fold(site.state("a", 1))
    copy = Copy(collection="institutions", payload=site.copy.payload, follow=follow)
    await Rebuild(site.database, copy, bootstrap=site.bootstrap, clock=SystemClock(), say=site.reports.append).replace()
    assert [[document["name"] for document in documents] for documents in followed] == [["a 2"]]


async def test_leftovers_of_a_killed_rebuild_are_removed_by_the_next(site: Site) -> None:
    await site.both(site.state("a", 1))
    await site.database["rebuilt.institutions.left"].insert_one({"_id": "a"})
    await site.rebuild().compare()
    assert await site.collections() == ["institutions"]
