"""Pairs across institutions, counted from the relationships themselves: no counter that could differ from them."""

from collections.abc import Collection, Mapping

from services.matching.domain.exchange import Flow
from services.matching.domain.model import Exchange, Institution
from services.matching.store.pairs import RELATIONSHIPS, SEATED
from services.matching.store.projections import INSTITUTIONS, institution_of
from shared.mongo import Database, Document


class ExchangeStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def institutions(self, ids: Collection[str]) -> Mapping[str, Institution]:
        found = self._database[INSTITUTIONS].find({"_id": {"$in": list(ids)}, "erased": False})
        return {one["_id"]: institution_of(one) async for one in found}

    async def flows(self, institution: str) -> Mapping[Exchange, Flow]:
        now = {"$sum": {"$cond": [{"$in": ["$state", SEATED["state"]["$in"]]}, 1, 0]}}
        stages: list[Document] = [
            {"$match": {"institutions": institution, "institutions.1": {"$exists": True}}},
            {"$group": {"_id": _BETWEEN, "now": now, "in_all": {"$sum": 1}}},
        ]
        found = self._database[RELATIONSHIPS].aggregate(stages)
        return {
            (one["_id"]["mentees"], one["_id"]["mentors"]): Flow(now=one["now"], in_all=one["in_all"])
            async for one in found
        }


_BETWEEN: Document = {"mentees": "$mentee.institution", "mentors": "$mentor.institution"}
