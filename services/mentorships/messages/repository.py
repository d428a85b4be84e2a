"""Documents ↔ messages, and who has blocked which thread."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.mentorships.kernel.access import unknown
from services.mentorships.kernel.pairs import SIDES, Decided, Side
from services.mentorships.kernel.repository import MongoAggregates
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.lifecycle.repository import MongoMentorships
from services.mentorships.messages.domain import Message, Thread
from services.mentorships.projections.domain import Programme
from services.mentorships.projections.repository import hold_people
from shared.clock import Clock
from shared.contracts.envelope import Trace
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

MESSAGES, THREADS = "messages", "threads"
_INDEXES = (
    IndexModel([("mentorship", ASCENDING), ("sent_at", DESCENDING), ("_id", DESCENDING)], name="of_thread_by_time"),
    IndexModel(
        [("pair.programme", ASCENDING), ("sent_at", DESCENDING), ("_id", DESCENDING)],
        name="reported_by_time",
        partialFilterExpression={"report.at": {"$exists": True}},
    ),
)


class MongoMessages(MongoAggregates[Message]):
    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock, collection=MESSAGES, kind=Message, what="message")
        self._mentorships = MongoMentorships(database, clock)

    async def prepare(self, *further: IndexModel) -> None:
        await super().prepare(*_INDEXES, *further)
        await ensure_indexes(self._database[THREADS], [IndexModel([("parties", ASCENDING)], name="of_member")])

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._mentorships.signed_in(institution, subject_hash)

    async def bound(self, institution: str, subject_hash: str) -> str | None:
        return await self._mentorships.bound(institution, subject_hash)

    async def programme(self, id: str) -> Programme | None:
        return await self._mentorships.programme(id)

    async def thread(self, institution: str, mentorship: str) -> Thread | None:
        known = await self._mentorships.find(institution, mentorship)
        if known is None:
            return None
        mine = {"_id": mentorship, "institutions": institution}
        return _thread(known, await self._database[THREADS].find_one(mine))

    async def send(
        self, institution: str, mentorship: str, id: str, decide: Callable[[Thread], Decided[Message]], trace: Trace
    ) -> Message:
        def body(transaction: Transaction) -> Message:
            sent = self.load(transaction, id, institution=institution)
            if sent is not None:
                transaction.changes_nothing = True
                return sent
            known = self._mentorships.load(transaction, mentorship, institution=institution)
            if known is None:
                raise unknown("mentorship")
            # Counts before it reads: a concurrent block conflicts, and the later of the two sees the other.
            thread = transaction[THREADS].find_one_and_update(
                {"_id": mentorship},
                {"$inc": {"messages": 1}, "$setOnInsert": _people(known)},
                upsert=True,
                session=transaction.session,
            )
            decided = decide(_thread(known, thread))
            self.save(transaction, decided, trace, before=None)
            return decided.state

        return await in_transaction(self._database, body)

    def save(
        self, transaction: Transaction, decided: Decided[Message], trace: Trace, *, before: Message | None
    ) -> None:
        hold_people(transaction, decided.state.pair.members)
        super().save(transaction, decided, trace, before=before)

    async def of_thread(
        self, institution: str, mentorship: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Message]:
        return await self._newest(institution, {"mentorship": mentorship}, before=before, limit=limit)

    async def reported(
        self,
        institution: str,
        programme: str,
        *,
        not_of: str | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[Message]:
        by_theirs: list[Document] = [
            {"by": "mentor", "pair.mentee.institution": institution},
            {"by": "mentee", "pair.mentor.institution": institution},
        ]
        wanted = {
            "pair.programme": programme,
            "report.at": {"$exists": True},
            "parties": {"$ne": not_of},
            "$or": by_theirs,
        }
        return await self._newest(institution, wanted, before=before, limit=limit)

    async def _newest(
        self, institution: str, wanted: Document, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Message]:
        """By time: ids, which are derived from idempotency keys, have no order."""
        query: Document = {"institutions": institution, **wanted}
        if before is not None:
            at, id = before
            query["$and"] = [{"$or": [{"sent_at": {"$lt": at}}, {"sent_at": at, "_id": {"$lt": id}}]}]
        found = self._database[MESSAGES].find(query).sort([("sent_at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [self._state(document) async for document in found]

    async def block(self, institution: str, mentorship: str, *, side: Side, is_blocked: bool) -> None:
        change = {"$addToSet" if is_blocked else "$pull": {"blocked_by": side}}

        def body(transaction: Transaction) -> None:
            known = self._mentorships.load(transaction, mentorship, institution=institution)
            if known is None:
                return
            hold_people(transaction, [known.pair.party(side).member])
            transaction[THREADS].update_one(
                {"_id": mentorship},
                {**change, "$setOnInsert": _people(known)},
                upsert=True,
                session=transaction.session,
            )

        await in_transaction(self._database, body)


def blocked_by(transaction: Transaction, mentorship: Mentorship) -> tuple[Side, ...]:
    """Who has blocked the other one, for what the two write elsewhere. Writes to the thread, so that a block at the
    same moment conflicts: nothing arrives after a block that was answered.
    """
    thread = transaction[THREADS].find_one_and_update(
        {"_id": mentorship.id},
        {"$inc": {"holds": 1}, "$setOnInsert": _people(mentorship)},
        upsert=True,
        session=transaction.session,
    )
    return _thread(mentorship, thread).blocked_by


def carry_over(transaction: Transaction, before: Mentorship, after: Mentorship) -> None:
    """The thread goes on in the mentorship that continues this one."""
    messages, threads, session = transaction[MESSAGES], transaction[THREADS], transaction.session
    moved = {"mentorship": after.id, "pair": asdict(after.pair), **_people(after)}
    messages.update_many({"mentorship": before.id}, {"$set": moved}, session=session)
    thread = threads.find_one_and_delete({"_id": before.id}, session=session)
    if thread is not None:
        threads.insert_one({**thread, "_id": after.id, **_people(after)}, session=session)


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """The messages that a member wrote."""
    found = database[MESSAGES].find({"institutions": institution, "parties": member}).sort("_id", 1)
    return [
        {"id": document["_id"], **{name: document[name] for name in ("mentorship", "sent_at", "text")}}
        async for document in found
        if document["pair"][document["by"]]["member"] == member
    ]


async def export_blocks(database: Database, institution: str, member: str) -> Sequence[Document]:
    """The mentorships whose messages a member has blocked."""
    found = database[THREADS].find({"institutions": institution, "parties": member}).sort("_id", 1)
    return [{"mentorship": document["_id"]} async for document in found if _has_blocked(document, member)]


async def export_reports(database: Database, institution: str, member: str) -> Sequence[Document]:
    """What a member said of messages that they reported, without the messages, which are the other person's."""
    reported = {"institutions": institution, "parties": member, "report.at": {"$exists": True}}
    return [
        {"message": document["_id"], "mentorship": document["mentorship"], **document["report"]}
        async for document in database[MESSAGES].find(reported).sort("_id", 1)
        if document["pair"][document["by"]]["member"] != member
    ]


def forget(transaction: Transaction, member: str) -> None:
    """Deletes the messages that an erased member wrote, what they said of those they reported, and their blocks."""
    for document in list(transaction[THREADS].find({"parties": member}, session=transaction.session)):
        if _has_blocked(document, member):
            side = SIDES[document["parties"].index(member)]
            transaction[THREADS].update_one(
                {"_id": document["_id"]}, {"$pull": {"blocked_by": side}}, session=transaction.session
            )
    for side, other in (("mentee", "mentor"), ("mentor", "mentee")):
        theirs = {"parties": member, f"pair.{side}.member": member}
        transaction[MESSAGES].delete_many({**theirs, "by": side}, session=transaction.session)
        transaction[MESSAGES].update_many(
            {**theirs, "by": other, "report.at": {"$exists": True}},
            {"$set": {"report.comment": ""}, "$inc": {"version": 1}},
            session=transaction.session,
        )


def _thread(mentorship: Mentorship, document: Mapping[str, Any] | None) -> Thread:
    stored = document or {}
    return Thread(
        pair=mentorship.pair,
        is_open=mentorship.is_open,
        blocked_by=tuple(stored.get("blocked_by", ())),
        messages=stored.get("messages", 0),
    )


def _people(mentorship: Mentorship) -> Document:
    return {"institutions": list(mentorship.pair.institutions), "parties": list(mentorship.pair.members)}


def _has_blocked(thread: Mapping[str, Any], member: str) -> bool:
    return SIDES[thread["parties"].index(member)] in thread.get("blocked_by", ())
