"""What a restored store of profiles reads back from its topics, on a real MongoDB; the drill itself is a crash test."""

from dataclasses import dataclass, field, replace

import pytest

from services.profiles.members.domain import members
from services.profiles.members.domain.members import Member
from services.profiles.members.repository.members import MongoMemberRepository
from services.profiles.programmes import domain as programmes
from services.profiles.programmes.repository import MongoProgrammeRepository
from services.profiles.republishing.repository.restoring import ProfilesRestored
from shared import epochs
from shared.clock import SystemClock
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.payload import Payload
from shared.mongo import Database, Document, ensure_indexes
from shared.restoring import Report, Restoring

TRACE = Trace(correlation_id="c")


@dataclass(slots=True)
class Site:
    database: Database
    store: MongoMemberRepository
    published: list[Received] = field(default_factory=list)

    async def has(self, member: Member) -> None:
        """At the backup."""
        await self.store.add(member, members.facts(member), TRACE, request=member.id)

    def since(self, member: Member, sequence: int = 2, *, erased: bool = False) -> None:
        for fact in members.facts(member):
            self.publish(fact, sequence, erased=erased)

    def publish(self, fact: Payload, sequence: int, *, erased: bool = False) -> None:
        envelope = Envelope(
            id=SystemClock().new_id(),
            type=fact.TYPE,
            institution="west",
            subject=fact.aggregate,
            sequence=sequence,
            time=None,
            trace=TRACE,
        )
        self.published.append(Received(envelope, None if erased else fact))

    async def restored(self) -> Report:
        clock = SystemClock()
        restoring = Restoring(self.database, ProfilesRestored(self.database, clock), clock)
        await restoring.prepare()
        for record in self.published:
            restoring.collect(record)
        return await restoring.restore()

    async def member(self, id: str) -> Document | None:
        return await self.database["members"].find_one({"_id": id})

    async def waiting(self) -> list[Document]:
        return await self.database["outbox"].find({"status": "pending"}).sort("_id").to_list(None)


@pytest.fixture
async def site(database: Database) -> Site:
    store = MongoMemberRepository(database, SystemClock())
    await store.prepare()
    for name in ("institutions", "programmes"):
        await ensure_indexes(database[name], [])
    return Site(database, store)


def member(id: str, email: str = "", **fields: str) -> Member:
    return Member(id=id, institution="west", name=id.title(), email=email or f"{id}@west.example", **fields)  # type: ignore[arg-type]


async def test_every_restored_state_is_republished_with_a_newer_sequence(
    site: Site,
) -> None:
    await site.has(member("ana"))
    await site.has(member("ben"))
    site.since(replace(member("ben"), name="Benjamin"), sequence=9)
    report = await site.restored()
    assert (report.epoch, report.documents("read_back")) == (1, ["members ben"])
    assert {(row["key"], row["sequence"]) for row in await site.waiting()} == {
        ("west:ana", epochs.raised(1, 1) + 1),
        ("west:ben", epochs.raised(9, 1) + 1),
    }
    ben = await site.member("ben")
    assert ben is not None
    assert (ben["name"], epochs.epoch_of(ben["version"])) == ("Benjamin", 1)


async def test_a_resumed_restore_raises_the_epoch_and_rereads_nothing(site: Site) -> None:
    await site.has(member("ana"))
    site.since(replace(member("ana"), name="Anna"))
    await site.restored()
    report = await site.restored()
    assert (report.epoch, report.documents("read_back")) == (2, [])
    assert len(await site.waiting()) == 4, "one for each topic of the member"


@pytest.mark.parametrize("first", ["ana", "ben"])
async def test_an_address_taken_over_by_another_member_is_restored_to_them(site: Site, first: str) -> None:
    await site.has(member("ana", "shared@west.example"))
    await site.has(member("ben"))
    changed = {
        "ana": member("ana", "own@west.example"),
        "ben": member("ben", "shared@west.example"),
    }
    for id in sorted(changed, key=lambda name: name != first):
        site.since(changed[id])
    report = await site.restored()
    assert sorted(report.documents("read_back")) == ["members ana", "members ben"]
    assert report.documents("not_read_back") == []


async def test_unrestorable_records_are_reported_and_block_no_other(site: Site) -> None:
    await site.has(member("ana", "shared@west.example"))
    site.since(member("late", "shared@west.example"))
    site.since(member("later"))
    report = await site.restored()
    assert report.outcomes == {"made_anew": ["members later"], "not_read_back": ["members late"]}
    assert await site.member("late") is None


async def test_members_erased_since_the_backup_are_erased_again(site: Site) -> None:
    await site.has(member("ana"))
    site.since(member("ana"), erased=True)
    report = await site.restored()
    assert report.documents("erased") == ["members ana"]
    assert await site.member("ana") is None
    assert await site.waiting() == []


async def test_a_programme_s_version_is_its_sequence_before_and_after_a_restored_backup(site: Site) -> None:
    """A reader of the topic can change the programme in profiles on condition of the version they know."""
    store, given = MongoProgrammeRepository(site.database, SystemClock()), {"name": "Care"}
    for id in ("kept", "changed"):
        new = programmes.create(id=id, institution="west", given=given, consenting=())
        await store.add(new, programmes.facts(new), TRACE, request=id)
    known = await store.find("west", "kept")
    assert known is not None
    other = programmes.change(known.state, {"name": "Other"}, consenting=())
    assert (await store.save(known, other, programmes.facts(other), TRACE)).version == 2
    for id, sequence in (("changed", 7), ("lost", 3)):
        (fact,) = programmes.facts(programmes.create(id=id, institution="west", given=given, consenting=()))
        site.publish(fact, sequence)
    await site.restored()
    found = await site.database["programmes"].find().to_list(None)
    assert {programme["_id"]: programme["version"] == programme["sequences"]["programmes"] for programme in found} == {
        "kept": True,
        "changed": True,
        "lost": True,
    }
