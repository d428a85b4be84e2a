"""Documents ↔ flash slots."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from services.mentorships.flash.domain import MAX_SLOTS_AT_ONCE, MOST_MINUTES, Calendar, Slot, Window
from services.mentorships.flash.usecases import Bookable
from services.mentorships.kernel.access import unknown
from services.mentorships.kernel.pairs import Decided, Party
from services.mentorships.kernel.repository import DUE, OF_MEMBER, MongoAggregates
from services.mentorships.projections.domain import Person, Programme
from services.mentorships.projections.repository import MongoProjections, hold_people, joined_to, joining
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.mongo import ASCENDING, Database, Document, IndexModel, Transaction, ensure_indexes, in_transaction

FLASH_SLOTS = "flash_slots"
_MOST = 200
_LONGEST = timedelta(minutes=MOST_MINUTES)
_TO_COME = ["open", "booked"]
_OPEN = IndexModel(
    [("programme", ASCENDING), ("institutions", ASCENDING), ("state", ASCENDING), ("starts_at", ASCENDING)],
    name="of_programme",
)
_BY_TIME = IndexModel([("parties", ASCENDING), ("starts_at", ASCENDING)], name="of_member_by_time")
_AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)


class MongoFlashSlots(MongoAggregates[Slot]):
    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock, collection=FLASH_SLOTS, kind=Slot, what="flash_slot")
        self._projections = MongoProjections(database)

    async def prepare(self, *further: IndexModel) -> None:
        await ensure_indexes(self._database[FLASH_SLOTS], [OF_MEMBER, DUE, _OPEN, _BY_TIME, *further])

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.signed_in(institution, subject_hash)

    async def programme(self, id: str) -> Programme | None:
        return await self._projections.programme(id)

    async def people(self, ids: Collection[str]) -> Mapping[str, Person]:
        return await self._projections.people(ids)

    async def mentors(self, programme: str, among: Collection[str]) -> Collection[str]:
        return await self._projections.mentors(programme, among)

    async def assessors(self, member: str) -> Collection[str]:
        return await self._projections.assessors(member)

    async def find(self, institution: str, id: str) -> Slot | None:
        """A booked slot too, where it was open to this institution: who saw it open learns that it is taken."""
        document = await self._database[FLASH_SLOTS].find_one(_visible(institution, id))
        return self._state(document) if document else None

    async def bookable(self, institution: str, id: str, subject_hash: str) -> Bookable | None:
        joined = [{"$match": _visible(institution, id)}, *joining(institution, subject_hash)]
        found = await self._database[FLASH_SLOTS].aggregate(joined).to_list(1)
        if not found:
            return None
        known, slot = joined_to(found[0]), self._state(found[0])
        return Bookable(
            slot=slot,
            member=known.member,
            programme=known.programme,
            people=known.people,
            offers=slot.programme in known.mentor_in,
            assessors=known.assessors,
        )

    async def open_slots(self, institution: str, programme: str, *, after: datetime) -> Sequence[Slot]:
        wanted = {"programme": programme, "institutions": institution, "state": "open", "starts_at": {"$gt": after}}
        return await self._by_time(wanted)

    async def of_member(self, institution: str, member: str, *, after: datetime) -> Sequence[Slot]:
        return await self._by_time({"parties": member, "institutions": institution, "starts_at": {"$gt": after}})

    async def offer(
        self,
        mentor: Party,
        id: str,
        window: Window,
        decide: Callable[[Calendar], Sequence[Decided[Slot]]],
        trace: Trace,
    ) -> Sequence[Slot]:
        ids = [f"{id}.{number}" for number in range(1, MAX_SLOTS_AT_ONCE + 1)]

        def body(transaction: Transaction) -> Sequence[Slot]:
            known = transaction[FLASH_SLOTS].find(
                {"_id": {"$in": ids}, "institutions": mentor.institution}, session=transaction.session
            )
            slots = [self._state(document) for document in known]
            if slots:
                transaction.changes_nothing = True
                return sorted(slots, key=lambda slot: slot.starts_at)
            hold_people(transaction, [mentor.member])
            calendar = self._calendar(transaction, mentor.member, window.begins_at, window.ends_at)
            decided = decide(calendar)
            for each in decided:
                self.save(transaction, each, trace, before=None)
            return [each.state for each in decided]

        return await in_transaction(self._database, body)

    async def book(
        self,
        institution: str,
        id: str,
        mentee: str,
        decide: Callable[[Slot, Calendar], Decided[Slot] | None],
        trace: Trace,
    ) -> Slot:
        def body(transaction: Transaction) -> Slot:
            document = transaction[FLASH_SLOTS].find_one(
                {"_id": id, "admits": institution}, session=transaction.session
            )
            if document is None:
                raise unknown("flash_slot")
            slot = self._state(document)
            decided = decide(slot, self._calendar(transaction, mentee, slot.starts_at, slot.ends_at))
            if decided is None:
                transaction.changes_nothing = True
                return slot
            hold_people(transaction, [mentee])  # also: of two bookings of one mentee the later counts both
            self.save(transaction, decided, trace, before=slot)
            return decided.state

        return await in_transaction(self._database, body)

    def save(self, transaction: Transaction, decided: Decided[Slot], trace: Trace, *, before: Slot | None) -> None:
        after = decided.state
        if after.mentee is not None and before is not None and after.feedback != before.feedback:
            hold_people(transaction, [after.mentee.member])
        super().save(transaction, decided, trace, before=before)

    def _calendar(self, transaction: Transaction, member: str, begins_at: datetime, ends_at: datetime) -> Calendar:
        now = self._clock.now()
        wanted = {"parties": member, "state": {"$in": _TO_COME}, "starts_at": {"$gt": now - _LONGEST}}
        shown, session = {"starts_at": 1, "minutes": 1}, transaction.session
        found = [
            (document["starts_at"], timedelta(minutes=document["minutes"]))
            for document in transaction[FLASH_SLOTS].find(wanted, shown, session=session, limit=_MOST)
        ]
        return Calendar(
            coming=sum(starts_at > now for starts_at, _ in found),
            overlaps=any(starts_at < ends_at and begins_at < starts_at + length for starts_at, length in found),
        )

    async def _by_time(self, wanted: Document) -> Sequence[Slot]:
        found = self._database[FLASH_SLOTS].find(wanted).sort("starts_at", ASCENDING).limit(_MOST)
        return [self._state(document) async for document in found]


def _visible(institution: str, id: str) -> Document:
    return {"_id": id, "$or": [{"institutions": institution}, {"admits": institution}]}


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """Slots that a member offered, with topic and link; of those that they booked what they wrote."""
    found = database[FLASH_SLOTS].find({"parties": member, "institutions": institution}).sort("_id", ASCENDING)
    return [_own_part(document, member) async for document in found]


def forget(transaction: Transaction, member: str) -> None:
    """Deletes what an erased member wrote, and their open slots; of a booked one the other person is notified."""
    slots, session = transaction[FLASH_SLOTS], transaction.session
    slots.delete_many({"parties": member, "mentor.member": member, "state": "open"}, session=session)
    at_once = {"due_at": _AT_ONCE}
    own = {"mentor": {"topic": "", "link": ""}, "mentee": {"question": "", "feedback": None}}
    for side, emptied in own.items():
        mine = {"parties": member, f"{side}.member": member}
        slots.update_many(mine, {"$set": emptied, "$inc": {"version": 1}}, session=session)
        slots.update_many({**mine, "state": "booked"}, {"$set": {"left": side, **at_once}}, session=session)


def _own_part(slot: Document, member: str) -> Document:
    is_mentor = slot["mentor"]["member"] == member
    own = ("topic", "link") if is_mentor else ("question", "feedback")
    names = ("programme", "state", "starts_at", "minutes", *own)
    return {"id": slot["_id"], **{name: slot[name] for name in names}}
