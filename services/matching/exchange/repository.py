"""Counts pairs across institutions from the relationships: there is no counter that could differ from them."""

import asyncio
from collections.abc import Collection, Mapping

from services.matching.exchange.domain import Flow
from services.matching.kernel.participants import Exchange, Institution
from services.matching.mentoring.repository.pairs import RELATIONSHIPS, SEATED
from services.matching.projections import repository as projections
from shared.mongo import Database, Document

_GIVEN, _RECEIVED = ("mentor", "mentee"), ("mentee", "mentor")


class MongoExchangeRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def institutions(self, ids: Collection[str]) -> Mapping[str, Institution]:
        return await projections.institutions(self._database, ids)

    async def flows(self, institution: str) -> Mapping[Exchange, Flow]:
        found = await asyncio.gather(*(self._flows(institution, *sides) for sides in (_GIVEN, _RECEIVED)))
        return {exchange: flow for each in found for exchange, flow in each.items()}

    async def _flows(self, institution: str, side: str, other: str) -> Mapping[Exchange, Flow]:
        """Counts in an index only: reads no document, and skips relationships within the institution."""
        now = {"$sum": {"$cond": [{"$in": ["$state", SEATED["state"]["$in"]]}, 1, 0]}}
        stages: list[Document] = [
            {"$match": {f"{side}.institution": institution, f"{other}.institution": {"$ne": institution}}},
            {"$group": {"_id": f"${other}.institution", "now": now, "in_all": {"$sum": 1}}},
        ]
        flows: dict[Exchange, Flow] = {}
        async for row in self._database[RELATIONSHIPS].aggregate(stages):
            exchange = (row["_id"], institution) if side == "mentor" else (institution, row["_id"])
            flows[exchange] = Flow(now=row["now"], in_all=row["in_all"])
        return flows
