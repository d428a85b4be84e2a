"""Documents ↔ domain. Every query of a person's documents names institution and member, here and nowhere else.

At most one unread document per recipient and occasion: a unique index holds it.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.notifications.inbox.repository.documents import to_notification
from services.notifications.inbox.repository.erasure import counter_of, erase_inboxes_of_erased, forget, of_recipient
from services.notifications.inbox.usecases.reading import Reader
from services.notifications.kernel.domain import (
    ListChange,
    Names,
    Notification,
    PairUpdate,
    Person,
    Recipient,
)
from shared.consuming.projection import Copy, Refused, fold
from shared.contracts.envelope import Received
from shared.contracts.profiles import ContactChanged, InstitutionChanged, MemberErased, ProgrammeChanged
from shared.mongo import (
    ASCENDING,
    DESCENDING,
    Collection,
    Database,
    Document,
    IndexModel,
    Writing,
    ensure_indexes,
    in_one_thread,
)
from shared.retention import keep_for

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

_INACTIVE = [{"fullDocument.status": "inactive"}, {"fullDocument.erased": True}]
_WAKING_CHANGES: list[Document] = [
    {
        "$match": {
            "$or": [
                {"ns.coll": "recipients", "operationType": {"$in": ["insert", "update"]}},
                {"ns.coll": "contacts", "operationType": {"$in": ["insert", "replace"]}, "$or": _INACTIVE},
                {"to.coll": "contacts", "operationType": "rename"},
            ]
        }
    },
    {"$project": {"operationType": 1, "ns.coll": 1, "documentKey": 1, "fullDocument.institution": 1}},
]
"""Changes after which an open stream queries again: see `MongoInboxRepository.watch_changed_recipients`."""


class MongoInboxRepository:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._notifications = database["notifications"]
        self._recipients = database["recipients"]
        self._contacts = database["contacts"]
        self._institutions = database["institutions"]
        self._programmes = database["programmes"]

    async def prepare(self, *, read_kept: timedelta) -> None:
        await ensure_indexes(self._notifications, _INDEXES)
        await keep_for(self._notifications, "read_at", read_kept)
        await ensure_indexes(self._recipients, [])
        sign_in = IndexModel([("institution", ASCENDING), ("subject_hash", ASCENDING)], name="sign_in")
        await ensure_indexes(self._contacts, [sign_in])
        await ensure_indexes(self._institutions, [])
        await ensure_indexes(self._programmes, [])
        await ensure_indexes(self._database["erasures"], [])

    async def fold_contacts(self, received: Sequence[Received]) -> list[Refused]:
        """A tombstone erases the person's inbox too; both are idempotent."""
        refused = await fold(self._contacts, received)
        gone = [record.envelope.subject for record in received if record.payload is None]
        if gone:
            await erase_inboxes_of_erased(self._database, {"_id": {"$in": gone}})
        return refused

    async def fold_erasures(self, received: Sequence[Received], *, now: datetime) -> list[Refused]:
        """Marker, inbox, counter and receipt in one transaction."""
        erased = [record for record in received if isinstance(record.payload, MemberErased)]
        if not erased:
            return []
        return await in_one_thread(self._database, lambda writing: forget(writing, erased, now))

    async def fold_institutions(self, received: Sequence[Received]) -> list[Refused]:
        return await fold(self._institutions, received, _name_only)

    async def fold_programmes(self, received: Sequence[Received]) -> list[Refused]:
        return await fold(self._programmes, received, _name_only)

    async def reader(self, institution: str, *, subject_hash: str) -> Reader | None:
        contact = await self._contacts.find_one({"institution": institution, "subject_hash": subject_hash})
        if contact is None:
            return None
        recipient = Recipient(institution=institution, member=contact["_id"])
        is_active = contact.get("status", "active") == "active"  # contacts stored before the field existed have none
        return Reader(recipient=recipient, locale=contact["locale"], is_active=is_active)

    async def contact(self, recipient: Recipient) -> Mapping[str, str | None]:
        mine = {"_id": recipient.member, "institution": recipient.institution, "erased": False}
        found = await self._contacts.find_one(mine) or {}
        return {name: found[name] for name in ContactChanged.model_fields if name in found}

    async def newest(
        self, recipient: Recipient, *, below: int | None, unread_only: bool, limit: int
    ) -> list[Notification]:
        wanted = of_recipient(recipient)
        if below is not None:
            wanted["position"] = {"$lt": below}
        if unread_only:
            wanted["read"] = False
        return await _found(self._notifications, wanted, order=DESCENDING, limit=limit)

    async def above(self, recipient: Recipient, *, position: int, limit: int) -> list[Notification]:
        """The oldest first; limit 0 means all.

        Positions of one recipient commit in order, so nothing appears below a position already seen.
        """
        wanted = of_recipient(recipient) | {"position": {"$gt": position}}
        return await _found(self._notifications, wanted, order=ASCENDING, limit=limit)

    async def unread_count(self, recipient: Recipient) -> int:
        return await self._notifications.count_documents(of_recipient(recipient) | {"read": False})

    async def position(self, recipient: Recipient) -> int:
        counter = await self._recipients.find_one({"_id": counter_of(recipient)})
        return int(counter["position"]) if counter else 0

    async def mark_read(self, recipient: Recipient, *, id: str, now: datetime) -> Notification | None:
        ours = of_recipient(recipient) | {"_id": id}
        await self._mark(ours | {"read": False}, now)
        document = await self._notifications.find_one(ours)
        return to_notification(document) if document else None

    async def mark_read_up_to(self, recipient: Recipient, *, position: int, now: datetime) -> int:
        unread = of_recipient(recipient) | {"read": False, "position": {"$lte": position}}
        return await self._mark(unread, now)

    async def _mark(self, unread: Document, now: datetime) -> int:
        def body(writing: Writing) -> int:
            read = {"$set": {"read": True, "read_at": now}}
            marked = writing["notifications"].update_many(unread, read, session=writing.session).modified_count
            writing.changes_nothing = not marked
            return marked

        return await in_one_thread(self._database, body)

    async def names(self, recipient: Recipient, notifications: Sequence[Notification]) -> Names:
        """Names of people whom the reader may see by name, and of all institutions and programmes mentioned."""
        named = {person for notification in notifications for person in notification.named}
        members: dict[str, str] = {}
        for institution in {person.institution for person in named}:
            ids = {person.member for person in named if person.institution == institution}
            members |= await _names(self._contacts, ids, institution=institution)
        others = {person.institution for notification in notifications for person in _mentioned(notification)}
        return Names(
            members=members,
            institutions=await _names(self._institutions, others - {recipient.institution}),
            programmes=await _names(
                self._programmes, {notification.change.programme for notification in notifications}
            ),
        )

    async def watch_changed_recipients(self) -> AsyncIterator[Recipient | None]:
        """Yields each recipient who gets a notification, becomes inactive or is erased, as it commits.

        Yields None once the stream is open and when all contacts are replaced: any recipient may have changed.

        Watches the counters: each notification raises one, and a counter's key names its recipient.
        """
        async with self._database.watch(_WAKING_CHANGES, max_await_time_ms=1_000) as changes:
            first = await changes.try_next()
            yield None
            if first is not None:
                yield _recipient_of(first)
            async for change in changes:
                yield _recipient_of(change)


def _recipient_of(change: Document) -> Recipient | None:
    if change["operationType"] == "rename":
        return None
    id = change["documentKey"]["_id"]
    if change["ns"]["coll"] == "contacts":
        return Recipient(institution=change["fullDocument"]["institution"], member=id)
    institution, _, member = id.partition(":")
    return Recipient(institution=institution, member=member)


def _name_only(payload: InstitutionChanged | ProgrammeChanged) -> Document:
    return {"name": payload.name}


async def _found(notifications: Collection, wanted: Document, *, order: int, limit: int) -> list[Notification]:
    documents = notifications.find(wanted).sort("position", order).limit(limit)
    return [to_notification(document) async for document in documents]


async def _names(collection: Collection, ids: Iterable[str], **within: str) -> Mapping[str, str]:
    wanted: dict[str, Any] = {"_id": {"$in": sorted(ids)}, "erased": False} | within
    if not wanted["_id"]["$in"]:
        return {}
    return {document["_id"]: document["name"] async for document in collection.find(wanted, {"name": 1})}


def _mentioned(notification: Notification) -> Iterable[Person]:
    change = notification.change
    if isinstance(change, ListChange):
        return change.entered
    return [change.other] if isinstance(change, PairUpdate) else ()


COPIES = (
    Copy(collection="contacts", payload=ContactChanged, follow=lambda database: erase_inboxes_of_erased(database, {})),
    Copy(collection="institutions", payload=InstitutionChanged, body=_name_only),
    Copy(collection="programmes", payload=ProgrammeChanged, body=_name_only),
)
