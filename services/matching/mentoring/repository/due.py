"""What is due: requests and separations whose time has come, and what people who left have left behind."""

from collections.abc import Callable, Sequence
from datetime import datetime

from services.matching.kernel.participants import Member
from services.matching.mentoring.domain.departures import Departure
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request
from services.matching.mentoring.repository import pairs, waiting_list
from services.matching.mentoring.repository.decisions import save, seated_none, take_seats, write_all
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
from services.matching.mentoring.worker import Left
from services.matching.projections.departures import DEPARTURES
from services.matching.projections.repository import PARTICIPANTS, member_of
from services.matching.rotations.documents import ROTATIONS
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.mongo import ASCENDING, Database, Writing, in_one_thread

Forget = Callable[[Writing, Departure], None]
"""What a further slice forgets of an erased member, in the transaction that works off the departure."""


class MongoDueRepository:
    def __init__(self, database: Database, clock: Clock, *, forget: Sequence[Forget]) -> None:
        self._database = database
        self._clock = clock
        self._forget = forget

    async def save(self, decided: Sequence[AnyDecided], trace: Trace) -> None:
        def body(writing: Writing) -> None:
            take_seats(writing, decided, ())
            save(writing, decided, self._clock, trace)

        await in_one_thread(self._database, body)

    async def due(self, *, now: datetime, limit: int) -> Sequence[Request]:
        found = self._database[REQUESTS].find(pairs.due(now)).sort("due_at", ASCENDING).limit(limit)
        return [request_of(document) async for document in found]

    async def separations_due(self, *, now: datetime, limit: int) -> Sequence[Relationship]:
        found = self._database[RELATIONSHIPS].find(pairs.due(now)).sort("due_at", ASCENDING).limit(limit)
        return [relationship_of(document) async for document in found]

    async def departures(self, *, limit: int) -> Sequence[Departure]:
        return [departure_of(document) async for document in self._database[DEPARTURES].find().limit(limit)]

    async def work_off(self, departure: Departure, left: Left, *, trace: Trace, limit: int) -> None:
        def body(writing: Writing) -> None:
            here = _here(writing, departure.member)
            asked = _asked_in_vain(writing, departure.member, here, limit)
            opened = [] if here else _left_open(writing, departure, limit)
            decided = left(asked, opened)
            write_all(writing, SEATS, [seated_none(departure.member, institution=departure.institution)])
            take_seats(writing, decided, ())
            save(writing, decided, self._clock, trace)
            self._clear_up(writing, departure, here)
            if len(asked) < limit and len(opened) < limit:
                command = {"_id": departure.member, "sequence": departure.sequence}
                writing[DEPARTURES].delete_one(command, session=writing.session)

        await in_one_thread(self._database, body)

    def _clear_up(self, writing: Writing, departure: Departure, here: Member | None) -> None:
        member, session = departure.member, writing.session
        waiting_list.leave_all_but(writing, member, here.mentee_in if here else ())
        if departure.is_erased:
            written = {"mentee.member": member, "message": {"$ne": ""}}
            writing[REQUESTS].update_many(written, {"$set": {"message": ""}}, session=session)
            writing[ROTATIONS].delete_many({"parties": member}, session=session)
            for forget in self._forget:
                forget(writing, departure)


def _here(writing: Writing, id: str) -> Member | None:
    """None: inactive, or erased. Enrolments say what somebody who is here takes part in."""
    known = writing[PARTICIPANTS].find_one({"_id": id, "status": "active"}, session=writing.session)
    return member_of(known) if known else None


def _asked_in_vain(writing: Writing, member: str, here: Member | None, limit: int) -> list[Request]:
    """Where they are enrolled no more; of somebody who is gone all."""
    as_mentee = {"mentee.member": member, "programme": {"$nin": sorted(here.mentee_in) if here else []}}
    as_mentor = {"mentor.member": member, "programme": {"$nin": sorted(here.mentors_in) if here else []}}
    wanted = {"parties": member, "state": "pending", "$or": [as_mentee, as_mentor]}
    return [request_of(one) for one in writing[REQUESTS].find(wanted, session=writing.session).limit(limit)]


def _left_open(writing: Writing, departure: Departure, limit: int) -> list[Relationship]:
    open_ = OPEN if departure.is_erased else SEATED
    wanted = {"parties": departure.member, **open_}
    return [relationship_of(one) for one in writing[RELATIONSHIPS].find(wanted, session=writing.session).limit(limit)]
