"""Due requests and separations, and the departures of members that are still to be processed."""

from collections.abc import Callable, Sequence
from datetime import datetime

from services.matching.kernel.participants import Member
from services.matching.mentoring.domain.departures import Departure
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request
from services.matching.mentoring.repository import pairs, waiting_list
from services.matching.mentoring.repository.decisions import save, seat_lock, take_seats, write_all
from services.matching.mentoring.repository.departures import departure_of
from services.matching.mentoring.repository.pairs import (
    OPEN,
    RELATIONSHIPS,
    REQUESTS,
    SEATED,
    SEATS,
    relationship_of,
    request_of,
)
from services.matching.mentoring.usecases.parties import AnyDecided
from services.matching.mentoring.worker import DecideDeparture
from services.matching.projections.departures import DEPARTURES
from services.matching.projections.repository import PARTICIPANTS, member_of
from services.matching.rotations import documents as rotations
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.mongo import ASCENDING, Database, Transaction, in_transaction

ForgetMember = Callable[[Transaction, Departure], None]
"""Deletes another slice's data about an erased member, in the transaction that processes the departure."""


class MongoDueRepository:
    def __init__(self, database: Database, clock: Clock, *, forget: Sequence[ForgetMember]) -> None:
        self._database = database
        self._clock = clock
        self._forget = forget

    async def save(self, decided: Sequence[AnyDecided], trace: Trace) -> None:
        def body(transaction: Transaction) -> None:
            take_seats(transaction, decided, ())
            save(transaction, decided, self._clock, trace)

        await in_transaction(self._database, body)

    async def due(self, *, now: datetime, limit: int) -> Sequence[Request]:
        found = self._database[REQUESTS].find(pairs.due(now)).sort("due_at", ASCENDING).limit(limit)
        return [request_of(document) async for document in found]

    async def separations_due(self, *, now: datetime, limit: int) -> Sequence[Relationship]:
        found = self._database[RELATIONSHIPS].find(pairs.due(now)).sort("due_at", ASCENDING).limit(limit)
        return [relationship_of(document) async for document in found]

    async def departures(self, *, limit: int) -> Sequence[Departure]:
        return [departure_of(document) async for document in self._database[DEPARTURES].find().limit(limit)]

    async def process_departure(
        self, departure: Departure, decide: DecideDeparture, *, trace: Trace, limit: int
    ) -> None:
        def body(transaction: Transaction) -> None:
            active = _active_member(transaction, departure.member)
            pending = _unanswerable_requests(transaction, departure.member, active, limit)
            opened = [] if active else _relationships_to_end(transaction, departure, limit)
            decided = decide(pending, opened)
            write_all(transaction, SEATS, [seat_lock(departure.member, institution=departure.institution)])
            take_seats(transaction, decided, ())
            save(transaction, decided, self._clock, trace)
            self._clean_up(transaction, departure, active, trace)
            if len(pending) < limit and len(opened) < limit:
                processed = {"_id": departure.member, "sequence": departure.sequence}
                transaction[DEPARTURES].delete_one(processed, session=transaction.session)

        await in_transaction(self._database, body)

    def _clean_up(self, transaction: Transaction, departure: Departure, active: Member | None, trace: Trace) -> None:
        member, session = departure.member, transaction.session
        waiting_list.leave_all_but(transaction, member, active.mentee_in if active else ())
        if departure.is_erased:
            written = {"mentee.member": member, "message": {"$ne": ""}}
            transaction[REQUESTS].update_many(written, {"$set": {"message": ""}}, session=session)
            rotations.forget(transaction, member, clock=self._clock, trace=trace)
            for forget in self._forget:
                forget(transaction, departure)


def _active_member(transaction: Transaction, id: str) -> Member | None:
    """The member, or None where they are inactive or erased."""
    known = transaction[PARTICIPANTS].find_one({"_id": id, "status": "active"}, session=transaction.session)
    return member_of(known) if known else None


def _unanswerable_requests(transaction: Transaction, member: str, active: Member | None, limit: int) -> list[Request]:
    """Pending requests in programmes in which the member is no longer enrolled; all where the member is gone."""
    as_mentee = {"mentee.member": member, "programme": {"$nin": sorted(active.mentee_in) if active else []}}
    as_mentor = {"mentor.member": member, "programme": {"$nin": sorted(active.mentors_in) if active else []}}
    wanted = {"parties": member, "state": "pending", "$or": [as_mentee, as_mentor]}
    return [
        request_of(document)
        for document in transaction[REQUESTS].find(wanted, session=transaction.session).limit(limit)
    ]


def _relationships_to_end(transaction: Transaction, departure: Departure, limit: int) -> list[Relationship]:
    state = OPEN if departure.is_erased else SEATED
    wanted = {"parties": departure.member, **state}
    return [
        relationship_of(document)
        for document in transaction[RELATIONSHIPS].find(wanted, session=transaction.session).limit(limit)
    ]
