"""Reads a person's deliveries, and keeps addresses that get no mail. Every query names institution and member."""

from collections.abc import Sequence
from datetime import timedelta

from services.notifications.deliveries.domain.deliveries import Delivery
from services.notifications.deliveries.domain.outcomes import Suppression
from services.notifications.deliveries.repository.documents import (
    DELIVERIES,
    MATTERS,
    SUPPRESSIONS,
    suppression_document,
    to_delivery,
)
from services.notifications.deliveries.usecases import Mailbox
from services.notifications.inbox.repository.documents import of_recipient
from services.notifications.kernel.domain import Recipient
from services.notifications.preferences.repository import key_of
from services.notifications.projections.repository import MongoContactRepository, hold_contact
from shared.identifiers import identifier_digest
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
from shared.retention import keep_for

_OF_RECIPIENT = [("institution", ASCENDING), ("member", ASCENDING)]
_INDEXES = [
    IndexModel(
        [*_OF_RECIPIENT, ("occasion", ASCENDING), ("channel", ASCENDING)],
        name="open",
        unique=True,
        partialFilterExpression={"open": True},
    ),
    IndexModel([("bulk", ASCENDING), ("next_at", ASCENDING)], name="due", partialFilterExpression={"waiting": True}),
    IndexModel([*_OF_RECIPIENT, ("_id", DESCENDING)], name="newest"),
]
_MATTERS_KEPT = timedelta(days=400)


class MongoDeliveryRepository:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._deliveries = database[DELIVERIES]
        self._contacts = MongoContactRepository(database)

    async def prepare(self, *, kept: timedelta) -> None:
        await ensure_indexes(self._deliveries, _INDEXES)
        await keep_for(self._deliveries, "finished_at", kept)
        await keep_for(self._database[MATTERS], "last_at", _MATTERS_KEPT)
        for collection, name in ((MATTERS, "matters"), (SUPPRESSIONS, "suppressions")):
            await ensure_indexes(self._database[collection], [IndexModel(_OF_RECIPIENT, name=f"{name}_of_member")])

    async def newest(self, recipient: Recipient, *, before: str | None, limit: int) -> Sequence[Delivery]:
        wanted: Document = of_recipient(recipient)
        if before is not None:
            wanted["_id"] = {"$lt": before}
        found = self._deliveries.find(wanted).sort("_id", DESCENDING).limit(limit)
        return [to_delivery(document) async for document in found]

    async def find(self, recipient: Recipient, id: str) -> Delivery | None:
        found = await self._deliveries.find_one({"_id": id, **of_recipient(recipient)})
        return to_delivery(found) if found else None

    async def suppression(self, recipient: Recipient) -> Document | None:
        """Why the member's address gets no mail, and since when; for their export."""
        found = await self._database[SUPPRESSIONS].find_one({"_id": key_of(recipient), **of_recipient(recipient)})
        return {name: found[name] for name in ("reason", "refusals", "at")} if found else None

    async def mailbox(self, institution: str, *, delivery: str | None, address: str | None) -> Mailbox | None:
        member = await self._member_of(institution, delivery) if delivery else None
        contact = await self._contacts.mailbox(institution, member=member, address=address)
        if contact is None:
            return None
        recipient = Recipient(institution=institution, member=contact["_id"])
        digest = identifier_digest(institution=institution, kind="email", value=contact["email"])
        return Mailbox(recipient, digest)

    async def _member_of(self, institution: str, delivery: str) -> str | None:
        found = await self._deliveries.find_one({"_id": delivery, "institution": institution}, {"member": 1})
        return str(found["member"]) if found else None

    async def suppress(self, found: Sequence[tuple[Recipient, Suppression]]) -> None:
        """A suppression that is known already, for the same address and reason, stays as it is."""

        def body(transaction: Transaction) -> None:
            new = [each for each in found if not _is_known(transaction, *each) and hold_contact(transaction, each[0])]
            transaction.changes_nothing = not new
            for recipient, suppression in new:
                transaction[SUPPRESSIONS].replace_one(
                    {"_id": key_of(recipient)},
                    suppression_document(recipient, suppression),
                    upsert=True,
                    session=transaction.session,
                )

        await in_transaction(self._database, body)


def _is_known(transaction: Transaction, recipient: Recipient, suppression: Suppression) -> bool:
    known = {
        "_id": key_of(recipient),
        "address_digest": suppression.address_digest,
        "reason": suppression.reason,
    }
    return transaction[SUPPRESSIONS].find_one(known, {"_id": 1}, session=transaction.session) is not None
