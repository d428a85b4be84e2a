"""Seats taken between institutions that agreed on a ceiling, counted from the relationships; no counter is stored.

A transaction that takes a seat below a ceiling also writes to the exchange's document. Of two concurrent transactions
one therefore conflicts, is retried, and counts the seat that the other took.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from services.matching.kernel.participants import Exchange, Policy
from services.matching.mentoring.repository.pairs import RELATIONSHIPS, SEATED
from services.matching.mentoring.usecases.parties import AnyDecided
from services.matching.projections import people
from services.matching.projections.repository import INSTITUTIONS
from shared.mongo import Database, Document, Transaction, UpdateOne

EXCHANGES = "exchanges"


async def policy(database: Database, programme: str, *, exchanges: Iterable[Exchange]) -> Policy | None:
    """The policy with the seats given in those of `exchanges` that have a ceiling; seats in others are not counted."""
    found = await people.policy(database, programme)
    return replace(found, given=await _given(database, found.capped(exchanges))) if found else None


async def _given(database: Database, exchanges: Iterable[Exchange]) -> Mapping[Exchange, int]:
    """One query for each: few exchanges have a ceiling, and each count is covered by an index."""
    return {exchange: await database[RELATIONSHIPS].count_documents(in_exchange(exchange)) for exchange in exchanges}


async def has_ceiling(database: Database, exchange: Exchange) -> bool:
    mentees, mentors = exchange
    capped = {"partner": mentees, "ceiling": {"$ne": None}}
    wanted = {"_id": mentors, "exchange_terms": {"$elemMatch": capped}}
    return await database[INSTITUTIONS].find_one(wanted, {"_id": 1}) is not None


def ceiling_writes(policies: Iterable[Policy], decided: Iterable[AnyDecided]) -> list[UpdateOne]:
    """Writes to the exchanges in which seats are taken and for which one of these policies has a ceiling."""
    taking = {decision.state.pair.exchange for decision in decided if decision.seats > 0}
    return [
        _ceiling_write(exchange)
        for exchange in sorted({exchange for policy in policies for exchange in policy.capped(taking)})
    ]


def given(transaction: Transaction, exchanges: Iterable[Exchange]) -> dict[Exchange, int]:
    """Seats taken in each exchange, as the transaction sees them."""
    return {
        exchange: transaction[RELATIONSHIPS].count_documents(in_exchange(exchange), session=transaction.session)
        for exchange in exchanges
    }


def in_exchange(exchange: Exchange) -> Document:
    mentees, mentors = exchange
    return {"mentor.institution": mentors, "mentee.institution": mentees, **SEATED}


def _ceiling_write(exchange: Exchange) -> UpdateOne:
    mentees, mentors = exchange
    new = {"institution": mentors, "institutions": sorted(exchange), "parties": []}
    return UpdateOne({"_id": f"{mentees}:{mentors}"}, {"$inc": {"turns": 1}, "$setOnInsert": new}, upsert=True)
