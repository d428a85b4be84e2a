"""Maps requests and relationships to documents. Documents hold, and queries name, the institutions of both parties."""

from collections.abc import Iterable
from datetime import datetime
from sys import intern

from services.matching.kernel.pairs import Pair, Party
from services.matching.kernel.participants import Bond, Exchange
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request
from services.matching.mentoring.usecases.parties import Position
from shared.mongo import ASCENDING, DESCENDING, Collection, Database, Document, IndexModel, InsertOne, ReplaceOne

REQUESTS, RELATIONSHIPS, SEATS = "requests", "relationships", "seats"
OPEN: Document = {"state": {"$in": ["active", "paused", "on_hold"]}}
SEATED: Document = {"state": {"$in": ["active", "paused"]}}
SEPARATING: Document = {"state": "closed", "separates": True}
"""Closed relationships that separate the two, whichever of them would be the mentor."""
PENDING: Document = {"state": "pending"}
APART: Document = {"state": "declined", "due_at": {"$ne": None}}
_NEWEST = [("at", DESCENDING), ("_id", DESCENDING)]
_PAGED = [
    IndexModel([("parties", ASCENDING), *_NEWEST], name="by_party"),
    IndexModel([("institutions", ASCENDING), ("programme", ASCENDING), *_NEWEST], name="by_programme"),
]
DUE = IndexModel([("due_at", ASCENDING)], name="due", partialFilterExpression={"due_at": {"$type": "date"}})
REQUEST_INDEXES = [
    *_PAGED,
    IndexModel(
        [("mentee.member", ASCENDING), ("mentor.member", ASCENDING)],
        name="pending_once",
        unique=True,
        partialFilterExpression=PENDING,
    ),
    IndexModel([("mentor.member", ASCENDING)], name="pending_of_mentor", partialFilterExpression=PENDING),
    IndexModel([("mentee.member", ASCENDING), ("state", ASCENDING)], name="of_mentee"),
    DUE,
]
IN_CONFLICT: Document = {"conflict": {"$type": "string"}}
RELATIONSHIP_INDEXES = [
    *_PAGED,
    DUE,
    IndexModel([("parties", ASCENDING)], name="separating", partialFilterExpression={"separates": True}),
    IndexModel([("programme", ASCENDING), *_NEWEST], name="in_conflict", partialFilterExpression=IN_CONFLICT),
    IndexModel([("mentee.member", ASCENDING), ("state", ASCENDING)], name="of_mentee"),
    # Cover the counts of seats that institutions give and receive.
    IndexModel(
        [("mentor.institution", ASCENDING), ("mentee.institution", ASCENDING), ("state", ASCENDING)], name="given"
    ),
    IndexModel(
        [("mentee.institution", ASCENDING), ("mentor.institution", ASCENDING), ("state", ASCENDING)], name="received"
    ),
]


def due(now: datetime) -> Document:
    """Names the type, because MongoDB uses the partial index only for queries that do."""
    return {"due_at": {"$type": "date", "$lte": now}}


def request_of(document: Document) -> Request:
    return Request(
        id=document["_id"],
        pair=_pair(document),
        message=document["message"],
        state=document["state"],
        version=document["version"],
        asked_at=document["at"],
        due_at=document["due_at"],
        settled_at=document["settled_at"],
        reason=document["reason"],
        relationship=document["relationship"],
        is_repeat=document.get("repeat", False),
    )


def relationship_of(document: Document) -> Relationship:
    return Relationship(
        id=document["_id"],
        pair=_pair(document),
        state=document["state"],
        version=document["version"],
        since=document["at"],
        request=document["request"],
        round=document.get("round"),
        repair=document.get("repair"),
        continues=document.get("continues"),
        reason=document["reason"],
        closed_at=document["closed_at"],
        conflict=document.get("conflict"),
        due_at=document.get("due_at"),
        is_apart_for_good=document.get("apart_for_good", False),
        hidden_versions=document.get("hidden_versions", 0),
    )


def bond_of_request(document: Document) -> Bond:
    request = request_of(document)
    return _bond(document, takes_seat=False, keeps_apart=request.keeps_apart, awaits_answer=request.state == "pending")


def bond_of_relationship(document: Document) -> Bond:
    relationship = relationship_of(document)
    keeps_apart = relationship.is_open or relationship.separates
    return _bond(
        document, takes_seat=relationship.takes_seat, keeps_apart=keeps_apart, both_ways=relationship.separates
    )


def pair_write(
    state: Request | Relationship, *, event: str | None, correlation: str
) -> InsertOne[Document] | ReplaceOne:  # type: ignore[type-arg]
    """Conditional on the previous version. `event` and `correlation` trace the list updates that the change causes."""
    document = {**_document(state), "event": event, "correlation": correlation}
    if state.version == 1:
        return InsertOne(document)
    return ReplaceOne({"_id": state.id, "version": state.version - 1}, document)


def _document(state: Request | Relationship) -> Document:
    own = _request_fields(state) if isinstance(state, Request) else _relationship_fields(state)
    pair = state.pair
    return {
        "_id": state.id,
        "institution": pair.mentee.institution,
        "institutions": sorted({pair.mentee.institution, pair.mentor.institution}),
        "parties": [pair.mentee.member, pair.mentor.member],
        "programme": pair.programme,
        "mentee": _party(pair.mentee),
        "mentor": _party(pair.mentor),
        "state": state.state,
        "version": state.version,
        "reason": state.reason,
        **own,
    }


def _request_fields(request: Request) -> Document:
    return {
        "message": request.message,
        "at": request.asked_at,
        "due_at": request.due_at,
        "settled_at": request.settled_at,
        "relationship": request.relationship,
        "repeat": request.is_repeat,
    }


def _relationship_fields(relationship: Relationship) -> Document:
    return {
        "at": relationship.since,
        "request": relationship.request,
        "round": relationship.round,
        "repair": relationship.repair,
        "continues": relationship.continues,
        "closed_at": relationship.closed_at,
        "conflict": relationship.conflict,
        "due_at": relationship.due_at,
        "apart_for_good": relationship.is_apart_for_good,
        "hidden_versions": relationship.hidden_versions,
        "separates": relationship.separates,
    }


def _pair(document: Document) -> Pair:
    mentee, mentor = Party(**document["mentee"]), Party(**document["mentor"])
    return Pair(programme=document["programme"], mentee=mentee, mentor=mentor)


def _party(party: Party) -> Document:
    return {"member": party.member, "institution": party.institution}


def _bond(
    document: Document,
    *,
    takes_seat: bool,
    keeps_apart: bool,
    both_ways: bool = False,
    awaits_answer: bool = False,
) -> Bond:
    return Bond(
        id=document["_id"],
        mentee=intern(document["mentee"]["member"]),
        mentor=intern(document["mentor"]["member"]),
        exchange=_exchange(document),
        sequence=document["version"],
        programme=intern(document["programme"]),
        takes_seat=takes_seat,
        keeps_apart=keeps_apart,
        both_ways=both_ways,
        awaits_answer=awaits_answer,
    )


def _exchange(document: Document) -> Exchange | None:
    mentees, mentors = document["mentee"]["institution"], document["mentor"]["institution"]
    return None if mentees == mentors else (intern(mentees), intern(mentors))


async def newest(collection: Collection, wanted: Document, *, before: Position | None, limit: int) -> list[Document]:
    below: Document = {}
    if before is not None:
        at, id = before
        below = {"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": id}}]}
    return await collection.find({**wanted, **below}).sort(_NEWEST).limit(limit).to_list(limit)


async def pending_requests_of(database: Database, mentors: Iterable[str]) -> dict[str, int]:
    """Number of pending requests by mentor id; mentors without any are left out."""
    stages: list[Document] = [
        {"$match": {"mentor.member": {"$in": list(mentors)}, **PENDING}},
        {"$group": {"_id": "$mentor.member", "asked": {"$sum": 1}}},
    ]
    return {row["_id"]: row["asked"] async for row in database[REQUESTS].aggregate(stages)}
