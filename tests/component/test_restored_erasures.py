"""A backup that still knows an erased member, restored long after the tombstones have left their topics."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deploy.restored import forget_again
from services.matching.projections.repository import ProjectedDocuments
from services.notifications.privacy.repository import MongoErasureRepository as NotificationsErasures
from services.profiles.kernel.repository import ERASED
from services.profiles.members.domain import members
from services.profiles.members.domain.members import Member
from services.profiles.members.repository.members import MongoMemberRepository
from services.profiles.privacy.erasure import domain
from services.profiles.privacy.erasure.domain import Erasure
from services.profiles.privacy.erasure.repository import MongoErasureRepository
from services.profiles.republishing.repository.restoring import ProfilesRestored
from shared import kafka
from shared.clock import SystemClock
from shared.consuming.projection import document_of
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.profiles import ContactChanged, MemberErased
from shared.mongo import Database, Document
from shared.outbox import table as outbox
from shared.restoring import Report, Restoring

CLOCK = SystemClock()
TRACE = Trace(correlation_id="c")


@pytest.fixture
def ana() -> Member:
    id = CLOCK.new_id()
    return Member(id=id, institution="west", name="Ana", email=f"{id}@west.example")


def erased(member: Member) -> MemberErased:
    return MemberErased(
        member=member.id,
        institution="west",
        erasure=f"e-{member.id}",
        members_sequence=5,
        preferences_sequence=4,
        contacts_sequence=4,
    )


def received(payload: MemberErased | ContactChanged, sequence: int) -> Received:
    envelope = Envelope(
        id=CLOCK.new_id(),
        type=payload.TYPE,
        institution="west",
        subject=payload.aggregate,
        sequence=sequence,
        time=CLOCK.now(),
        trace=TRACE,
    )
    return Received(envelope, payload)


async def published(bootstrap: str, fact: MemberErased) -> None:
    """As profiles published it long ago."""
    row = outbox._row(
        outbox.OutboxEvent(
            id=CLOCK.new_id(), payload=fact, institution="west", sequence=1, time=CLOCK.now(), trace=TRACE, bulk=False
        )
    )
    publisher = kafka.Publisher(bootstrap)
    await publisher.start()
    try:
        headers = [(name, text.encode()) for name, text in row["headers"].items()]
        sending = await publisher.send(
            row["topic"], key=row["key"].encode(), value=row["value"].encode(), headers=headers
        )
        await sending
    finally:
        await publisher.stop()


async def restored(database: Database, *records: Received) -> Report:
    restoring = Restoring(database, ProfilesRestored(database, CLOCK), CLOCK)
    await restoring.prepare()
    for record in records:
        restoring.collect(record)
    return await restoring.restore()


async def waiting(database: Database, topic: str) -> list[Document]:
    return await database["outbox"].find({"topic": topic, "status": "pending"}).to_list(None)


async def test_restored_profiles_publish_nothing_of_the_erased_member(database: Database, ana: Member) -> None:
    store = MongoMemberRepository(database, CLOCK)
    await store.prepare()
    await MongoErasureRepository(database, CLOCK).prepare()
    await store.add(ana, members.facts(ana), TRACE, request=ana.id)
    report = await restored(database, received(erased(ana), 1))
    assert report.documents("erased") == [f"members {ana.id}"]
    assert await database["members"].count_documents({}) == 0
    assert await waiting(database, "profiles.members") == []
    assert len(await waiting(database, "profiles.erasures")) == 1
    assert await database[ERASED].count_documents({"_id": ana.id}) == 1
    report = await MongoErasureRepository(database, CLOCK).find("west", f"e-{ana.id}")
    assert report is not None
    assert (report.state, report.outstanding) == ("carried_out", domain.SERVICES)


async def test_an_erasure_that_the_backup_knows_is_not_reported_as_later_than_the_backup(
    database: Database, ana: Member
) -> None:
    people, store, now = MongoMemberRepository(database, CLOCK), MongoErasureRepository(database, CLOCK), CLOCK.now()
    await people.prepare()
    await store.prepare()
    await people.add(ana, members.facts(ana), TRACE, request=ana.id)
    asked = Erasure(id="e1", institution="west", member=ana.id, requested_by="member", requested_at=now, due_at=now)
    await store.add(asked, (), TRACE)
    await store.carry_out(asked, TRACE)
    contact = ContactChanged(member=ana.id, institution="west", name="Ana", email=ana.email)
    state = received(contact, 1)
    tombstone = Received(replace(state.envelope, id=CLOCK.new_id(), sequence=2), None)
    report = await restored(database, state, tombstone)
    assert report.outcomes == {}


async def test_an_erasure_waiting_at_the_backup_waits_its_full_time_again(database: Database, ana: Member) -> None:
    store = MongoErasureRepository(database, CLOCK)
    await store.prepare()
    now = CLOCK.now()
    asked = Erasure(
        id="e1",
        institution="west",
        member=ana.id,
        requested_by="member",
        requested_at=now - timedelta(days=10),
        due_at=now - timedelta(days=3),
    )
    await store.add(asked, (), TRACE)
    await restored(database)
    found = await store.find("west", "e1")
    assert found is not None
    assert found.due_at >= now + timedelta(days=7)


async def test_restored_matching_forgets_members_erased_since(
    database: Database, kafka_bootstrap: str, ana: Member
) -> None:
    await published(kafka_bootstrap, erased(ana))
    known: Document = {"institution": "west", "sequence": 3, "erased": False, "event": "e", "correlation": "c"}
    for copy in ("participants", "preferences"):
        await database[copy].insert_one({"_id": ana.id, **known, "status": "active"})
    await forget_again(kafka_bootstrap, ProjectedDocuments(database).fold_erasures)
    found = [await database[copy].find_one({"_id": ana.id}) for copy in ("participants", "preferences")]
    assert [(document or {}).get("erased") for document in found] == [True, True]
    assert await database["departures"].count_documents({"_id": ana.id, "erased": True}) == 1


async def test_restored_notifications_forget_members_erased_since(
    database: Database, kafka_bootstrap: str, ana: Member
) -> None:
    await published(kafka_bootstrap, erased(ana))
    contact = ContactChanged(member=ana.id, institution="west", name="Ana", email=ana.email)
    await database["contacts"].insert_one(document_of(received(contact, 3)))
    store = NotificationsErasures(database)
    await forget_again(kafka_bootstrap, lambda all_: store.fold_erasures(all_, now=CLOCK.now()))
    marker = await database["contacts"].find_one({"_id": ana.id})
    assert marker is not None
    assert (marker["erased"], "name" in marker) == (True, False)
