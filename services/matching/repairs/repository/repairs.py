"""Documents ↔ repairs and their steps; the owner's institution stands in every query of a coordinator's."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from services.matching.kernel.pairs import Party
from services.matching.kernel.participants import Policy
from services.matching.mentoring.domain.displacements import Displacement
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.repository.displacements import DISPLACEMENTS, displacement_of
from services.matching.mentoring.repository.pairs import OPEN as OPEN_BONDS
from services.matching.mentoring.repository.pairs import RELATIONSHIPS, newest, relationship_of
from services.matching.mentoring.usecases.parties import Position
from services.matching.projections import people
from services.matching.repairs.domain.lifecycle import OPEN, Move, Plan, Repair, Step, StepState
from services.matching.rounds.repository.assignments import PLACES
from shared.errors import StaleVersion
from shared.mongo import (
    ASCENDING,
    DESCENDING,
    Database,
    Document,
    DuplicateKeyError,
    IndexModel,
    UpdateOne,
    Writing,
    ensure_indexes,
    in_one_thread,
)

REPAIRS, STEPS = "repairs", "repair_steps"
_PAGED = [("institution", ASCENDING), ("programme", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)]
REPAIR_INDEXES = [
    IndexModel([("state", ASCENDING)], name="by_state"),
    IndexModel(_PAGED, name="by_programme"),
    IndexModel([("programme", ASCENDING)], name="open_once", unique=True, partialFilterExpression={"is_open": True}),
]
STEP_INDEXES = [IndexModel([("repair", ASCENDING), ("_id", ASCENDING)], name="of_repair")]


class MongoRepairRepository:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._repairs = database[REPAIRS]
        self._steps = database[STEPS]

    async def prepare(self) -> None:
        await ensure_indexes(self._repairs, REPAIR_INDEXES)
        await ensure_indexes(self._steps, STEP_INDEXES)

    async def policy(self, programme: str) -> Policy | None:
        return await people.policy(self._database, programme)

    async def repair(self, institution: str, id: str) -> Repair | None:
        document = await self._repairs.find_one({"_id": id, "institution": institution})
        return repair_of(document) if document else None

    async def open_repair(self, institution: str, programme: str) -> Repair | None:
        wanted = {"institution": institution, "programme": programme, "is_open": True}
        document = await self._repairs.find_one(wanted)
        return repair_of(document) if document else None

    async def repairs(
        self, institution: str, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[Repair]:
        wanted = {"institution": institution, "programme": programme}
        return [repair_of(one) for one in await newest(self._repairs, wanted, before=before, limit=limit)]

    async def steps(self, repair: Repair, state: StepState | None, *, after: str, limit: int) -> Sequence[Step]:
        wanted = {"repair": repair.id, "_id": {"$gt": after}, **({"state": state} if state else {})}
        return [step_of(one) async for one in self._steps.find(wanted).sort("_id", ASCENDING).limit(limit)]

    async def begin(self, repair: Repair) -> None:
        def body(writing: Writing) -> None:
            writing[REPAIRS].insert_one(document_of(repair), session=writing.session)

        try:
            await in_one_thread(self._database, body)
        except DuplicateKeyError:
            raise StaleVersion(found=1, expected=0) from None

    async def save(self, repair: Repair) -> None:
        await in_one_thread(self._database, lambda writing: replaced_in(writing, repair))


def replaced_in(writing: Writing, repair: Repair) -> None:
    done = writing[REPAIRS].replace_one(_before(repair), document_of(repair), session=writing.session)
    if not done.matched_count:
        raise StaleVersion(found=0, expected=repair.version - 1)


def _before(repair: Repair) -> Document:
    return {"_id": repair.id, "version": repair.version - 1}


async def displacements(database: Database, programme: str) -> list[Displacement]:
    return [displacement_of(one) async for one in database[DISPLACEMENTS].find({"programme": programme})]


async def bonds(database: Database, programme: str) -> list[Relationship]:
    wanted = {"programme": programme, **OPEN_BONDS}
    return [relationship_of(one) async for one in database[RELATIONSHIPS].find(wanted)]


async def pinned(database: Database, programme: str) -> frozenset[str]:
    """Relationships that a coordinator fixed when a round was opened."""
    wanted = {"programme": programme, "pinned": True, "state": "opened"}
    return frozenset(await database[PLACES].distinct("relationship", wanted))


def document_of(repair: Repair) -> Document:
    return {
        "_id": repair.id,
        "institution": repair.institution,
        "parties": [],
        "programme": repair.programme,
        "bystanders_at_most": repair.bystanders_at_most,
        "at": repair.began_at,
        "correlation": repair.correlation,
        "state": repair.state,
        "is_open": repair.state in OPEN,
        "version": repair.version,
        "attempts": repair.attempts,
        "plan": asdict(repair.plan) if repair.plan else None,
        "runs_by_itself": repair.runs_by_itself,
        "applied_at": repair.applied_at,
    }


def repair_of(document: Document) -> Repair:
    plan = document["plan"]
    return Repair(
        id=document["_id"],
        institution=document["institution"],
        programme=document["programme"],
        bystanders_at_most=document["bystanders_at_most"],
        began_at=document["at"],
        correlation=document["correlation"],
        state=document["state"],
        version=document["version"],
        attempts=document["attempts"],
        plan=Plan(**plan) if plan else None,
        runs_by_itself=document["runs_by_itself"],
        applied_at=document["applied_at"],
    )


def step_document(step: Step, repair: Repair) -> Document:
    involved = [step.mentee, *(party for move in step.moves for party in (move.mentee, move.mentor))]
    return {
        "_id": step.id,
        "institution": repair.institution,
        "institutions": sorted({one.institution for one in involved}),
        "parties": sorted({one.member for one in involved}),
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
            Move(mentee=Party(**one["mentee"]), mentor=Party(**one["mentor"]), leaves=one["leaves"])
            for one in document["moves"]
        ),
        state=document["state"],
        version=document["version"],
        reason=document["reason"],
    )


def changing(step: Step) -> UpdateOne:
    """On condition of the version before."""
    changed = {"state": step.state, "version": step.version, "reason": step.reason}
    return UpdateOne({"_id": step.id, "version": step.version - 1}, {"$set": changed})
