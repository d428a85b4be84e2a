"""Documents ↔ repairs and their steps; a coordinator's query names their institution."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from services.matching.jobs.repository import MongoJobs, fields_of
from services.matching.kernel.pairs import Party
from services.matching.mentoring.domain.displacements import Displacement
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.repository.displacements import DISPLACEMENTS, displacement_of
from services.matching.mentoring.repository.pairs import OPEN as OPEN_RELATIONSHIPS
from services.matching.mentoring.repository.pairs import RELATIONSHIPS, relationship_of
from services.matching.repairs.domain.lifecycle import OPEN, Move, Plan, Repair, Step, StepState
from services.matching.rounds.repository.assignments import PLACES
from shared.errors import StaleVersion
from shared.mongo import (
    ASCENDING,
    Database,
    Document,
    DuplicateKeyError,
    IndexModel,
    UpdateOne,
    ensure_indexes,
    in_transaction,
)

REPAIRS, STEPS = "repairs", "repair_steps"
_OPEN_ONCE = IndexModel(
    [("programme", ASCENDING)], name="open_once", unique=True, partialFilterExpression={"is_open": True}
)
STEP_INDEXES = [IndexModel([("repair", ASCENDING), ("_id", ASCENDING)], name="of_repair")]


class MongoRepairRepository:
    def __init__(self, database: Database) -> None:
        self.jobs = repair_jobs(database)
        self._database = database
        self._steps = database[STEPS]

    async def prepare(self) -> None:
        await self.jobs.prepare(_OPEN_ONCE)
        await ensure_indexes(self._steps, STEP_INDEXES)

    async def open_repair(self, institution: str, programme: str) -> Repair | None:
        return await self.jobs.first({"institution": institution, "programme": programme, "is_open": True})

    async def steps(self, repair: Repair, state: StepState | None, *, after: str, limit: int) -> Sequence[Step]:
        wanted = {"repair": repair.id, "_id": {"$gt": after}, **({"state": state} if state else {})}
        return [step_of(document) async for document in self._steps.find(wanted).sort("_id", ASCENDING).limit(limit)]

    async def begin(self, repair: Repair) -> None:
        try:
            await in_transaction(self._database, lambda transaction: self.jobs.insert(transaction, repair))
        except DuplicateKeyError:  # another worker has opened one
            raise StaleVersion(found=1, expected=0) from None


def repair_jobs(database: Database) -> MongoJobs[Repair]:
    return MongoJobs(database, REPAIRS, Repair, to_document=_document_of, from_document=_repair_of)


async def displacements(database: Database, programme: str) -> list[Displacement]:
    return [displacement_of(document) async for document in database[DISPLACEMENTS].find({"programme": programme})]


async def open_relationships(database: Database, programme: str) -> list[Relationship]:
    wanted = {"programme": programme, **OPEN_RELATIONSHIPS}
    return [relationship_of(document) async for document in database[RELATIONSHIPS].find(wanted)]


async def pinned(database: Database, programme: str) -> frozenset[str]:
    """Relationships that a coordinator fixed when a round was opened."""
    wanted = {"programme": programme, "pinned": True, "state": "opened"}
    return frozenset(await database[PLACES].distinct("relationship", wanted))


def _document_of(repair: Repair) -> Document:
    return {
        "bystanders_at_most": repair.bystanders_at_most,
        "correlation": repair.correlation,
        "is_open": repair.state in OPEN,
        "plan": asdict(repair.plan) if repair.plan else None,
        "runs_by_itself": repair.runs_by_itself,
        "applied_at": repair.applied_at,
    }


def _repair_of(document: Document) -> Repair:
    plan = document["plan"]
    return Repair(
        **fields_of(document),
        bystanders_at_most=document["bystanders_at_most"],
        correlation=document["correlation"],
        plan=Plan(**plan) if plan else None,
        runs_by_itself=document["runs_by_itself"],
        applied_at=document["applied_at"],
    )


def step_document(step: Step, repair: Repair) -> Document:
    involved = [step.mentee, *(party for move in step.moves for party in (move.mentee, move.mentor))]
    return {
        "_id": step.id,
        "institution": repair.institution,
        "institutions": sorted({party.institution for party in involved}),
        "parties": sorted({party.member for party in involved}),
        "programme": repair.programme,
        **{name: value for name, value in asdict(step).items() if name != "id"},
    }


def step_of(document: Mapping[str, Any]) -> Step:
    return Step(
        id=document["_id"],
        repair=document["repair"],
        displacement=document["displacement"],
        mentee=Party(**document["mentee"]),
        moves=tuple(
            Move(mentee=Party(**move["mentee"]), mentor=Party(**move["mentor"]), leaves=move["leaves"])
            for move in document["moves"]
        ),
        state=document["state"],
        version=document["version"],
        reason=document["reason"],
    )


def changing(step: Step) -> UpdateOne:
    """On condition of the version before."""
    changed = {"state": step.state, "version": step.version, "reason": step.reason}
    return UpdateOne({"_id": step.id, "version": step.version - 1}, {"$set": changed})
