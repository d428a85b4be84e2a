"""Stores rotations and recounts in which programmes they apply, with the consequences in the same transaction.

The transaction writes to the seats of the members concerned, as requests and acceptances do. Of two concurrent ones,
one therefore conflicts, is retried, and sees the other's writes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from services.matching.conflicts.usecases import Counted, Couple, Follow
from services.matching.kernel.participants import Institution, Policy
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request
from services.matching.mentoring.repository import pairs
from services.matching.mentoring.repository.decisions import save, seat_lock, write_all
from services.matching.mentoring.repository.displacements import DISPLACEMENTS
from services.matching.mentoring.repository.pairs import IN_CONFLICT, OPEN, RELATIONSHIPS, SEATS, relationship_of
from services.matching.mentoring.repository.situations import pending
from services.matching.mentoring.usecases.parties import AnyDecided, Position
from services.matching.projections import people
from services.matching.projections import repository as projections
from services.matching.projections.lookup import repository as naming
from services.matching.projections.lookup.domain import Identifier, MembersByIdentifier
from services.matching.projections.lookup.repository import wholly_within
from services.matching.projections.repository import PARTICIPANTS, PROGRAMMES
from services.matching.rotations import documents as assessments
from services.matching.rotations.documents import COUNTING, ROTATION_INDEXES, ROTATIONS, WINDOWS, rotation_of
from services.matching.rotations.domain import Rotation, Window, announce
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.matching import AssessmentChanged
from shared.mongo import ASCENDING, Database, Document, ReplaceOne, Transaction, ensure_indexes, in_transaction
from shared.offloop import off_loop
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent
from shared.scope import Scope

_DAYS = {"assessment_lookback_days": 180, "assessment_lookahead_days": 365}
"""Defaults for projected programmes that are older than these fields of the contract."""


def _by_external(documents: Sequence[Document]) -> Mapping[str, Rotation]:
    return {document["external"]: rotation_of(document) for document in documents}


class MongoFirewallRepository:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def prepare(self) -> None:
        await ensure_indexes(self._database[ROTATIONS], ROTATION_INDEXES)
        await ensure_indexes(self._database[WINDOWS], [])

    async def policy(self, programme: str) -> Policy | None:
        return await people.policy(self._database, programme)

    async def institutions(self, ids: Collection[str]) -> Mapping[str, Institution]:
        return await projections.institutions(self._database, ids)

    async def members_named(self, scope: Scope, identifiers: Collection[Identifier]) -> MembersByIdentifier:
        within = wholly_within(scope)
        return await naming.members_named(self._database, scope.institution, identifiers, within=within)

    async def members(self, scope: Scope, institutions: Collection[str], ids: Collection[str]) -> Mapping[str, str]:
        wanted: Document = {"_id": {"$in": list(ids)}, "institution": {"$in": list(institutions)}, "erased": False}
        wanted |= wholly_within(scope)
        found = self._database[PARTICIPANTS].find(wanted, {"institution": 1})
        return {document["_id"]: document["institution"] for document in await found.to_list(None)}

    async def known(self, institution: str, externals: Collection[str]) -> Mapping[str, Rotation]:
        wanted = {"institution": institution, "external": {"$in": list(externals)}}
        return await off_loop(_by_external, await self._database[ROTATIONS].find(wanted).to_list(None))

    async def within(self, scope: Scope, externals: Collection[str]) -> Mapping[str, Rotation]:
        if not externals:
            return {}
        wanted = {"external": {"$in": list(externals)}}
        return await off_loop(_by_external, await self._within(scope, wanted, limit=len(externals)))

    async def keep(self, rotations: Sequence[Rotation], trace: Trace) -> None:
        if not rotations:
            return
        event = self._clock.new_id()

        def body(transaction: Transaction) -> None:
            write_all(
                transaction, ROTATIONS, assessments.keeping(rotations, event=event, correlation=trace.correlation_id)
            )

        await in_transaction(self._database, body)

    async def page(self, scope: Scope, *, after: str, limit: int) -> Sequence[Rotation]:
        wanted = {"external": {"$gt": after}, "void": False}
        return [rotation_of(document) for document in await self._within(scope, wanted, limit=limit)]

    async def _within(self, scope: Scope, wanted: Document, *, limit: int) -> list[Document]:
        steps: list[Document] = [{"$match": {"institution": scope.institution, **wanted}}, {"$sort": {"external": 1}}]
        found = self._database[ROTATIONS].aggregate([*steps, *_both_within(scope), {"$limit": limit}])
        return await found.to_list(None)

    async def in_conflict(
        self, institution: str, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[Relationship]:
        wanted = {"institutions": institution, "programme": programme, **IN_CONFLICT, **OPEN}
        found = await pairs.newest(self._database[RELATIONSHIPS], wanted, before=before, limit=limit)
        return [relationship_of(document) for document in found]

    async def mark_unannounced(self, *, now: datetime) -> None:
        unknown: Document = {"is_announced": None, "due_at": {"$not": {"$lte": now}}}
        await self._database[ROTATIONS].update_many(unknown, {"$set": {"due_at": now}})

    async def mark_changed_windows(self, *, now: datetime) -> None:
        marked = {document["_id"]: document async for document in self._database[WINDOWS].find()}
        async for programme in self._database[PROGRAMMES].find(*_programmes({})):
            window = {
                "_id": programme["_id"],
                "institution": programme["institution"],
                "admits": programme["admits"],
                **_days(programme),
            }
            before = marked.get(programme["_id"], {"admits": []})
            if window == before:
                continue
            concerned = {"institution": {"$in": [*window["admits"], *before["admits"]]}, "void": False}
            await self._database[ROTATIONS].update_many(concerned, {"$set": {"due_at": now}})
            await self._database[WINDOWS].bulk_write([ReplaceOne({"_id": programme["_id"]}, window, upsert=True)])

    async def recount(self, counted: Counted, follow: Follow, *, now: datetime, limit: int, trace: Trace) -> int:
        def body(transaction: Transaction) -> int:
            found = transaction[ROTATIONS].find(pairs.due(now), session=transaction.session)
            due = [rotation_of(document) for document in found.sort("due_at", ASCENDING).limit(limit)]
            if due:
                windows = _windows(transaction, {rotation.institution for rotation in due})
                changes = [(rotation, counted(rotation, windows[rotation.institution])) for rotation in due]
                self._recounted(transaction, self._announced(transaction, changes, trace), trace)
                self._follow(transaction, changes, follow, trace)
            return len(due)

        return await in_transaction(self._database, body)

    def _announced(
        self, transaction: Transaction, changes: Iterable[tuple[Rotation, Rotation]], trace: Trace
    ) -> Sequence[tuple[Rotation, Rotation]]:
        """The same changes, with the events that they lead to."""
        announced: list[tuple[Rotation, Rotation]] = []
        facts: list[OutboxEvent] = []
        for before, recounted in changes:
            after, event = announce(recounted, new_id=self._clock.new_id())
            announced.append((before, after))
            if event is not None:
                facts.append(self._fact(after, event, trace))
        outbox.write(transaction, facts)
        return announced

    def _fact(self, rotation: Rotation, event: AssessmentChanged, trace: Trace) -> OutboxEvent:
        return OutboxEvent(
            id=self._clock.new_id(),
            payload=event,
            institution=rotation.institution,
            sequence=rotation.announced,
            time=self._clock.now(),
            trace=trace,
        )

    def _recounted(self, transaction: Transaction, changes: Iterable[tuple[Rotation, Rotation]], trace: Trace) -> None:
        event, correlation = self._clock.new_id(), trace.correlation_id
        writes = [
            assessments.recounted(before, after, event=event, correlation=correlation) for before, after in changes
        ]
        write_all(transaction, ROTATIONS, writes)

    def _follow(
        self, transaction: Transaction, changes: Iterable[tuple[Rotation, Rotation]], follow: Follow, trace: Trace
    ) -> None:
        couples = {after.both for before, after in changes if before.programmes != after.programmes}
        if not couples:
            return
        concerned = sorted(frozenset().union(*couples))
        own = {"parties": {"$in": concerned}}
        locks = [seat_lock(member, institution=home) for member, home in _homes(transaction, concerned)]
        write_all(transaction, SEATS, locks)
        opened = transaction[RELATIONSHIPS].find({**own, **OPEN}, session=transaction.session)
        asked = pending(transaction, own)
        decided = follow(
            _apart(transaction, couples, own),
            [relationship_of(document) for document in opened if frozenset(document["parties"]) in couples],
            [request for request in asked if _members(request) in couples],
        )
        save(transaction, decided, self._clock, trace)
        _keep_in_place(transaction, decided)


def _both_within(scope: Scope) -> list[Document]:
    """Looks up both members, because their programmes are stored in their own documents, not in the rotation."""
    if scope.is_whole:
        return []
    people: Document = {"from": PARTICIPANTS, "localField": "parties", "foreignField": "_id", "as": "people"}
    people["pipeline"] = [{"$match": {"erased": False, **wholly_within(scope)}}]
    return [{"$lookup": people}, {"$match": {"people": {"$size": 2}}}]


def _members(request: Request) -> frozenset[str]:
    return frozenset((request.pair.mentee.member, request.pair.mentor.member))


def _homes(transaction: Transaction, members: Sequence[str]) -> Iterable[tuple[str, str]]:
    wanted = {"_id": {"$in": members}, "erased": False}
    found = transaction[PARTICIPANTS].find(wanted, {"institution": 1}, session=transaction.session)
    return sorted((participant["_id"], participant["institution"]) for participant in found)


def _apart(transaction: Transaction, couples: Collection[frozenset[str]], own: Document) -> Collection[Couple]:
    """The couples that are kept apart now, by all their rotations, including those just written."""
    known = [
        rotation_of(document)
        for document in transaction[ROTATIONS].find({**own, **COUNTING}, session=transaction.session)
    ]
    return {
        (programme, rotation.both)
        for rotation in known
        if rotation.both in couples
        for programme in rotation.programmes
    }


def _keep_in_place(transaction: Transaction, decided: Sequence[AnyDecided]) -> None:
    """Deletes the displacements of relationships whose conflict was cleared."""
    passed = [
        decision.state.id
        for decision in decided
        if isinstance(decision.state, Relationship) and not decision.state.conflict
    ]
    if passed:
        gone = {"_id": {"$in": passed}, "cause": "conflict"}
        transaction[DISPLACEMENTS].delete_many(gone, session=transaction.session)


def _windows(transaction: Transaction, institutions: Collection[str]) -> Mapping[str, Sequence[Window]]:
    windows: defaultdict[str, list[Window]] = defaultdict(list)
    wanted = {"admits": {"$in": list(institutions)}}
    for document in transaction[PROGRAMMES].find(*_programmes(wanted), session=transaction.session):
        back, ahead = (timedelta(days=days) for days in _days(document).values())
        window = Window(programme=document["_id"], lookback=back, lookahead=ahead)
        for institution in set(institutions) & set(document["admits"]):
            windows[institution].append(window)
    return windows


def _programmes(wanted: Document) -> tuple[Document, Document]:
    """Filter and projection of the programmes."""
    return {**wanted, "erased": False}, dict.fromkeys(("institution", "admits", *_DAYS), 1)


def _days(programme: Document) -> dict[str, int]:
    return {name: programme.get(name, usual) for name, usual in _DAYS.items()}
