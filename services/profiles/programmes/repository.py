"""Documents ↔ programmes."""

from collections.abc import Sequence

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.kernel.repository import DocumentMapping, MongoAggregateRepository, to_versioned
from services.profiles.programmes.domain import Programme
from shared.clock import Clock
from shared.contracts.profiles import ProgrammeLimits, programme_weights, separation_days
from shared.mongo import ASCENDING, Database, Document, IndexModel, ensure_indexes

_SINCE = ("assessment_lookback_days", "assessment_lookahead_days")
"""Not in documents written before there were such."""


def _to_document(programme: Programme) -> Document:
    return {
        "_id": programme.id,
        "institution": programme.institution,
        "name": programme.name,
        "status": programme.status,
        "admits": list(programme.admits),
        "agreed": list(programme.agreed),
        "declined": list(programme.declined),
        "weights": dict(programme.weights),
        "limits": programme.limits.model_dump(),
        "repair_by_itself_up_to": programme.repair_by_itself_up_to,
        "assessment_lookback_days": programme.assessment_lookback_days,
        "assessment_lookahead_days": programme.assessment_lookahead_days,
        "separation_days": dict(programme.separation_days),
    }


def _from_document(document: Document) -> Programme:
    return Programme(
        id=document["_id"],
        institution=document["institution"],
        name=document["name"],
        status=document["status"],
        admits=tuple(document["admits"]),
        agreed=tuple(document["agreed"] if "agreed" in document else document["admits"]),
        declined=tuple(document.get("declined", ())),
        weights=programme_weights(document["weights"]),
        limits=ProgrammeLimits(**document["limits"]),
        separation_days=separation_days(document.get("separation_days") or {}),
        repair_by_itself_up_to=document.get("repair_by_itself_up_to", 0),
        **{name: document[name] for name in _SINCE if name in document},
    )


MAPPING = DocumentMapping(
    collection="programmes",
    to_document=_to_document,
    from_document=_from_document,
    taken={"_id": ("programme_exists", "this programme id is taken")},
)


class MongoProgrammeRepository(MongoAggregateRepository[Programme]):
    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, MAPPING, clock)

    async def prepare(self) -> None:
        named = IndexModel([("admits", ASCENDING), ("_id", ASCENDING)], name="by_admitted")
        agreed = IndexModel([("agreed", ASCENDING), ("_id", ASCENDING)], name="by_agreed")
        await ensure_indexes(self.collection, [named, agreed])
        # Institutions admitted before they were asked stay admitted.
        await self.collection.update_many({"agreed": {"$exists": False}}, [{"$set": {"agreed": "$admits"}}])

    async def find_any(self, id: str) -> Versioned[Programme] | None:
        return self._read(await self.collection.find_one({"_id": id}))

    async def page(self, institution: str | None, after: str | None, limit: int) -> Sequence[Versioned[Programme]]:
        admitted = {} if institution is None else {"agreed": institution}
        found = self.collection.find({**admitted, "_id": {"$gt": after or ""}}).sort("_id", ASCENDING).limit(limit)
        return [to_versioned(document, MAPPING) async for document in found]

    async def naming(self, institution: str, after: str | None, limit: int) -> Sequence[Versioned[Programme]]:
        others = {"admits": institution, "institution": {"$ne": institution}, "_id": {"$gt": after or ""}}
        found = self.collection.find(others).sort("_id", ASCENDING).limit(limit)
        return [to_versioned(document, MAPPING) async for document in found]

    async def named(self, ids: Sequence[str], admitting: str, owners: Sequence[str] = ()) -> Sequence[Programme]:
        is_open = [{"agreed": admitting}, {"institution": {"$in": list(owners)}}]
        found = self.collection.find({"_id": {"$in": list(ids)}, "$or": is_open})
        return [_from_document(document) async for document in found]
