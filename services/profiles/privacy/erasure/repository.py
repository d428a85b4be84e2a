"""Documents ↔ erasures. One transaction carries out an erasure: the member is replaced by the marker and the facts."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from services.profiles.cards.repository import forget_within
from services.profiles.invitations.repository.invitations import INVITATIONS
from services.profiles.kernel.repository import ERASED, DocumentMapping, to_outbox_events, topic_key
from services.profiles.members.repository.members import MEMBERS
from services.profiles.privacy.erasure import domain
from services.profiles.privacy.erasure.domain import ErasedMember, Erasure
from services.profiles.rosters.repository.undoing import EraseNow
from services.profiles.rosters.repository.undoing import forget as forget_undo
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.contracts.profiles import (
    ContactChanged,
    MemberChanged,
    MemberErased,
    MentoringProfileChanged,
    PreferencesChanged,
)
from shared.errors import StaleVersion
from shared.mongo import (
    ASCENDING,
    Database,
    Document,
    DuplicateKeyError,
    IndexModel,
    Transaction,
    ensure_indexes,
    in_transaction,
)
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent, Tombstone

ERASURES = "erasures"
KINDS = (MemberChanged, PreferencesChanged, ContactChanged, MentoringProfileChanged)
"""Events of a member's state: each of their topics gets a tombstone."""
_FIELDS = tuple(field.name for field in fields(Erasure) if field.name != "id")
_MARKER = tuple(field.name for field in fields(ErasedMember) if field.name != "id")
_INDEXES = [
    IndexModel(
        [("institution", ASCENDING), ("member", ASCENDING)],
        name="one_waits",
        unique=True,
        partialFilterExpression={"state": "waiting"},
    ),
    IndexModel([("state", ASCENDING), ("due_at", ASCENDING)], name="due"),
    IndexModel([("institution", ASCENDING), ("_id", ASCENDING)], name="page"),
]


def _marker_document(erased: ErasedMember) -> Document:
    return {"_id": erased.id, **{name: getattr(erased, name) for name in _MARKER}}


def _marker(document: Document) -> ErasedMember:
    return ErasedMember(id=document["_id"], **{name: document[name] for name in _MARKER if name in document})


MAPPING = DocumentMapping(collection=ERASED, to_document=_marker_document, from_document=_marker, taken={})


class MongoErasureRepository:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._erasures = database[ERASURES]
        self._clock = clock

    async def prepare(self) -> None:
        await ensure_indexes(self._erasures, _INDEXES)
        await ensure_indexes(self._database[ERASED], [])

    async def waiting_of(self, institution: str, member: str) -> Erasure | None:
        return _read(await self._erasures.find_one({"institution": institution, "member": member, "state": "waiting"}))

    async def find(self, institution: str, id: str) -> Erasure | None:
        return _read(await self._erasures.find_one({"_id": id, "institution": institution}))

    async def find_any(self, id: str) -> Erasure | None:
        return _read(await self._erasures.find_one({"_id": id}))

    async def of_member(self, institution: str, member: str) -> Sequence[Erasure]:
        return await self._found({"institution": institution, "member": member}, by="_id", limit=1000)

    async def page(self, institution: str, *, after: str | None, limit: int) -> Sequence[Erasure]:
        return await self._found({"institution": institution, "_id": {"$gt": after or ""}}, by="_id", limit=limit)

    async def add(self, erasure: Erasure, payloads: Sequence[Payload], trace: Trace) -> None:
        facts = self._facts(erasure, payloads, trace)

        def body(transaction: Transaction) -> None:
            transaction[ERASURES].insert_one(_document(erasure), session=transaction.session)
            outbox.write(transaction, facts)

        try:
            await in_transaction(self._database, body)
        except DuplicateKeyError:
            raise StaleVersion(found=1, expected=0) from None

    async def save(self, erasure: Erasure, payloads: Sequence[Payload], trace: Trace) -> None:
        facts = self._facts(erasure, payloads, trace)

        def body(transaction: Transaction) -> None:
            _save(transaction, erasure)
            outbox.write(transaction, facts)

        await in_transaction(self._database, body)

    def _facts(self, erasure: Erasure, payloads: Sequence[Payload], trace: Trace) -> list[OutboxEvent]:
        """The version is the sequence: every change of a coordinator's request is published, up to its withdrawal."""
        counted = {topic_key(fact): erasure.version for fact in payloads}
        return to_outbox_events(
            payloads, counted, institution=erasure.institution, clock=self._clock, trace=trace, bulk=False
        )

    async def due(self, now: datetime, *, limit: int) -> Sequence[Erasure]:
        return await self._found({"state": "waiting", "due_at": {"$lte": now}}, by="due_at", limit=limit)

    async def carry_out(self, erasure: Erasure, trace: Trace) -> None:
        now = self._clock.now()

        def body(transaction: Transaction) -> None:
            wanted = {"_id": erasure.id, "institution": erasure.institution, "version": erasure.version}
            done = {"$set": {"state": "carried_out", "ended_at": now}, "$inc": {"version": 1}}
            carried_out = transaction[ERASURES].update_one(
                {**wanted, "state": "waiting"}, done, session=transaction.session
            )
            if not carried_out.matched_count:
                return
            mine = {"_id": erasure.member, "institution": erasure.institution}
            member = transaction[MEMBERS].find_one_and_delete(mine, session=transaction.session)
            if member is not None:
                self._publish(transaction, erasure, member["sequences"], trace)
            forget(transaction, erasure.institution, erasure.member)

        await in_transaction(self._database, body)

    def _publish(self, transaction: Transaction, erasure: Erasure, sequences: Document, trace: Trace) -> None:
        """Readers store the tombstone's sequence in their marker: all that was published before is older."""
        next_ = {topic_key(kind): sequences.get(topic_key(kind), 0) + 1 for kind in KINDS}
        erased = ErasedMember(
            id=erasure.member,
            institution=erasure.institution,
            erasure=erasure.id,
            **{f"{topic}_sequence": sequence for topic, sequence in next_.items()},
        )
        counted = {**next_, topic_key(MemberErased): 1}
        kept = {**_marker_document(erased), "version": 1, "sequences": counted}
        transaction[ERASED].replace_one({"_id": erased.id}, kept, upsert=True, session=transaction.session)
        payloads: list[Payload | Tombstone] = [*tombstones(erased.id), *domain.facts(erased)]
        facts = to_outbox_events(
            payloads, counted, institution=erased.institution, clock=self._clock, trace=trace, bulk=False
        )
        outbox.write(transaction, facts)

    async def without_own_receipt(self, *, limit: int) -> Sequence[Erasure]:
        wanted = {"state": "carried_out", "receipts.profiles": None}
        return await self._found(wanted, by="due_at", limit=limit)

    async def clear_outbox(self, erasure: Erasure) -> bool:
        rows, key = self._database["outbox"], f"{erasure.institution}:{erasure.member}"
        if await rows.find_one({"status": {"$in": ["pending", "held"]}, "key": key}, {"_id": 1}):
            return False
        await rows.delete_many({"status": "sent", "key": key, "topic": {"$in": [kind.TOPIC for kind in KINDS]}})
        return True

    async def receive(self, erasure: Erasure, service: str) -> None:
        now = self._clock.now()
        await in_transaction(
            self._database,
            lambda transaction: receive(transaction, erasure.institution, erasure.id, service=service, now=now),
        )

    async def _found(self, wanted: Document, *, by: str, limit: int) -> list[Erasure]:
        found = self._erasures.find(wanted).sort(by, ASCENDING).limit(limit)
        return [_erasure(document) async for document in found]


def erase_now(clock: Clock) -> EraseNow:
    """For a member whom an import added by mistake: the worker carries it out at once. The member is not notified."""

    def erase(transaction: Transaction, institution: str, member: str) -> None:
        now = clock.now()
        erasure = domain.request(
            None, id=clock.new_id(), institution=institution, member=member, by="coordinator", now=now, wait=timedelta()
        )
        waiting = {"institution": institution, "member": member, "state": "waiting"}
        transaction[ERASURES].delete_one(waiting, session=transaction.session)
        transaction[ERASURES].insert_one(_document(erasure), session=transaction.session)

    return erase


def tombstones(member: str) -> list[Tombstone]:
    return [Tombstone(of=kind, aggregate=member) for kind in KINDS]


def forget(transaction: Transaction, institution: str, member: str) -> None:
    """Deletes all other documents that name the member."""
    transaction[INVITATIONS].delete_many({"institution": institution, "member": member}, session=transaction.session)
    forget_within(transaction, institution, member)
    forget_undo(transaction, institution, member)


def receive(transaction: Transaction, institution: str, id: str, *, service: str, now: datetime) -> None:
    """Stores a service's receipt within the caller's transaction. Skips an erasure that a restored backup does not
    know: `deploy.restored` rebuilds it from the topic.
    """
    document = transaction[ERASURES].find_one({"_id": id, "institution": institution}, session=transaction.session)
    if document is None:
        return
    before = _erasure(document)
    after = domain.receive(before, service=service, now=now)
    if after != before:
        _save(transaction, after)


def _save(transaction: Transaction, erasure: Erasure) -> None:
    before = {"_id": erasure.id, "institution": erasure.institution, "version": erasure.version - 1}
    written = transaction[ERASURES].replace_one(before, _document(erasure), session=transaction.session)
    if not written.matched_count:
        raise StaleVersion(found=erasure.version, expected=erasure.version - 1)


def _document(erasure: Erasure) -> Document:
    return {"_id": erasure.id, **{name: getattr(erasure, name) for name in _FIELDS}}


def _read(document: Document | None) -> Erasure | None:
    return None if document is None else _erasure(document)


def _erasure(document: Document) -> Erasure:
    known: dict[str, Any] = {name: document[name] for name in _FIELDS}
    return Erasure(id=document["_id"], **known)
