"""Settles places as a request is accepted: in one transaction with the seat, the relationship and the facts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from services.matching.jobs.repository import append_event
from services.matching.kernel.pairs import Decided
from services.matching.mentoring.domain.requests import Situation
from services.matching.mentoring.repository.decisions import Save, save_together
from services.matching.mentoring.repository.situations import pending, situation
from services.matching.rounds.domain.assignments import UNSETTLED, Place, PlaceState
from services.matching.rounds.domain.lifecycle import Round
from services.matching.rounds.repository.assignments import PLACES, changing, of_edition, place_of
from services.matching.rounds.repository.documents import edition_of, round_jobs
from services.matching.rounds.repository.rounds import counted
from services.matching.rounds.worker.publishing import Settle
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.matching import RoundPublished
from shared.mongo import ASCENDING, DESCENDING, Database, Transaction, in_transaction


class MongoPublicationRepository:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._jobs = round_jobs(database)
        self._database = database
        self._clock = clock

    async def unsettled(self, round: Round, *, limit: int) -> Sequence[Place]:
        wanted = {**of_edition(edition_of(round)), "state": {"$in": list(UNSETTLED)}}
        found = self._database[PLACES].find(wanted).sort([("state", DESCENDING), ("_id", ASCENDING)]).limit(limit)
        return [place_of(document) async for document in found]

    async def settle(self, place: Place, settle: Settle, trace: Trace) -> None:
        def body(transaction: Transaction) -> None:
            document = transaction[PLACES].find_one({"_id": place.id}, session=transaction.session)
            if document is None:
                raise LookupError(f"place {place.id} was read and is deleted")
            two = _round_situation(transaction, place)
            settlement = settle(place_of(document), two)
            if settlement is not None:
                saved = _save_of(settlement.place, event_id=self._clock.new_id())
                save_together(transaction, settlement.pair, [two], self._clock, trace, further=[saved], bulk=True)

        await in_transaction(self._database, body)

    async def counts(self, round: Round) -> Mapping[PlaceState, int]:
        return await counted(self._database, round)

    async def finish(self, round: Round, event: RoundPublished, *, now: datetime) -> None:
        def body(transaction: Transaction) -> None:
            self._jobs.replace(transaction, round)
            append_event(transaction, round, event, correlation=round.correlation, clock=self._clock, now=now)

        await in_transaction(self._database, body)


def _save_of(decided: Decided[Place], *, event_id: str) -> Save:
    place = decided.state
    return Save(
        collection=PLACES,
        write=changing(place),
        event=decided.event,
        event_id=event_id,
        institution=place.mentee.institution,
        version=place.version,
    )


def _round_situation(transaction: Transaction, place: Place) -> Situation:
    mentee, mentor = place.mentee.member, place.mentor.member if place.mentor else place.mentee.member
    two = situation(transaction, place.programme, mentee=mentee, mentor=mentor)
    competing_requests = pending(transaction, {"mentor.member": mentor}) if two.is_last_seat else ()
    return replace(two, competing_requests=competing_requests)
