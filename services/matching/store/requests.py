"""Requests, relationships and seats: each decision in one transaction with its facts, on condition of every version.

A member's document in `seats` counts the seats that their mentees take. Whatever must not happen at the same moment
writes to it (asking, accepting, leaving), so that one of two such transactions begins again and sees the other's work.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from services.matching.domain.departures import Departure
from services.matching.domain.model import Exchange, Person, Policy
from services.matching.domain.pairs import Decided
from services.matching.domain.relationships import Relationship
from services.matching.domain.repair.displacements import Displacement, of_place, of_relationship
from services.matching.domain.requests import Request, Situation
from services.matching.domain.rounds.places import Place
from services.matching.store import pairs, people
from services.matching.store.assessments import ROTATIONS
from services.matching.store.departures import DEPARTURES, departure_of
from services.matching.store.displacements import DISPLACEMENT_INDEXES, DISPLACEMENTS, displace
from services.matching.store.exchange import EXCHANGES, has_ceiling, turns
from services.matching.store.experience import forget
from services.matching.store.pairs import OPEN, RELATIONSHIPS, REQUESTS, SEATED, relationship_of, replacing, request_of
from services.matching.store.people import SEATS
from services.matching.store.places import PLACE_INDEXES, PLACES, changing, seated
from services.matching.store.projections import PARTICIPANTS
from services.matching.usecases.due import Left
from services.matching.usecases.parties import AnyDecided, Position, Wanted
from shared import outbox
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import StaleVersion
from shared.mongo import (
    ASCENDING,
    BulkWriteError,
    Collection,
    Database,
    Document,
    Session,
    UpdateOne,
    duplicates_in,
    ensure_indexes,
    in_transaction,
)


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
        async def body(session: Session) -> None:
            situation = await self._situation(programme, mentee, mentor, session)
            if with_rivals and situation.is_last_seat:
                rivals = await self._pending({"mentor.member": mentor}, session)
                situation = replace(situation, rivals=rivals)
            decided = decide(situation)
            both = [one for one in (situation.mentee, situation.mentor) if one is not None]
            await self._take_seats(decided, both, session)
            await self._take_turns(situation.policy, decided, session)
            await self._write(decided, trace, session)

        async with self._in_line(mentor, exchange):
            await in_transaction(self._database, body)

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
        async def body(session: Session) -> Request:
            request = request_of(await _seen(self._requests, institution, id, session))
            decided = decide(request)
            if decided is None:
                return request
            await self._write([decided], trace, session)
            return decided.state

        return await in_transaction(self._database, body)

    async def change_relationship(
        self,
        institution: str,
        id: str,
        decide: Callable[[Relationship, Situation], Decided[Relationship] | None],
        trace: Trace,
    ) -> Relationship:
        async def body(session: Session) -> Relationship:
            before = relationship_of(await _seen(self._relationships, institution, id, session))
            pair = before.pair
            situation = await self._situation(pair.programme, pair.mentee.member, pair.mentor.member, session)
            decided = decide(before, situation)
            if decided is None:
                return before
            both = [one for one in (situation.mentee, situation.mentor) if one is not None]
            await self._take_seats([decided], both, session)
            await self._take_turns(situation.policy, [decided], session)
            await self._write([decided], trace, session)
            return decided.state

        return await in_transaction(self._database, body)

    async def save(self, decided: Sequence[AnyDecided], trace: Trace) -> None:
        async def body(session: Session) -> None:
            await self._take_seats(decided, (), session)
            await self._write(decided, trace, session)

        await in_transaction(self._database, body)

    async def due(self, *, now: datetime, limit: int) -> Sequence[Request]:
        found = self._requests.find(pairs.due(now)).sort("due_at", ASCENDING).limit(limit)
        return [request_of(document) async for document in found]

    async def departures(self, *, limit: int) -> Sequence[Departure]:
        return [departure_of(document) async for document in self._database[DEPARTURES].find().limit(limit)]

    async def work_off(self, departure: Departure, left: Left, *, trace: Trace, limit: int) -> None:
        async def body(session: Session) -> None:
            member = departure.member
            known = await self._database[PARTICIPANTS].find_one({"_id": member}, session=session)
            is_back = known is not None and known.get("status") == "active"
            pending, opened = ([], []) if is_back else await self._left_by(departure, session, limit)
            decided = left(pending, opened)
            await self._all(SEATS, [seated_none(member, institution=departure.institution)], session)
            await self._take_seats(decided, (), session)
            await self._write(decided, trace, session)
            gone = {"mentee.member": member, "waits": True}
            await self._database[PLACES].update_many(gone, {"$set": {"waits": False}}, session=session)
            if departure.is_erased:
                said = {"mentee.member": member, "message": {"$ne": ""}}
                await self._requests.update_many(said, {"$set": {"message": ""}}, session=session)
                await self._database[ROTATIONS].delete_many({"parties": member}, session=session)
                told = {"event": departure.event, "correlation": departure.correlation}
                await forget(self._database, member, session, **told)
            if len(pending) < limit and len(opened) < limit:
                command = {"_id": member, "sequence": departure.sequence}
                await self._database[DEPARTURES].delete_one(command, session=session)

        await in_transaction(self._database, body)

    async def _situation(self, programme: str, mentee: str, mentor: str, session: Session) -> Situation:
        both = await people.persons(self._database, {"_id": {"$in": [mentee, mentor]}}, session, mentees=[mentee])
        homes = [both[one].member.institution for one in (mentee, mentor) if one in both]
        exchanges = [(homes[0], homes[-1])] if homes else []
        return Situation(
            policy=await people.policy(self._database, programme, session, exchanges=exchanges),
            mentee=both.get(mentee),
            mentor=both.get(mentor),
            asked=await self._pending({"mentee.member": mentee}, session),
        )

    async def _pending(self, wanted: Document, session: Session) -> list[Request]:
        found = self._requests.find({**wanted, "state": "pending"}, session=session)
        return [request_of(document) async for document in found]

    async def _left_by(
        self, departure: Departure, session: Session, limit: int
    ) -> tuple[list[Request], list[Relationship]]:
        own = {"parties": departure.member}
        open_ = OPEN if departure.is_erased else SEATED
        pending = await self._requests.find({**own, "state": "pending"}, session=session).to_list(limit)
        opened = await self._relationships.find({**own, **open_}, session=session).to_list(limit)
        return [request_of(one) for one in pending], [relationship_of(one) for one in opened]

    async def _take_seats(self, decided: Sequence[AnyDecided], both: Sequence[Person], session: Session) -> None:
        """A seat is taken by one write on condition that there is one. `both` are held in place, seats or not."""
        seats: Counter[str] = Counter({one.id: 0 for one in both})
        institutions = {one.id: one.member.institution for one in both}
        for one in decided:
            if one.seats and isinstance(one.state, Relationship):
                mentor = one.state.pair.mentor
                seats[mentor.member] += one.seats
                institutions[mentor.member] = mentor.institution
        capacity = {one.id: one.member.capacity for one in both}
        writes = [
            _seated(member, taken, institution=institutions[member], capacity=capacity.get(member, 0))
            for member, taken in sorted(seats.items())
        ]
        if writes:
            await self._all(SEATS, writes, session)

    async def _take_turns(self, policy: Policy | None, decided: Sequence[AnyDecided], session: Session) -> None:
        if policy is not None and (writes := turns(policy, decided)):
            await self._all(EXCHANGES, writes, session)

    async def _write(
        self, decided: Sequence[AnyDecided], trace: Trace, session: Session, *, bulk: bool = False
    ) -> None:
        now = self._clock.now()
        written: defaultdict[str, list[Any]] = defaultdict(list)
        facts: list[outbox.Fact] = []
        for one in decided:
            event = self._clock.new_id()
            name, write = _written(one.state, event=event, correlation=trace.correlation_id)
            written[name].append(write)
            facts += _fact(one, id=event, now=now, trace=trace, bulk=bulk)
        for name, writes in written.items():
            await self._all(name, writes, session)
        for one in decided:
            if isinstance(one.state, Relationship) and one.state.version == 1:
                pair = one.state.pair
                await seated(self._database[PLACES], pair.mentee.member, pair.programme, session)
        await displace(self._database, [one for each in decided for one in _displaced(each, now)], session)
        await outbox.append(self._database, session, facts)

    async def _all(self, name: str, writes: Sequence[Any], session: Session) -> None:
        try:
            done = await self._database[name].bulk_write(list(writes), ordered=False, session=session)
        except BulkWriteError as failed:
            if not duplicates_in(failed):
                raise
            raise StaleVersion(found=0, expected=len(writes)) from None
        written = done.matched_count + done.inserted_count + done.upserted_count
        if written != len(writes):
            raise StaleVersion(found=written, expected=len(writes))


async def _seen(collection: Collection, institution: str, id: str, session: Session) -> Document:
    """Neither is ever deleted: whoever was seen before is there."""
    document = await collection.find_one({"_id": id, "institutions": institution}, session=session)
    if document is None:
        raise LookupError(f"{collection.name}: {id} was seen and is gone")
    return document


def _filter(wanted: Wanted) -> Document:
    asked: Document = {
        "parties": wanted.member,
        f"{wanted.side}.member": wanted.member if wanted.side else None,
        "programme": wanted.programme,
        "state": wanted.state,
    }
    return {"institutions": wanted.institution, **{name: value for name, value in asked.items() if value is not None}}


def seated_none(member: str, *, institution: str) -> UpdateOne:
    """Takes no seat: it holds the member in place until the transaction ends."""
    return _seated(member, 0, institution=institution, capacity=0)


def _seated(member: str, taken: int, *, institution: str, capacity: int) -> UpdateOne:
    """Where no seat is left the condition misses, and the upsert meets the document that made it miss."""
    free = {"taken": {"$lt": capacity}} if taken > 0 else {}
    new = {"institution": institution, "parties": [member]}
    return UpdateOne({"_id": member, **free}, {"$inc": {"taken": taken, "turns": 1}, "$setOnInsert": new}, upsert=True)


def _displaced(one: AnyDecided, now: datetime) -> Iterator[Displacement]:
    if one.displaces is None or isinstance(one.state, Request):
        return
    if isinstance(one.state, Relationship):
        yield of_relationship(one.state, one.displaces, now=now)
    elif one.state.mentor is not None:
        yield of_place(one.state, one.state.mentor, now=now)


def _written(state: Request | Relationship | Place, *, event: str, correlation: str) -> tuple[str, Any]:
    """The collection, and the write on condition of the version before."""
    if isinstance(state, Place):
        return PLACES, changing(state)
    name = REQUESTS if isinstance(state, Request) else RELATIONSHIPS
    return name, replacing(state, event=event, correlation=correlation)


def _fact(one: AnyDecided, *, id: str, now: datetime, trace: Trace, bulk: bool) -> list[outbox.Fact]:
    if one.event is None:
        return []
    state = one.state
    mentee = state.mentee if isinstance(state, Place) else state.pair.mentee
    return [
        outbox.Fact(
            id=id,
            payload=one.event,
            institution=mentee.institution,
            sequence=state.version,
            time=now,
            trace=trace,
            bulk=bulk,
        )
    ]
