"""Reads the load of mentors from the projections, the seats, the pending requests and the hours that they gave."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from services.matching.exchange.load.domain import COUNTED, Given, GivenMinutes, Load
from services.matching.kernel.participants import Policy
from services.matching.mentoring.domain.departures import Departure
from services.matching.mentoring.repository import pairs
from services.matching.mentoring.repository.pairs import SEATS
from services.matching.projections import people
from services.matching.projections.repository import PARTICIPANTS
from shared.clock import Clock
from shared.mongo import ASCENDING, Database, Document, IndexModel, Transaction, ensure_indexes

HOURS = "hours_given"
_OF_MENTOR = IndexModel([("mentor", ASCENDING), ("at", ASCENDING)], name="of_mentor")
_KEPT = {"institution": 1, "hours_per_month": 1, "capacity": 1}


class MongoLoadRepository:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def prepare(self) -> None:
        await ensure_indexes(self._database[HOURS], [_OF_MENTOR])

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await people.signed_in(self._database, institution, subject_hash)

    async def policy(self, programme: str) -> Policy | None:
        return await people.policy(self._database, programme)

    async def load(self, institution: str, member: str) -> Load | None:
        found = await self._loads({"_id": member, "institution": institution})
        return next((load for loads in found.values() for load in loads), None)

    async def loads(self, programme: str, institutions: Sequence[str]) -> Mapping[str, Sequence[Load]]:
        return await self._loads(mentors_of(programme, institutions))

    async def _loads(self, wanted: Document) -> Mapping[str, Sequence[Load]]:
        found = await self._database[PARTICIPANTS].find({**wanted, "erased": False}, _KEPT).to_list(None)
        ids = [participant["_id"] for participant in found]
        seats = self._database[SEATS].find({"_id": {"$in": ids}}, {"taken": 1})
        taken = {seat["_id"]: seat["taken"] async for seat in seats}
        asked = await pairs.pending_requests_of(self._database, ids)
        given = await self._given(ids)
        loads: defaultdict[str, list[Load]] = defaultdict(list)
        for participant in found:
            load = Load(
                seats=participant.get("capacity", 0),
                taken=taken.get(participant["_id"], 0),
                hours=participant.get("hours_per_month", 0),
                unanswered=asked.get(participant["_id"], 0),
                minutes=given.get(participant["_id"], GivenMinutes()),
            )
            loads[participant["institution"]].append(load)
        return loads

    async def _given(self, mentors: Sequence[str]) -> Mapping[str, GivenMinutes]:
        since = self._clock.now() - COUNTED
        without_seat = {"$cond": [{"$in": ["$format", ["meeting", "group"]]}, 0, "$minutes"]}
        sums = {"_id": "$mentor", "in_all": {"$sum": "$minutes"}, "without_seat": {"$sum": without_seat}}
        stages: list[Document] = [
            {"$match": {"mentor": {"$in": list(mentors)}, "at": {"$gt": since}}},
            {"$group": sums},
        ]
        found = self._database[HOURS].aggregate(stages)
        return {
            each["_id"]: GivenMinutes(in_all=each["in_all"], without_seat=each["without_seat"]) async for each in found
        }


def record(transaction: Transaction, given: Given) -> None:
    """Not of an erased mentor: what others record later of a conversation with them is not kept."""
    erased = {"_id": given.mentor, "erased": True}
    if transaction[PARTICIPANTS].find_one(erased, {"_id": 1}, session=transaction.session) is not None:
        return
    new = asdict(given)
    id = new.pop("id")
    transaction[HOURS].update_one({"_id": id}, {"$setOnInsert": new}, upsert=True, session=transaction.session)


def forget(transaction: Transaction, departure: Departure) -> None:
    transaction[HOURS].delete_many({"mentor": departure.member}, session=transaction.session)


def mentors_of(programme: str, institutions: Sequence[str]) -> Document:
    enrolled = {"enrolments": {"$elemMatch": {"programme": programme, "roles": "mentor"}}, "status": "active"}
    return {**enrolled, "institution": {"$in": list(institutions)}}
