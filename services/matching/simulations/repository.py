"""Documents ↔ rehearsals; the owner's institution stands in every query of a coordinator's."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.matching.kernel.participants import Policy
from services.matching.mentoring.repository.pairs import newest
from services.matching.mentoring.usecases.parties import Position
from services.matching.projections import people
from services.matching.projections.repository import PROGRAMMES
from services.matching.simulations.comparison import Churn, Comparison, Figures
from services.matching.simulations.lifecycle import KEPT, REMEMBERED, Draft, Result, Rules, Simulation
from shared import failpoints
from shared.contracts.profiles import programme_weights
from shared.errors import StaleVersion
from shared.mongo import (
    ASCENDING,
    DESCENDING,
    Database,
    Document,
    DuplicateKeyError,
    IndexModel,
    ReturnDocument,
    Writing,
    ensure_indexes,
    in_one_thread,
)
from shared.retention import keep_for

REHEARSALS = "rehearsals"
_PAGED = [("institution", ASCENDING), ("programme", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)]
_INDEXES = [
    IndexModel([("state", ASCENDING)], name="by_state"),
    IndexModel(_PAGED, name="by_programme"),
    IndexModel(
        [("programme", ASCENDING)], name="running_once", unique=True, partialFilterExpression={"state": "running"}
    ),
]


class MongoSimulationRepository:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._rehearsals = database[REHEARSALS]

    async def prepare(self) -> None:
        await ensure_indexes(self._rehearsals, _INDEXES)
        await keep_for(self._rehearsals, "at", REMEMBERED)

    async def policy(self, programme: str) -> Policy | None:
        return await people.policy(self._database, programme)

    async def begin(self, rehearsal: Simulation) -> Simulation | None:
        def body(writing: Writing) -> None:
            writing[REHEARSALS].insert_one(_document(rehearsal), session=writing.session)

        try:
            await in_one_thread(self._database, body)
        except DuplicateKeyError:  # another is running, or this is a retry beside the first attempt
            return await self.rehearsal(rehearsal.institution, rehearsal.id)
        return rehearsal

    async def rehearsal(self, institution: str, id: str) -> Simulation | None:
        document = await self._rehearsals.find_one({"_id": id, "institution": institution})
        return _rehearsal_of(document) if document else None

    async def rehearsals(
        self, institution: str, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[Simulation]:
        wanted = {"institution": institution, "programme": programme}
        return [_rehearsal_of(one) for one in await newest(self._rehearsals, wanted, before=before, limit=limit)]

    async def save(self, rehearsal: Simulation) -> None:
        known = {"_id": rehearsal.id, "version": rehearsal.version - 1}

        def body(writing: Writing) -> None:
            done = writing[REHEARSALS].replace_one(known, _document(rehearsal), session=writing.session)
            if not done.matched_count:
                raise StaleVersion(found=0, expected=rehearsal.version - 1)

        failpoints.reach("before-save")
        await in_one_thread(self._database, body)

    async def next_to_simulate(self) -> Simulation | None:
        document = await self._rehearsals.find_one_and_update(
            {"state": "running"},
            {"$inc": {"attempts": 1}},
            sort=[("attempts", ASCENDING), ("at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )
        return _rehearsal_of(document) if document else None

    async def to_follow(self, *, now: datetime) -> Sequence[Simulation]:
        stages: list[Document] = [
            {"$match": {"state": "ready"}},
            {"$lookup": {"from": PROGRAMMES, "localField": "programme", "foreignField": "_id", "as": "now"}},
            {
                "$match": {
                    "$or": [
                        {"$expr": {"$lt": ["$result.sequence", {"$max": "$now.sequence"}]}},
                        {"at": {"$lte": now - KEPT}},
                    ]
                }
            },
        ]
        return [_rehearsal_of(one) async for one in self._rehearsals.aggregate(stages)]


def result_of(document: Mapping[str, Any]) -> Result:
    comparison = document["comparison"]
    return Result(
        sequence=document["sequence"],
        today=_rules(document["today"]),
        draft=_rules(document["draft"]),
        comparison=Comparison(
            today=Figures(**comparison["today"]),
            draft=Figures(**comparison["draft"]),
            churn=Churn(**comparison["churn"]),
        ),
    )


def _document(rehearsal: Simulation) -> Document:
    return {
        "_id": rehearsal.id,
        "institution": rehearsal.institution,
        "parties": [],
        "programme": rehearsal.programme,
        "draft": asdict(rehearsal.draft),
        "at": rehearsal.began_at,
        "state": rehearsal.state,
        "version": rehearsal.version,
        "attempts": rehearsal.attempts,
        "result": asdict(rehearsal.result) if rehearsal.result else None,
        "reason": rehearsal.reason,
    }


def _rehearsal_of(document: Document) -> Simulation:
    return Simulation(
        id=document["_id"],
        institution=document["institution"],
        programme=document["programme"],
        draft=Draft(**document["draft"]),
        began_at=document["at"],
        state=document["state"],
        version=document["version"],
        attempts=document["attempts"],
        result=result_of(document["result"]) if document["result"] else None,
        reason=document["reason"],
    )


def _rules(document: Document) -> Rules:
    """Documents written before the defaults stood in them name only the weights that were set."""
    return Rules(**{**document, "weights": programme_weights(document["weights"])})
