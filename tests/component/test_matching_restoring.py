"""What a restored store of matching reads back and what it can only name, on a real MongoDB."""

from services.matching.restoring import MatchingRestored
from shared import epochs
from shared.clock import SystemClock
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.matching import Ranked, RequestDeclined, SuggestionsChanged
from shared.contracts.payload import Payload, Recipient
from shared.mongo import Database
from shared.restoring import Restoring

ANA, MARA = Recipient(member="ana", institution="north"), Recipient(member="mara", institution="north")


def received(payload: Payload, sequence: int) -> Received:
    envelope = Envelope(
        id=f"{payload.aggregate}-{sequence}",
        type=payload.TYPE,
        institution="north",
        subject=payload.aggregate,
        sequence=sequence,
        time=None,
        trace=Trace(correlation_id="c"),
    )
    return Received(envelope, payload)


def suggested(version: int, *mentors: str) -> Received:
    payload = SuggestionsChanged(
        enrolment="care.ana",
        programme="care",
        mentee="ana",
        institution="north",
        version=version,
        ranked=tuple(Ranked(mentor=mentor, institution="north", rank=rank) for rank, mentor in enumerate(mentors, 1)),
        cause="own_change",
    )
    return received(payload, version)


def declined(request: str) -> Received:
    return received(RequestDeclined(request=request, programme="care", mentee=ANA, mentor=MARA, reason="no_time"), 2)


async def test_lists_are_restored_as_last_published_and_changed_requests_are_reported(database: Database) -> None:
    await database["lists"].insert_one({"_id": "care.ana", "version": 1, "entries": []})
    await database["requests"].insert_many([{"_id": "known", "version": 2}, {"_id": "behind", "version": 1}])
    pending = {"_id": "care.ana-2", "status": "pending", "topic": "matching.events", "key": "north:care.ana"}
    await database["outbox"].insert_one({**pending, "bulk": False})
    clock = SystemClock()
    restoring = Restoring(database, MatchingRestored(database, clock), clock)
    await restoring.prepare()
    for payload in (suggested(3, "milo", "mara"), suggested(2, "mara"), declined("known"), declined("behind")):
        restoring.collect(payload)

    report = await restoring.restore()

    assert (report.epoch, report.counters, report.published_already) == (1, 3, 1)
    set_back = [f"requests behind ({RequestDeclined.TYPE})"]
    assert report.outcomes == {"read_back": ["lists care.ana"], "set_back": set_back}
    listed = await database["lists"].find_one({"_id": "care.ana"}) or {}
    assert [entry["mentor"] for entry in listed["entries"]] == ["milo", "mara"]
    assert listed["version"] == epochs.raised(3, 1)
    versions = {request["_id"]: request["version"] async for request in database["requests"].find()}
    assert versions == {"known": epochs.raised(2, 1), "behind": epochs.raised(1, 1)}
    assert [row["status"] async for row in database["outbox"].find()] == ["sent"]
