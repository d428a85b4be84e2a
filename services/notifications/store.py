"""Documents ↔ domain. Every query of a person's documents names institution and member, here and nowhere else.

At most one unread document per recipient and occasion: a unique index holds it. Writes for one event: the inbox mark,
each recipient's counter, one bulk write of the notifications, one insert of the outbox rows.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.notifications.domain import ListChange, Mentor, Notice, Notification, Recipient
from services.notifications.usecases.reading import Names, Reader
from services.notifications.usecases.telling import Told
from shared import outbox
from shared.contracts.envelope import Received, Trace
from shared.contracts.profiles import InstitutionChanged, ProgrammeChanged
from shared.mongo import (
    ASCENDING,
    DESCENDING,
    Collection,
    Database,
    Document,
    IndexModel,
    InsertOne,
    ReplaceOne,
    ReturnDocument,
    Session,
    ensure_indexes,
)
from shared.outbox import Fact
from shared.projection import fold

_OF_RECIPIENT = [("institution", ASCENDING), ("member", ASCENDING)]
_INDEXES = [
    IndexModel([*_OF_RECIPIENT, ("position", DESCENDING)], name="newest"),
    IndexModel(
        [*_OF_RECIPIENT, ("occasion", ASCENDING)],
        name="unread",
        unique=True,
        partialFilterExpression={"read": False},
    ),
]


class NotificationsStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._notifications = database["notifications"]
        self._recipients = database["recipients"]
        self._contacts = database["contacts"]
        self._institutions = database["institutions"]
        self._programmes = database["programmes"]

    async def prepare(self) -> None:
        await ensure_indexes(self._notifications, _INDEXES)
        await ensure_indexes(self._recipients, [])
        sign_in = IndexModel([("institution", ASCENDING), ("subject_hash", ASCENDING)], name="sign_in")
        await ensure_indexes(self._contacts, [sign_in])
        await ensure_indexes(self._institutions, [])
        await ensure_indexes(self._programmes, [])

    def within(self, session: Session) -> "Ledger":
        return Ledger(self._database, session)

    async def fold_contacts(self, received: Sequence[Received]) -> None:
        """An erasure takes the person's inbox along; both may happen again without harm."""
        await fold(self._contacts, received)
        for one in received:
            if one.payload is None:
                recipient = Recipient(institution=one.envelope.institution, member=one.envelope.subject)
                await self._notifications.delete_many(_of(recipient))
                await self._recipients.delete_one({"_id": _counter(recipient)})

    async def fold_institutions(self, received: Sequence[Received]) -> None:
        await fold(self._institutions, received, _name_only)

    async def fold_programmes(self, received: Sequence[Received]) -> None:
        await fold(self._programmes, received, _name_only)

    async def reader(self, institution: str, *, subject_hash: str) -> Reader | None:
        contact = await self._contacts.find_one({"institution": institution, "subject_hash": subject_hash})
        if contact is None:
            return None
        return Reader(recipient=Recipient(institution=institution, member=contact["_id"]), locale=contact["locale"])

    async def newest(
        self, recipient: Recipient, *, below: int | None, unread_only: bool, limit: int
    ) -> list[Notification]:
        wanted = _of(recipient)
        if below is not None:
            wanted["position"] = {"$lt": below}
        if unread_only:
            wanted["read"] = False
        return await _found(self._notifications, wanted, order=DESCENDING, limit=limit)

    async def above(self, recipient: Recipient, *, position: int, limit: int) -> list[Notification]:
        """The oldest first. Positions of one recipient commit in order, so nothing turns up below one already seen."""
        wanted = _of(recipient) | {"position": {"$gt": position}}
        return await _found(self._notifications, wanted, order=ASCENDING, limit=limit)

    async def unread_count(self, recipient: Recipient) -> int:
        return await self._notifications.count_documents(_of(recipient) | {"read": False})

    async def position(self, recipient: Recipient) -> int:
        counter = await self._recipients.find_one({"_id": _counter(recipient)})
        return int(counter["position"]) if counter else 0

    async def mark_read(self, recipient: Recipient, *, id: str, now: datetime) -> Notification | None:
        ours = _of(recipient) | {"_id": id}
        await self._notifications.update_one(ours | {"read": False}, {"$set": {"read": True, "read_at": now}})
        document = await self._notifications.find_one(ours)
        return _notification(document) if document else None

    async def mark_read_up_to(self, recipient: Recipient, *, position: int, now: datetime) -> int:
        unread = _of(recipient) | {"read": False, "position": {"$lte": position}}
        marked = await self._notifications.update_many(unread, {"$set": {"read": True, "read_at": now}})
        return marked.modified_count

    async def names(self, recipient: Recipient, notifications: Sequence[Notification]) -> Names:
        """Of people only the reader's own institution's. Institutions and programmes are known to the whole network."""
        mentors = {mentor for one in notifications for mentor in one.change.entered}
        own = {mentor.member for mentor in mentors if mentor.institution == recipient.institution}
        others = {mentor.institution for mentor in mentors if mentor.institution != recipient.institution}
        return Names(
            members=await _names(self._contacts, own, institution=recipient.institution),
            institutions=await _names(self._institutions, others),
            programmes=await _names(self._programmes, {one.change.programme for one in notifications}),
        )

    async def told(self) -> AsyncIterator[Recipient | None]:
        """Whoever is told something, as it commits. First, once the stream is open, None: it may have been anyone."""
        told: list[Document] = [
            {"$match": {"operationType": {"$in": ["insert", "replace"]}}},
            {"$project": {"fullDocument.institution": 1, "fullDocument.member": 1}},
        ]
        async with self._notifications.watch(told, max_await_time_ms=1_000) as changes:
            first = await changes.try_next()
            yield None
            if first is not None:
                yield _recipient(first["fullDocument"])
            async for change in changes:
                yield _recipient(change["fullDocument"])


class Ledger:
    """The store within one transaction."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database = database
        self._session = session

    async def next_position(self, recipient: Recipient) -> int:
        counter = await self._database["recipients"].find_one_and_update(
            {"_id": _counter(recipient)},
            {"$inc": {"position": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self._session,
        )
        return int(counter["position"])

    async def unread(self, notices: Sequence[Notice]) -> Mapping[Recipient, Notification]:
        open_ones = [_of(notice.recipient) | {"occasion": notice.occasion, "read": False} for notice in notices]
        wanted = open_ones[0] if len(open_ones) == 1 else {"$or": open_ones}
        found = self._database["notifications"].find(wanted, session=self._session)
        return {_recipient(document): _notification(document) async for document in found}

    async def save(self, told: Sequence[Told], trace: Trace) -> None:
        await self._database["notifications"].bulk_write([_write(one) for one in told], session=self._session)
        await outbox.append(self._database, self._session, [_fact(one, trace) for one in told])


def _of(recipient: Recipient) -> Document:
    return {"institution": recipient.institution, "member": recipient.member}


def _counter(recipient: Recipient) -> str:
    return f"{recipient.institution}:{recipient.member}"


def _name_only(payload: InstitutionChanged | ProgrammeChanged) -> Document:
    return {"name": payload.name}


async def _found(notifications: Collection, wanted: Document, *, order: int, limit: int) -> list[Notification]:
    documents = notifications.find(wanted).sort("position", order).limit(limit)
    return [_notification(document) async for document in documents]


async def _names(collection: Collection, ids: Iterable[str], **within: str) -> Mapping[str, str]:
    wanted: dict[str, Any] = {"_id": {"$in": sorted(ids)}, "erased": False} | within
    if not wanted["_id"]["$in"]:
        return {}
    return {document["_id"]: document["name"] async for document in collection.find(wanted, {"name": 1})}


def _document(one: Notification) -> Document:
    change = one.change
    return _of(one.recipient) | {
        "_id": one.id,
        "occasion": one.occasion,
        "position": one.position,
        "told_at": one.told_at,
        "read": one.read_at is not None,
        "read_at": one.read_at,
        "change": {
            "programme": change.programme,
            "total": change.total,
            "entered": [{"member": mentor.member, "institution": mentor.institution} for mentor in change.entered],
            "left": list(change.left),
            "unmatched": change.unmatched,
        },
    }


def _write(told: Told) -> InsertOne[Document] | ReplaceOne[Document]:
    document = _document(told.notification)
    return InsertOne(document) if told.is_new else ReplaceOne({"_id": told.notification.id}, document)


def _fact(told: Told, trace: Trace) -> Fact:
    """The recipient's counter serves as the notification's sequence: it rises with every change of it."""
    return Fact(
        id=told.event,
        payload=told.recorded,
        institution=told.recorded.institution,
        sequence=told.recorded.position,
        time=told.notification.told_at,
        trace=trace,
    )


def _notification(document: Document) -> Notification:
    change = document["change"]
    return Notification(
        id=document["_id"],
        recipient=_recipient(document),
        occasion=document["occasion"],
        change=ListChange(
            programme=change["programme"],
            total=change["total"],
            entered=tuple(Mentor(**mentor) for mentor in change["entered"]),
            left=tuple(change["left"]),
            unmatched=change["unmatched"],
        ),
        position=document["position"],
        told_at=document["told_at"],
        read_at=document["read_at"],
    )


def _recipient(document: Document) -> Recipient:
    return Recipient(institution=document["institution"], member=document["member"])
