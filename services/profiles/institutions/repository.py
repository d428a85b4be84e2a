"""Documents ↔ institutions."""

from collections.abc import Sequence

from services.profiles.institutions.domain import Institution
from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.kernel.repository import DocumentMapping, MongoAggregateRepository, to_versioned
from shared.clock import Clock
from shared.contracts.profiles import ExchangeTerms
from shared.mongo import ASCENDING, Database, Document, ensure_indexes


def _to_document(institution: Institution) -> Document:
    return {
        "_id": institution.id,
        "institution": institution.id,
        "name": institution.name,
        "status": institution.status,
        "exchanges_with": list(institution.exchanges_with),
        "exchange_terms": [terms.model_dump() for terms in institution.exchange_terms],
    }


def _from_document(document: Document) -> Institution:
    return Institution(
        id=document["_id"],
        name=document["name"],
        status=document["status"],
        exchanges_with=tuple(document["exchanges_with"]),
        exchange_terms=tuple(ExchangeTerms(**terms) for terms in document.get("exchange_terms", ())),
    )


MAPPING = DocumentMapping(
    collection="institutions",
    to_document=_to_document,
    from_document=_from_document,
    taken={"_id": ("institution_exists", "an institution with this id exists already")},
)


class MongoInstitutionRepository(MongoAggregateRepository[Institution]):
    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, MAPPING, clock)

    async def prepare(self) -> None:
        await ensure_indexes(self.collection, [])

    async def page(self, after: str | None, limit: int) -> Sequence[Versioned[Institution]]:
        """For operators: every institution."""
        found = self.collection.find({"_id": {"$gt": after or ""}}).sort("_id", ASCENDING).limit(limit)
        return [to_versioned(document, MAPPING) async for document in found]

    async def partners(self, institution: str, ids: Sequence[str]) -> Sequence[str]:
        mine = await self.find(institution, institution)
        wanted = [id for id in ids if mine is not None and id in mine.state.exchanges_with]
        return await self.collection.distinct("_id", {"_id": {"$in": wanted}, "exchanges_with": institution})
