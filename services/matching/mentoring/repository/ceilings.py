"""Ceilings between institutions, counted from the relationships themselves: no counter that could differ from them.

Where there is a ceiling, whoever takes one of its seats writes to the exchange's one document: of two transactions at
once one begins again, and counts what the other took.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from services.matching.kernel.participants import Exchange, Policy
from services.matching.mentoring.repository.pairs import RELATIONSHIPS, SEATED
from services.matching.mentoring.usecases.parties import AnyDecided
from services.matching.projections import people
from services.matching.projections.repository import INSTITUTIONS
from shared.mongo import Database, Document, UpdateOne, Writing

EXCHANGES = "exchanges"


async def policy(database: Database, programme: str, *, exchanges: Iterable[Exchange]) -> Policy | None:
    """With the seats given in these exchanges, where they have a ceiling: how full others are it does not know."""
    found = await people.policy(database, programme)
    return replace(found, given=await _given(database, found.capped(exchanges))) if found else None


async def _given(database: Database, exchanges: Iterable[Exchange]) -> Mapping[Exchange, int]:
    """One by one: few have a ceiling, and each is counted in an index alone."""
    return {one: await database[RELATIONSHIPS].count_documents(in_exchange(one)) for one in exchanges}


async def has_ceiling(database: Database, exchange: Exchange) -> bool:
    mentees, mentors = exchange
    capped = {"partner": mentees, "ceiling": {"$ne": None}}
    wanted = {"_id": mentors, "exchange_terms": {"$elemMatch": capped}}
    return await database[INSTITUTIONS].find_one(wanted, {"_id": 1}) is not None


def turns(policies: Iterable[Policy], decided: Iterable[AnyDecided]) -> list[UpdateOne]:
    """Of the exchanges with a ceiling, by any of these policies, in which seats are taken."""
    taking = {one.state.pair.exchange for one in decided if one.seats > 0}
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
