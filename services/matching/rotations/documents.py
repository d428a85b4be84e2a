"""Maps rotations to documents. The external id is unique within its institution; a day is stored as its start."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from sys import intern

from services.matching.kernel.participants import Assessment
from services.matching.rotations.domain import Entry, Rotation
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.matching import AssessmentChanged
from shared.mongo import ASCENDING, Document, IndexModel, InsertOne, ReplaceOne, Transaction
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent, Tombstone

ROTATIONS, WINDOWS = "rotations", "assessment_windows"
COUNTING: Document = {"programmes.0": {"$exists": True}}
ROTATION_INDEXES = [
    IndexModel([("parties", ASCENDING)], name="by_party"),
    IndexModel([("institution", ASCENDING), ("external", ASCENDING)], name="by_external", unique=True),
    IndexModel([("due_at", ASCENDING)], name="due", partialFilterExpression={"due_at": {"$type": "date"}}),
    IndexModel([("is_announced", ASCENDING)], name="announced"),
]


def rotation_of(document: Document) -> Rotation:
    assessor, assessed = document["parties"]
    entry = Entry(
        external=document["external"],
        assessor=assessor,
        assessed=assessed,
        begins=document["begins"].date(),
        ends=document["ends"].date(),
    )
    return Rotation(
        institution=document["institution"],
        entry=entry,
        version=document["version"],
        is_void=document["void"],
        programmes=frozenset(document["programmes"]),
        due_at=document["due_at"],
        assessment=document.get("assessment"),
        announced=document.get("announced", 0),
        is_announced=document.get("is_announced"),
    )


def assessment_of(document: Document) -> Assessment:
    assessor, assessed = document["parties"]
    return Assessment(
        id=document["_id"],
        assessor=intern(assessor),
        assessed=intern(assessed),
        sequence=document["version"],
        programmes=frozenset(map(intern, document["programmes"])),
    )


def keeping(
    rotations: Sequence[Rotation], *, event: str, correlation: str
) -> list[InsertOne[Document] | ReplaceOne[Document]]:
    """The writes of rotations, each conditional on the previous version."""
    return [
        _keeping(rotation, event=event, correlation=correlation, before=rotation.version - 1) for rotation in rotations
    ]


def recounted(
    before: Rotation, after: Rotation, *, event: str, correlation: str
) -> InsertOne[Document] | ReplaceOne[Document]:
    """The write of a recounted rotation, whose version may be unchanged."""
    return _keeping(after, event=event, correlation=correlation, before=before.version)


def _keeping(
    rotation: Rotation, *, event: str, correlation: str, before: int
) -> InsertOne[Document] | ReplaceOne[Document]:
    document: Document = {
        "_id": rotation.id,
        "institution": rotation.institution,
        "parties": [rotation.entry.assessor, rotation.entry.assessed],
        "external": rotation.entry.external,
        "begins": _beginning(rotation.entry.begins),
        "ends": _beginning(rotation.entry.ends),
        "version": rotation.version,
        "void": rotation.is_void,
        "programmes": sorted(rotation.programmes),
        "due_at": rotation.due_at,
        "assessment": rotation.assessment,
        "announced": rotation.announced,
        "is_announced": rotation.is_announced,
        "event": event,
        "correlation": correlation,
    }
    return ReplaceOne({"_id": rotation.id, "version": before}, document) if before else InsertOne(document)


def forget(transaction: Transaction, member: str, *, clock: Clock, trace: Trace) -> None:
    """Deletes the rotations of an erased member, and what the topic of assessments says of them."""
    found = transaction[ROTATIONS].find(
        {"parties": member, "assessment": {"$type": "string"}}, session=transaction.session
    )
    outbox.write(transaction, [withdrawal(rotation_of(document), clock=clock, trace=trace) for document in found])
    transaction[ROTATIONS].delete_many({"parties": member}, session=transaction.session)


def withdrawal(rotation: Rotation, *, clock: Clock, trace: Trace) -> OutboxEvent:
    assert rotation.assessment is not None  # noqa: S101 -- the query's condition
    return OutboxEvent(
        id=clock.new_id(),
        payload=Tombstone(of=AssessmentChanged, aggregate=rotation.assessment),
        institution=rotation.institution,
        sequence=rotation.announced + 1,
        time=clock.now(),
        trace=trace,
    )


def _beginning(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
