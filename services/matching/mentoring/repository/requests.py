"""Requests, relationships and seats: each decision in one transaction with its facts, on condition of every version."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from weakref import WeakValueDictionary

from services.matching.conflicts.documents import ROTATIONS
from services.matching.exchange.repository import EXCHANGES, has_ceiling
from services.matching.feedback.documents import forget
from services.matching.kernel.pairs import Decided
from services.matching.kernel.participants import Exchange, Member, Policy
from services.matching.mentoring.domain.departures import Departure
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request, Situation
from services.matching.mentoring.repository import pairs
from services.matching.mentoring.repository.decisions import save, save_together, seated_none, take_seats, write_all
from services.matching.mentoring.repository.departures import DEPARTURES, departure_of
from services.matching.mentoring.repository.pairs import (
    OPEN,
    RELATIONSHIPS,
    REQUESTS,
    SEATED,
    relationship_of,
    request_of,
)
from services.matching.mentoring.repository.situations import pending, situation
from services.matching.mentoring.usecases.parties import AnyDecided, Position, Wanted
from services.matching.mentoring.worker import Left
from services.matching.projections import people
from services.matching.projections.people import SEATS
from services.matching.projections.repository import PARTICIPANTS, PREFERENCES, member_of
from services.matching.repairs.repository.displacements import DISPLACEMENT_INDEXES, DISPLACEMENTS
from services.matching.rounds.repository.assignments import PLACE_INDEXES, PLACES
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.mongo import ASCENDING, Database, Document, Writing, ensure_indexes, in_one_thread


class RequestStore:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._requests = database[REQUESTS]
        self._relationships = database[RELATIONSHIPS]
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def prepare(self) -> None:
        await ensure_indexes(self._requests, pairs.REQUEST_INDEXES)
        await ensure_indexes(self._relationships, pairs.RELATIONSHIP_INDEXES)
        await ensure_indexes(self._database[SEATS], [])
        await ensure_indexes(self._database[EXCHANGES], [])
        await ensure_indexes(self._database[PLACES], PLACE_INDEXES)
        await ensure_indexes(self._database[DISPLACEMENTS], DISPLACEMENT_INDEXES)

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await people.signed_in(self._database, institution, subject_hash)

    async def policy(self, programme: str) -> Policy | None:
        """For who may see: of exchanges it does not know how full they are."""
        return await people.policy(self._database, programme)

    async def request(self, institution: str, id: str) -> Request | None:
        document = await self._requests.find_one({"_id": id, "institutions": institution})
        return request_of(document) if document else None

    async def request_and_asker(
        self, institution: str, subject_hash: str, id: str
    ) -> tuple[Request | None, str | None]:
        inactive = {"from": PARTICIPANTS, "localField": "_id", "foreignField": "_id", "as": "inactive"}
        binding: list[Document] = [
            {"$match": people.sign_in(institution, subject_hash)},
            {"$lookup": {**inactive, "pipeline": [{"$match": people.INACTIVE}, {"$project": {"_id": 1}}]}},
            {"$match": {"inactive": []}},
            {"$project": {"_id": 1}},
        ]
        stages: list[Document] = [
            {"$match": {"_id": id, "institutions": institution}},
            {"$lookup": {"from": PREFERENCES, "pipeline": binding, "as": "asker"}},
        ]
        found = await self._requests.aggregate(stages).to_list(1)
        if not found:
            return None, await self.signed_in(institution, subject_hash)
        return request_of(found[0]), next((str(one["_id"]) for one in found[0]["asker"]), None)

    async def askers(self, ids: Iterable[str]) -> Mapping[str, Member]:
        found = self._database[PARTICIPANTS].find({"_id": {"$in": list(ids)}, "erased": False})
        return {one["_id"]: member_of(one) async for one in found}

    async def requests(self, wanted: Wanted, *, before: Position | None, limit: int) -> Sequence[Request]:
        found = await pairs.newest(self._requests, _filter(wanted), before=before, limit=limit)
        return [request_of(document) for document in found]

    async def relationship(self, institution: str, id: str) -> Relationship | None:
        document = await self._relationships.find_one({"_id": id, "institutions": institution})
        return relationship_of(document) if document else None

    async def relationships(self, wanted: Wanted, *, before: Position | None, limit: int) -> Sequence[Relationship]:
        found = await pairs.newest(self._relationships, _filter(wanted), before=before, limit=limit)
        return [relationship_of(document) for document in found]

    async def decide(
        self,
        programme: str,
        *,
        mentee: str,
        mentor: str,
        decide: Callable[[Situation], Sequence[AnyDecided]],
        with_rivals: bool,
        exchange: Exchange | None,
        trace: Trace,
    ) -> None:
        def body(writing: Writing) -> None:
            two = situation(writing, programme, mentee=mentee, mentor=mentor)
            if with_rivals and two.is_last_seat:
                two = replace(two, rivals=pending(writing, {"mentor.member": mentor}))
            decided = decide(two)
            save_together(writing, decided, [two], self._clock, trace)

        async with self._in_line(mentor, exchange):
            await in_one_thread(self._database, body)

    @asynccontextmanager
    async def _in_line(self, mentor: str, exchange: Exchange | None) -> AsyncIterator[None]:
        """A crowd before one mentor, or before a ceiling, waits here; elsewhere each attempt but one would be made
        again. Everybody stands in the mentor's line first.
        """
        async with self._turns.setdefault(mentor, asyncio.Lock()):
            if exchange is None or not await has_ceiling(self._database, exchange):
                yield
                return
            async with self._turns.setdefault(":".join(exchange), asyncio.Lock()):
                yield

    async def change_request(
        self, institution: str, id: str, decide: Callable[[Request], Decided[Request] | None], trace: Trace
    ) -> Request:
        def body(writing: Writing) -> Request:
            request = request_of(_seen(writing, REQUESTS, institution, id))
            decided = decide(request)
            if decided is None:
                writing.changes_nothing = True
                return request
            save(writing, [decided], self._clock, trace)
            return decided.state

        return await in_one_thread(self._database, body)

    async def change_relationship(
        self,
        institution: str,
        id: str,
        decide: Callable[[Relationship, Situation], Decided[Relationship] | None],
        trace: Trace,
    ) -> Relationship:
        def body(writing: Writing) -> Relationship:
            before = relationship_of(_seen(writing, RELATIONSHIPS, institution, id))
            pair = before.pair
            two = situation(writing, pair.programme, mentee=pair.mentee.member, mentor=pair.mentor.member)
            decided = decide(before, two)
            if decided is None:
                writing.changes_nothing = True
                return before
            save_together(writing, [decided], [two], self._clock, trace)
            return decided.state

        return await in_one_thread(self._database, body)

    async def save(self, decided: Sequence[AnyDecided], trace: Trace) -> None:
        def body(writing: Writing) -> None:
            take_seats(writing, decided, ())
            save(writing, decided, self._clock, trace)

        await in_one_thread(self._database, body)

    async def due(self, *, now: datetime, limit: int) -> Sequence[Request]:
        found = self._requests.find(pairs.due(now)).sort("due_at", ASCENDING).limit(limit)
        return [request_of(document) async for document in found]

    async def separations_due(self, *, now: datetime, limit: int) -> Sequence[Relationship]:
        found = self._relationships.find(pairs.due(now)).sort("due_at", ASCENDING).limit(limit)
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
            _clear_up(writing, departure, here)
            if len(asked) < limit and len(opened) < limit:
                command = {"_id": departure.member, "sequence": departure.sequence}
                writing[DEPARTURES].delete_one(command, session=writing.session)

        await in_one_thread(self._database, body)


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


def _clear_up(writing: Writing, departure: Departure, here: Member | None) -> None:
    member, session = departure.member, writing.session
    gone = {"mentee.member": member, "waits": True, "programme": {"$nin": sorted(here.mentee_in) if here else []}}
    writing[PLACES].update_many(gone, {"$set": {"waits": False}}, session=session)
    if departure.is_erased:
        said = {"mentee.member": member, "message": {"$ne": ""}}
        writing[REQUESTS].update_many(said, {"$set": {"message": ""}}, session=session)
        writing[ROTATIONS].delete_many({"parties": member}, session=session)
        forget(writing, member, event=departure.event, correlation=departure.correlation)


def _seen(writing: Writing, name: str, institution: str, id: str) -> Document:
    """Neither is ever deleted: whoever was seen before is there."""
    document = writing[name].find_one({"_id": id, "institutions": institution}, session=writing.session)
    if document is None:
        raise LookupError(f"{name}: {id} was seen and is gone")
    return document


def _filter(wanted: Wanted) -> Document:
    asked: Document = {
        "parties": wanted.member,
        f"{wanted.side}.member": wanted.member if wanted.side else None,
        "programme": wanted.programme,
        "state": wanted.state,
    }
    return {"institutions": wanted.institution, **{name: value for name, value in asked.items() if value is not None}}
