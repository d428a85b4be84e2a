"""What mentorships reads of rotations: whether each counts, also of those older than the topic, and their end."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.matching.conflicts.repository import MongoFirewallRepository
from services.matching.conflicts.usecases import AssessmentWorker
from services.matching.restoring import MatchingRestored
from services.matching.rotations.documents import ROTATIONS, forget
from shared import epochs
from shared.clock import SystemClock
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.matching import AssessmentChanged
from shared.mongo import Database, in_transaction
from shared.outbox import table as outbox
from shared.restoring import Restoring

TODAY = datetime.now(UTC).date()
CLOCK = SystemClock()


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def rotation(**changed: Any) -> dict[str, Any]:
    """As it was stored before there was a topic, counting in the programme."""
    return {
        "_id": "north:r1",
        "institution": "north",
        "parties": ["mara", "ana"],
        "external": "r1",
        "begins": midnight(TODAY),
        "ends": midnight(TODAY),
        "version": 2,
        "void": False,
        "programmes": ["care"],
        "due_at": None,
        "event": "e",
        "correlation": "c",
        **changed,
    }


@pytest.fixture
async def matching(database: Database) -> Database:
    await MongoFirewallRepository(database, CLOCK).prepare()
    await outbox.prepare(database)
    programme = {"_id": "care", "institution": "north", "admits": ["north"], "erased": False}
    await database["programmes"].insert_one(programme)
    people = [{"_id": id, "institution": "north", "erased": False} for id in ("ana", "mara")]
    await database["participants"].insert_many(people)
    return database


async def recount(database: Database) -> None:
    await AssessmentWorker(MongoFirewallRepository(database, CLOCK), CLOCK).work()


async def announced(database: Database) -> list[tuple[int, bool | None]]:
    """Sequence, and whether it counts; None for a tombstone."""
    rows = await database["outbox"].find({"topic": AssessmentChanged.TOPIC}).sort("_id", 1).to_list(None)
    values = [row["value"] and AssessmentChanged.model_validate_json(row["value"]) for row in rows]
    return [(row["sequence"], value and value.counts) for row, value in zip(rows, values, strict=True)]


async def test_a_rotation_older_than_the_topic_is_announced_once_and_again_when_it_ends(matching: Database) -> None:
    await matching[ROTATIONS].insert_one(rotation())
    for _ in range(2):
        await recount(matching)
    assert await announced(matching) == [(1, True)]
    await matching[ROTATIONS].update_one({}, {"$set": {"void": True, "due_at": CLOCK.now()}})
    await recount(matching)
    assert await announced(matching) == [(1, True), (2, False)]
    keys = await matching["outbox"].distinct("key")
    assert len(keys) == 1
    assert not {"mara", "ana", "r1"} & set(keys[0].split(":")), "the key names nobody"


async def test_a_rotation_that_never_counted_is_not_announced(matching: Database) -> None:
    await matching[ROTATIONS].insert_one(rotation(void=True, programmes=[]))
    await recount(matching)
    assert await announced(matching) == []
    assert await matching[ROTATIONS].count_documents({"is_announced": None}) == 0


async def test_an_erasure_leaves_a_tombstone(matching: Database) -> None:
    await matching[ROTATIONS].insert_one(rotation())
    await recount(matching)
    trace = Trace(correlation_id="c")
    await in_transaction(matching, lambda transaction: forget(transaction, "ana", clock=CLOCK, trace=trace))
    assert await announced(matching) == [(1, True), (2, None)]
    assert await matching[ROTATIONS].count_documents({}) == 0


async def test_a_restored_backup_announces_every_rotation_again_and_withdraws_what_it_lost(matching: Database) -> None:
    await matching[ROTATIONS].insert_one(rotation())
    await recount(matching)
    known = (await matching[ROTATIONS].find_one({}) or {})["assessment"]
    await matching["outbox"].delete_many({})
    restoring = Restoring(matching, MatchingRestored(matching, CLOCK), CLOCK)
    await restoring.prepare()
    for id, sequence in ((known, 2), ("lost", 1)):
        restoring.collect(published(id, sequence))
    await restoring.restore()
    await recount(matching)
    assert await announced(matching) == [(epochs.raised(1, 1) + 1, None), (epochs.raised(1, 1) + 1, True)]


def published(id: str, sequence: int) -> Received:
    payload = AssessmentChanged(assessment=id, institution="north", assessor="mara", assessed="ana", counts=True)
    envelope = Envelope(
        id=CLOCK.new_id(),
        type=payload.TYPE,
        institution="north",
        subject=id,
        sequence=sequence,
        time=None,
        trace=Trace(correlation_id="c"),
    )
    return Received(envelope, payload)
