"""Documents ↔ messages, and who has blocked which thread."""

from collections.abc import Sequence
from datetime import datetime

from services.mentorships.kernel.pairs import Decided, Side
from services.mentorships.kernel.repository import MongoAggregates
from services.mentorships.lifecycle.repository import MongoMentorships
from services.mentorships.messages.domain import Message, Thread
from services.mentorships.projections.domain import Programme
from services.mentorships.projections.repository import hold_people
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.mongo import ASCENDING, DESCENDING, Database, Document, IndexModel, Writing, ensure_indexes, in_one_thread

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
        await ensure_indexes(self._database[THREADS], [])

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._mentorships.signed_in(institution, subject_hash)

    async def programme(self, id: str) -> Programme | None:
        return await self._mentorships.programme(id)

    async def thread(self, institution: str, mentorship: str) -> Thread | None:
        known = await self._mentorships.find(institution, mentorship)
        if known is None:
            return None
        mine = {"_id": mentorship, "institutions": institution}
        blocked = await self._database[THREADS].find_one(mine) or {}
        return Thread(
            pair=known.pair,
            is_open=known.is_open,
            blocked_by=tuple(blocked.get("blocked_by", ())),
            messages=await self._database[MESSAGES].count_documents({"mentorship": mentorship}),
        )

    def save(self, writing: Writing, decided: Decided[Message], trace: Trace, *, before: Message | None) -> None:
        hold_people(writing, decided.state.pair.members)
        super().save(writing, decided, trace, before=before)

    async def of_thread(
        self, institution: str, mentorship: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Message]:
        return await self._newest(institution, {"mentorship": mentorship}, before=before, limit=limit)

    async def reported(
        self, institution: str, programme: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Message]:
        by_theirs: list[Document] = [
            {"by": "mentor", "pair.mentee.institution": institution},
            {"by": "mentee", "pair.mentor.institution": institution},
        ]
        wanted = {"pair.programme": programme, "report.at": {"$exists": True}, "$or": by_theirs}
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

        def body(writing: Writing) -> None:
            known = self._mentorships.load(writing, mentorship, institution=institution)
            if known is None:
                return
            people = {
                "institutions": list(known.pair.institutions),
                "parties": [known.pair.mentee.member, known.pair.mentor.member],
            }
            writing[THREADS].update_one(
                {"_id": mentorship}, {**change, "$setOnInsert": people}, upsert=True, session=writing.session
            )

        await in_one_thread(self._database, body)


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """The messages that a member wrote."""
    found = database[MESSAGES].find({"institutions": institution, "parties": member}).sort("_id", 1)
    return [
        {"id": document["_id"], **{name: document[name] for name in ("mentorship", "sent_at", "text")}}
        async for document in found
        if document["pair"][document["by"]]["member"] == member
    ]


def forget(writing: Writing, member: str) -> None:
    """Deletes the messages that an erased member wrote, and what they said of those that they reported."""
    for side, other in (("mentee", "mentor"), ("mentor", "mentee")):
        theirs = {f"pair.{side}.member": member}
        writing[MESSAGES].delete_many({**theirs, "by": side}, session=writing.session)
        writing[MESSAGES].update_many(
            {**theirs, "by": other, "report.at": {"$exists": True}},
            {"$set": {"report.comment": ""}, "$inc": {"version": 1}},
            session=writing.session,
        )
