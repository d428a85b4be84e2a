"""Documents ↔ calendar addresses."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from services.mentorships.calendars.usecases import CalendarAddress
from services.mentorships.flash.domain import Slot
from services.mentorships.flash.repository import MongoFlashSlots
from services.mentorships.groups.domain import Group
from services.mentorships.groups.repository import MongoGroups
from services.mentorships.meetings.domain.states import Series
from services.mentorships.meetings.repository import MongoSeries
from services.mentorships.outreach.domain import Visit
from services.mentorships.outreach.repository import MongoVisits
from services.mentorships.projections.domain import Person
from services.mentorships.projections.repository import MongoProjections, hold_people
from shared.clock import Clock
from shared.mongo import ASCENDING, Database, Document, IndexModel, Transaction, ensure_indexes, in_transaction

CALENDARS = "calendars"
_BY_TOKEN = IndexModel([("token_hash", ASCENDING)], name="by_token", unique=True)
_MOST_SERIES = 200


class MongoCalendars:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._series = MongoSeries(database, clock)
        self._groups = MongoGroups(database, clock)
        self._slots = MongoFlashSlots(database, clock)
        self._visits = MongoVisits(database, clock)
        self._projections = MongoProjections(database)

    async def prepare(self) -> None:
        await ensure_indexes(self._database[CALENDARS], [_BY_TOKEN])

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.signed_in(institution, subject_hash)

    async def people(self, members: Sequence[str]) -> dict[str, Person]:
        return dict(await self._projections.people(members))

    async def set(self, address: CalendarAddress) -> None:
        document = asdict(address)
        document["_id"] = document.pop("member")

        def body(transaction: Transaction) -> None:
            hold_people(transaction, [address.member])
            transaction[CALENDARS].replace_one(
                _of(address.institution, address.member), document, True, session=transaction.session
            )

        await in_transaction(self._database, body)

    async def delete(self, institution: str, member: str) -> None:
        await self._database[CALENDARS].delete_one(_of(institution, member))

    async def address_of(self, institution: str, member: str) -> CalendarAddress | None:
        return _address(await self._database[CALENDARS].find_one(_of(institution, member)))

    async def by_token(self, token_hash: str) -> CalendarAddress | None:
        return _address(await self._database[CALENDARS].find_one({"token_hash": token_hash}))

    async def series(self, institution: str, member: str, *, changed_after: datetime) -> Sequence[Series]:
        shown = {"$or": [{"state": {"$ne": "cancelled"}}, {"changed_at": {"$gt": changed_after}}]}
        return await self._series.page(institution, {"parties": member, **shown}, before=None, limit=_MOST_SERIES)

    async def groups(self, institution: str, member: str, *, changed_after: datetime) -> Sequence[Group]:
        shown = {"$or": [{"state": {"$ne": "ended"}}, {"changed_at": {"$gt": changed_after}}]}
        wanted = {"parties": member, "plan": {"$type": "object"}, **shown}
        return await self._groups.page(institution, wanted, before=None, limit=_MOST_SERIES)

    async def slots(self, institution: str, member: str, *, after: datetime) -> Sequence[Slot]:
        found = await self._slots.of_member(institution, member, after=after)
        return [slot for slot in found if slot.mentee is not None]

    async def visits(self, institution: str, member: str, *, after: datetime) -> Sequence[Visit]:
        found = await self._visits.of_visitor(institution, member)
        return [visit for visit in found if visit.plan.starts_at > after]


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """Since when a member's calendar has an address, which nobody can read again."""
    found = await database[CALENDARS].find_one(_of(institution, member), {"_id": 0, "created_at": 1})
    return [found] if found else []


def forget(transaction: Transaction, member: str) -> None:
    transaction[CALENDARS].delete_many({"_id": member}, session=transaction.session)


def _of(institution: str, member: str) -> Document:
    return {"_id": member, "institution": institution}


def _address(document: Document | None) -> CalendarAddress | None:
    if document is None:
        return None
    return CalendarAddress(
        member=document["_id"],
        institution=document["institution"],
        token_hash=document["token_hash"],
        created_at=document["created_at"],
    )
