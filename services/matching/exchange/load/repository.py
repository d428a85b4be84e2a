"""Reads the load of mentors from the projections, the seats and the pending requests."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from services.matching.exchange.load.domain import Load
from services.matching.kernel.participants import Policy
from services.matching.mentoring.repository import pairs
from services.matching.mentoring.repository.pairs import SEATS
from services.matching.projections import people
from services.matching.projections.repository import PARTICIPANTS
from shared.mongo import Database, Document

_KEPT = {"institution": 1, "hours_per_month": 1, "capacity": 1}


class MongoLoadRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

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
        loads: defaultdict[str, list[Load]] = defaultdict(list)
        for participant in found:
            load = Load(
                seats=participant.get("capacity", 0),
                taken=taken.get(participant["_id"], 0),
                hours=participant.get("hours_per_month", 0),
                unanswered=asked.get(participant["_id"], 0),
            )
            loads[participant["institution"]].append(load)
        return loads


def mentors_of(programme: str, institutions: Sequence[str]) -> Document:
    enrolled = {"enrolments": {"$elemMatch": {"programme": programme, "roles": "mentor"}}, "status": "active"}
    return {**enrolled, "institution": {"$in": list(institutions)}}
