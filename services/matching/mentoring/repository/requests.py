"""Stores requests, relationships and seats: each decision and its events in one transaction, with version checks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from weakref import WeakValueDictionary

from services.matching.kernel.pairs import Decided
from services.matching.kernel.participants import Exchange, Member, Policy
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request, Situation
from services.matching.mentoring.repository import pairs
from services.matching.mentoring.repository.ceilings import EXCHANGES, has_ceiling
from services.matching.mentoring.repository.decisions import save, save_together
from services.matching.mentoring.repository.displacements import DISPLACEMENT_INDEXES, DISPLACEMENTS
from services.matching.mentoring.repository.pairs import (
    RELATIONSHIPS,
    REQUESTS,
    SEATS,
    relationship_of,
    request_of,
)
from services.matching.mentoring.repository.situations import pending, situation
from services.matching.mentoring.usecases.parties import AnyDecided, PairFilter, Position
from services.matching.projections import people
from services.matching.projections.repository import PARTICIPANTS, PREFERENCES, member_of
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.mongo import Database, Document, Transaction, ensure_indexes, in_transaction


class MongoMentoringRepository:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._requests = database[REQUESTS]
        self._relationships = database[RELATIONSHIPS]
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def prepare(self) -> None:
        await ensure_indexes(self._requests, pairs.REQUEST_INDEXES)
        await ensure_indexes(self._relationships, pairs.RELATIONSHIP_INDEXES)
        await ensure_indexes(self._database[SEATS], [])
        await ensure_indexes(self._database[EXCHANGES], [])
        await ensure_indexes(self._database[DISPLACEMENTS], DISPLACEMENT_INDEXES)

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await people.signed_in(self._database, institution, subject_hash)

    async def policy(self, programme: str) -> Policy | None:
        """For access checks only: it has no counts of the seats taken in exchanges."""
        return await people.policy(self._database, programme)

    async def request(self, institution: str, id: str) -> Request | None:
        document = await self._requests.find_one({"_id": id, "institutions": institution})
        return request_of(document) if document else None

    async def request_and_caller(
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
            {"$lookup": {"from": PREFERENCES, "pipeline": binding, "as": "caller"}},
        ]
        found = await self._requests.aggregate(stages).to_list(1)
        if not found:
            return None, await self.signed_in(institution, subject_hash)
        return request_of(found[0]), next((str(member["_id"]) for member in found[0]["caller"]), None)

    async def askers(self, ids: Iterable[str]) -> Mapping[str, Member]:
        found = self._database[PARTICIPANTS].find({"_id": {"$in": list(ids)}, "erased": False})
        return {document["_id"]: member_of(document) async for document in found}

    async def requests(self, wanted: PairFilter, *, before: Position | None, limit: int) -> Sequence[Request]:
        found = await pairs.newest(self._requests, _filter(wanted), before=before, limit=limit)
        return [request_of(document) for document in found]

    async def relationship(self, institution: str, id: str) -> Relationship | None:
        document = await self._relationships.find_one({"_id": id, "institutions": institution})
        return relationship_of(document) if document else None

    async def relationships(self, wanted: PairFilter, *, before: Position | None, limit: int) -> Sequence[Relationship]:
        found = await pairs.newest(self._relationships, _filter(wanted), before=before, limit=limit)
        return [relationship_of(document) for document in found]

    async def decide(
        self,
        programme: str,
        *,
        mentee: str,
        mentor: str,
        decide: Callable[[Situation], Sequence[AnyDecided]],
        read_competing_requests: bool,
        exchange: Exchange | None,
        trace: Trace,
    ) -> None:
        def body(transaction: Transaction) -> None:
            current = situation(transaction, programme, mentee=mentee, mentor=mentor)
            if read_competing_requests and current.is_last_seat:
                current = replace(current, competing_requests=pending(transaction, {"mentor.member": mentor}))
            decided = decide(current)
            save_together(transaction, decided, [current], self._clock, trace)

        async with self._serialized(mentor, exchange):
            await in_transaction(self._database, body)

    @asynccontextmanager
    async def _serialized(self, mentor: str, exchange: Exchange | None) -> AsyncIterator[None]:
        """Serializes this process's transactions on one mentor, and on one exchange with a ceiling: concurrent ones
        would conflict and be retried. The mentor's lock is always taken first.
        """
        async with self._locks.setdefault(mentor, asyncio.Lock()):
            if exchange is None or not await has_ceiling(self._database, exchange):
                yield
                return
            async with self._locks.setdefault(":".join(exchange), asyncio.Lock()):
                yield

    async def change_request(
        self, institution: str, id: str, decide: Callable[[Request], Decided[Request] | None], trace: Trace
    ) -> Request:
        def body(transaction: Transaction) -> Request:
            request = request_of(_document(transaction, REQUESTS, institution, id))
            decided = decide(request)
            if decided is None:
                transaction.changes_nothing = True
                return request
            save(transaction, [decided], self._clock, trace)
            return decided.state

        return await in_transaction(self._database, body)

    async def recheck(
        self, id: str, decide: Callable[[Request, Situation], Decided[Request] | None], trace: Trace
    ) -> None:
        def body(transaction: Transaction) -> None:
            for request in pending(transaction, {"_id": id}):
                pair = request.pair
                current = situation(transaction, pair.programme, mentee=pair.mentee.member, mentor=pair.mentor.member)
                decided = decide(request, current)
                if decided is not None:
                    save(transaction, [decided], self._clock, trace)

        await in_transaction(self._database, body)

    async def change_relationship(
        self,
        institution: str,
        id: str,
        decide: Callable[[Relationship, Situation], Decided[Relationship] | None],
        trace: Trace,
    ) -> Relationship:
        def body(transaction: Transaction) -> Relationship:
            before = relationship_of(_document(transaction, RELATIONSHIPS, institution, id))
            pair = before.pair
            current = situation(transaction, pair.programme, mentee=pair.mentee.member, mentor=pair.mentor.member)
            decided = decide(before, current)
            if decided is None:
                transaction.changes_nothing = True
                return before
            save_together(transaction, [decided], [current], self._clock, trace)
            return decided.state

        return await in_transaction(self._database, body)

    def change_within(
        self,
        transaction: Transaction,
        id: str,
        decide: Callable[[Relationship, Situation], Decided[Relationship] | None],
        trace: Trace,
    ) -> None:
        """Changes a relationship in the transaction of an event that names it; ignores an unknown id."""
        document = transaction[RELATIONSHIPS].find_one({"_id": id}, session=transaction.session)
        if document is None:
            return
        before = relationship_of(document)
        pair = before.pair
        current = situation(transaction, pair.programme, mentee=pair.mentee.member, mentor=pair.mentor.member)
        decided = decide(before, current)
        if decided is not None:
            save_together(transaction, [decided], [current], self._clock, trace)


def _document(transaction: Transaction, name: str, institution: str, id: str) -> Document:
    """Requests and relationships are never deleted, so a document that was read before still exists."""
    document = transaction[name].find_one({"_id": id, "institutions": institution}, session=transaction.session)
    if document is None:
        raise LookupError(f"{name}: {id} was seen and is gone")
    return document


def _filter(wanted: PairFilter) -> Document:
    conditions: Document = {
        "parties": wanted.member,
        f"{wanted.side}.member": wanted.member if wanted.side else None,
        "programme": wanted.programme,
        "state": wanted.state,
    }
    return {
        "institutions": wanted.institution,
        **{name: value for name, value in conditions.items() if value is not None},
    }
