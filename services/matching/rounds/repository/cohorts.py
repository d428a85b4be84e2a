"""Reads what a round is frozen from: the programme's members, their relationships, and since when mentees wait."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime

from services.matching.mentoring.repository.pairs import OPEN, RELATIONSHIPS, SEPARATING
from services.matching.projections.repository import PARTICIPANTS, PROGRAMMES
from services.matching.rounds.repository.assignments import PLACES
from services.matching.suggestions.feed import BINDING, STATES
from services.matching.suggestions.index.network import State
from shared.mongo import Database, Document

_SCANNED = 1000


async def states(database: Database, programme: str, *, opened: Document) -> AsyncIterator[list[State]]:
    """In batches, members last, so that the index computes each once. `opened` selects the open relationships."""
    only: dict[str, Document] = {
        **BINDING,
        RELATIONSHIPS: {"$or": [{**OPEN, **opened}, SEPARATING]},
        PROGRAMMES: {"_id": programme},
        PARTICIPANTS: {"enrolments.programme": programme},
    }
    for name, state in STATES.items():
        cursor = database[name].find(only.get(name, {}), batch_size=_SCANNED)
        while documents := await cursor.to_list(_SCANNED):
            yield [state(document) for document in documents]


async def mentors_of(database: Database, wanted: Document) -> Mapping[str, int]:
    """By mentee: the number of open relationships that match the query; mentees without one are left out."""
    stages: list[Document] = [
        {"$match": {**wanted, **OPEN}},
        {"$group": {"_id": "$mentee.member", "mentors": {"$sum": 1}}},
    ]
    return {group["_id"]: group["mentors"] async for group in database[RELATIONSHIPS].aggregate(stages)}


async def waiting_since(database: Database, programme: str) -> Mapping[str, datetime]:
    """By mentee whom a round left over: when the wait began, or when a later mentoring ended."""
    since = await _latest(database, PLACES, "waiting_since", {"programme": programme, "state": _LEFT_OVER})
    ended = await _latest(database, RELATIONSHIPS, "closed_at", {"programme": programme, "state": "closed"})
    return {mentee: max(at, ended.get(mentee, at)) for mentee, at in since.items()}


_LEFT_OVER: Document = {"$in": ["lapsed", "unmatched"]}


async def _latest(database: Database, name: str, field: str, wanted: Document) -> dict[str, datetime]:
    """By mentee: the greatest value of `field`."""
    stages: list[Document] = [
        {"$match": wanted},
        {"$group": {"_id": "$mentee.member", "at": {"$max": f"${field}"}}},
    ]
    return {group["_id"]: group["at"] async for group in database[name].aggregate(stages)}
