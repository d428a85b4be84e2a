"""Pairs across institutions, counted from the relationships themselves: no counter that could differ from them.

Where there is a ceiling, whoever takes one of its seats writes to the exchange's one document: of two transactions at
once one begins again, and counts what the other took.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping

from services.matching.exchange.domain import Flow
from services.matching.kernel.participants import Exchange, Institution, Policy
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.repository.pairs import RELATIONSHIPS, SEATED
from services.matching.mentoring.usecases.parties import AnyDecided
from services.matching.projections import repository as projections
from services.matching.projections.repository import INSTITUTIONS
from shared.mongo import Database, Document, UpdateOne, Writing

EXCHANGES = "exchanges"
_GIVEN, _RECEIVED = ("mentor", "mentee"), ("mentee", "mentor")


class ExchangeStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def institutions(self, ids: Collection[str]) -> Mapping[str, Institution]:
        return await projections.institutions(self._database, ids)

    async def flows(self, institution: str) -> Mapping[Exchange, Flow]:
        found = await asyncio.gather(*(self._flows(institution, *sides) for sides in (_GIVEN, _RECEIVED)))
        return {exchange: flow for each in found for exchange, flow in each.items()}

    async def _flows(self, institution: str, side: str, other: str) -> Mapping[Exchange, Flow]:
        """Counted in an index: no relationship is read, and none between the institution's own people is passed."""
        now = {"$sum": {"$cond": [{"$in": ["$state", SEATED["state"]["$in"]]}, 1, 0]}}
        stages: list[Document] = [
            {"$match": {f"{side}.institution": institution, f"{other}.institution": {"$ne": institution}}},
            {"$group": {"_id": f"${other}.institution", "now": now, "in_all": {"$sum": 1}}},
        ]
        flows: dict[Exchange, Flow] = {}
        async for one in self._database[RELATIONSHIPS].aggregate(stages):
            exchange = (one["_id"], institution) if side == "mentor" else (institution, one["_id"])
            flows[exchange] = Flow(now=one["now"], in_all=one["in_all"])
        return flows


async def has_ceiling(database: Database, exchange: Exchange) -> bool:
    mentees, mentors = exchange
    capped = {"partner": mentees, "ceiling": {"$ne": None}}
    wanted = {"_id": mentors, "exchange_terms": {"$elemMatch": capped}}
    return await database[INSTITUTIONS].find_one(wanted, {"_id": 1}) is not None


def turns(policies: Iterable[Policy], decided: Iterable[AnyDecided]) -> list[UpdateOne]:
    """Of the exchanges with a ceiling, by any of these policies, in which seats are taken."""
    taking = {one.state.pair.exchange for one in decided if isinstance(one.state, Relationship) and one.seats > 0}
    return [_turn(exchange) for exchange in sorted({one for policy in policies for one in policy.capped(taking)})]


def given(writing: Writing, exchanges: Iterable[Exchange]) -> dict[Exchange, int]:
    """Seats taken now, as the transaction sees them."""
    return {one: writing[RELATIONSHIPS].count_documents(in_exchange(one), session=writing.session) for one in exchanges}


def in_exchange(exchange: Exchange) -> Document:
    mentees, mentors = exchange
    return {"mentor.institution": mentors, "mentee.institution": mentees, **SEATED}


def _turn(exchange: Exchange) -> UpdateOne:
    mentees, mentors = exchange
    new = {"institution": mentors, "institutions": sorted(exchange), "parties": []}
    return UpdateOne({"_id": f"{mentees}:{mentors}"}, {"$inc": {"turns": 1}, "$setOnInsert": new}, upsert=True)
