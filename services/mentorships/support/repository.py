"""Documents ↔ requests for support and hearers. Only the mentee and the hearer are parties of a request."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from services.mentorships.kernel.pairs import Decided
from services.mentorships.kernel.repository import MongoAggregates
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.lifecycle.repository import MongoMentorships
from services.mentorships.projections.domain import Person, Programme
from services.mentorships.projections.repository import PROGRAMMES, MongoProjections, hold_people
from services.mentorships.support.domain import Hearer, Kind, Support
from services.mentorships.support.usecases.hearers import List
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import StaleVersion
from shared.mongo import (
    ASCENDING,
    DESCENDING,
    Database,
    Document,
    IndexModel,
    Transaction,
    ensure_indexes,
    in_transaction,
)
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent

SUPPORT, HEARERS = "support_requests", "hearers"
_MOST = 500
_OPEN = {"closed_at": None}
_OF_MENTORSHIP = IndexModel([("mentorship", ASCENDING), ("closed_at", ASCENDING)], name="of_mentorship")
_HEARER_INDEXES = [
    IndexModel([("institution", ASCENDING), ("person.member", ASCENDING)], name="by_person", unique=True),
    IndexModel([("person.member", ASCENDING)], name="of_member"),
]
_HEARER: TypeAdapter[Hearer] = TypeAdapter(Hearer)


class MongoSupport(MongoAggregates[Support]):
    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock, collection=SUPPORT, kind=Support, what="support")
        self._mentorships = MongoMentorships(database, clock)
        self._projections = MongoProjections(database)

    async def prepare(self, *further: IndexModel) -> None:
        await super().prepare(_OF_MENTORSHIP, *further)
        await ensure_indexes(self._database[HEARERS], _HEARER_INDEXES)

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.signed_in(institution, subject_hash)

    async def mentorship(self, institution: str, id: str) -> Mentorship | None:
        return await self._mentorships.find(institution, id)

    async def programme(self, id: str) -> Programme | None:
        return await self._projections.programme(id)

    async def people(self, ids: Sequence[str]) -> Mapping[str, Person]:
        return await self._projections.people(ids)

    async def assessors(self, member: str) -> Collection[str]:
        return await self._projections.assessors(member)

    async def of_mentee(self, institution: str, member: str) -> Sequence[Support]:
        return await self.page(institution, {"parties": member, "pair.mentee.member": member}, before=None, limit=_MOST)

    async def of_hearer(self, institution: str, member: str) -> Sequence[Support]:
        wanted = {"parties": member, "hearer.member": member, **_OPEN}
        return await self.page(institution, wanted, before=None, limit=_MOST)

    async def kinds(self, institution: str, programme: str) -> Sequence[Kind]:
        wanted = {"pair.programme": programme, "institutions": institution, "pair.mentee.institution": institution}
        return [document["kind"] async for document in self._database[SUPPORT].find(wanted, {"kind": 1})]

    async def ask(
        self, institution: str, id: str, mentorship: str, decide: Callable[[int], Decided[Support]], trace: Trace
    ) -> Support:
        def body(transaction: Transaction) -> Support:
            known = self.load(transaction, id, institution=institution)
            if known is not None:
                transaction.changes_nothing = True
                return known
            wanted = {"mentorship": mentorship, **_OPEN}
            decided = decide(transaction[SUPPORT].count_documents(wanted, session=transaction.session))
            self.save(transaction, decided, trace, before=None)
            return decided.state

        return await in_transaction(self._database, body)

    def save(
        self, transaction: Transaction, decided: Decided[Support], trace: Trace, *, before: Support | None
    ) -> None:
        after = decided.state
        if before is None or (after.answer and after.answer != before.answer):
            hold_people(transaction, [after.pair.mentee.member, after.hearer.member])
        super().save(transaction, decided, trace, before=before)

    async def share_a_programme(self, institution: str, other: str) -> bool:
        both = {"admits": {"$all": [institution, other]}, "erased": False}
        return await self._database[PROGRAMMES].find_one(both, {"_id": 1}) is not None

    async def listed(self, institution: str) -> Sequence[Hearer]:
        return await self._hearers({"institution": institution})

    async def listed_as(self, member: str, institution: str) -> Sequence[Hearer]:
        return await self._hearers({"person.member": member, "person.institution": institution})

    async def entry(self, id: str) -> Hearer | None:
        found = await self._database[HEARERS].find_one({"_id": id})
        return _hearer(found) if found else None

    async def list(self, institution: str, member: str, decide: List, trace: Trace) -> Hearer:
        own = {"institution": institution}

        def body(transaction: Transaction) -> Hearer:
            found = transaction[HEARERS].find_one({**own, "person.member": member}, session=transaction.session)
            if found is not None:
                transaction.changes_nothing = True
                return _hearer(found)
            hold_people(transaction, [member])
            hearer, event = decide(transaction[HEARERS].count_documents(own, session=transaction.session))
            transaction[HEARERS].insert_one(_hearer_document(hearer), session=transaction.session)
            outbox.write(transaction, [self._listed(hearer, event, trace)])
            return hearer

        return await in_transaction(self._database, body)

    async def accept(self, before: Hearer, after: Hearer) -> Hearer:
        def body(transaction: Transaction) -> Hearer:
            guard = {"_id": before.id, "institution": before.institution, "version": before.version}
            replaced = transaction[HEARERS].replace_one(guard, _hearer_document(after), session=transaction.session)
            if not replaced.matched_count:
                raise StaleVersion(found=after.version, expected=before.version)
            return after

        return await in_transaction(self._database, body)

    async def remove(self, hearer: Hearer) -> None:
        await self._database[HEARERS].delete_one({"_id": hearer.id, "institution": hearer.institution})

    async def _hearers(self, wanted: Document) -> Sequence[Hearer]:
        return [_hearer(document) async for document in self._database[HEARERS].find(wanted).sort("_id", DESCENDING)]

    def _listed(self, hearer: Hearer, event: Any, trace: Trace) -> OutboxEvent:
        return OutboxEvent(
            id=self._clock.new_id(),
            payload=event,
            institution=event.tenant,
            sequence=hearer.version,
            time=self._clock.now(),
            trace=trace,
        )


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """What a member asked, with when it was read; of a hearer the answers that they wrote, and their entries."""
    found = database[SUPPORT].find({"institutions": institution, "parties": member}).sort("_id", 1)
    entries = database[HEARERS].find({"person.member": member, "person.institution": institution}).sort("_id", 1)
    asked = [_exported(document, member) async for document in found]
    return [*asked, *[{"listed_by": entry["institution"], "role": entry["role"]} async for entry in entries]]


def forget(transaction: Transaction, member: str) -> None:
    """Deletes what an erased member asked, what they answered, and their entries as a hearer."""
    transaction[SUPPORT].delete_many({"parties": member, "pair.mentee.member": member}, session=transaction.session)
    transaction[SUPPORT].update_many(
        {"parties": member, "hearer.member": member},
        {"$set": {"answer": ""}, "$inc": {"version": 1}},
        session=transaction.session,
    )
    transaction[HEARERS].delete_many({"person.member": member}, session=transaction.session)


def _exported(document: Document, member: str) -> Document:
    is_own = document["pair"]["mentee"]["member"] == member
    names = ("kind", "text", "asked_at", "reads", "closed_at") if is_own else ("answer", "answered_at")
    other = {"hearer": document["hearer"]["member"]} if is_own else {}
    return {"id": document["_id"], **other, **{name: document[name] for name in names}}


def _hearer_document(hearer: Hearer) -> Document:
    fields: Document = _HEARER.dump_python(hearer)
    return {"_id": fields.pop("id"), **fields}


def _hearer(document: Document) -> Hearer:
    return _HEARER.validate_python({"id": document["_id"], **{k: v for k, v in document.items() if k != "_id"}})
