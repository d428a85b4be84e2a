"""Documents ↔ domain. Every query of a person's documents names institution and member, here and nowhere else.

At most one unread document per recipient and occasion: a unique index holds it.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from services.notifications.inbox.repository.documents import counter_of, of_recipient, to_notification
from services.notifications.kernel.domain import Notification, Recipient
from shared.mongo import (
    ASCENDING,
    DESCENDING,
    Collection,
    Database,
    Document,
    IndexModel,
    Transaction,
    ensure_indexes,
    in_transaction,
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

    async def prepare(self, *, read_kept: timedelta) -> None:
        await ensure_indexes(self._notifications, _INDEXES)
        await keep_for(self._notifications, "read_at", read_kept)
        await ensure_indexes(self._recipients, [])

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
        def body(transaction: Transaction) -> int:
            read = {"$set": {"read": True, "read_at": now}}
            marked = transaction["notifications"].update_many(unread, read, session=transaction.session).modified_count
            transaction.changes_nothing = not marked
            return marked

        return await in_transaction(self._database, body)

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


async def _found(notifications: Collection, wanted: Document, *, order: int, limit: int) -> list[Notification]:
    documents = notifications.find(wanted).sort("position", order).limit(limit)
    return [to_notification(document) async for document in documents]
