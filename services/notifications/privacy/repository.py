"""Applies contacts, and erases people: contact, inbox, counter, mail and preferences are deleted, marker and receipt
written, in one transaction.
"""

from collections.abc import Sequence
from datetime import datetime

from services.notifications.deliveries.repository.documents import DELIVERIES, MATTERS, SUPPRESSIONS
from services.notifications.inbox.repository.documents import counter_of, of_recipient
from services.notifications.kernel.domain import Recipient
from services.notifications.preferences.repository import PREFERENCES
from services.notifications.projections import repository as projections
from services.notifications.projections.repository import CONTACTS
from shared.consuming import erasure_receipts
from shared.consuming.erasure_receipts import publish_receipt
from shared.consuming.projection import Copy, Refused, erased_states, fold, fold_within, refused_of
from shared.contracts.envelope import Received
from shared.contracts.notifications import NotificationsErasureCompleted
from shared.contracts.profiles import ContactChanged, MemberErased
from shared.mongo import Database, Document, Transaction, in_transaction

OF_RECIPIENT = (DELIVERIES, MATTERS, SUPPRESSIONS, PREFERENCES)
"""Collections whose documents name their member."""


class MongoErasureRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self) -> None:
        await erasure_receipts.prepare(self._database)

    async def fold_contacts(self, received: Sequence[Received]) -> list[Refused]:
        """A tombstone erases the person's inbox too; both are idempotent."""
        refused = await fold(self._database[CONTACTS], received)
        gone = [record.envelope.subject for record in received if record.payload is None]
        if gone:
            await erase_inboxes_of_erased(self._database, {"_id": {"$in": gone}})
        return refused

    async def fold_erasures(self, received: Sequence[Received], *, now: datetime) -> list[Refused]:
        """Marker, inbox, counter and receipt in one transaction."""
        erased = [record for record in received if isinstance(record.payload, MemberErased)]
        if not erased:
            return []
        return await in_transaction(self._database, lambda transaction: forget(transaction, erased, now))


def forget(transaction: Transaction, erased: Sequence[Received], now: datetime) -> list[Refused]:
    """Returns the erasures that are refused, which have no effect."""
    contacts = erased_states(erased, ContactChanged, lambda event: event.contacts_sequence)
    _, distrusted = fold_within(transaction, CONTACTS, contacts)
    refused = refused_of(erased, distrusted)
    for record in erased:
        if any(record is refusal.received for refusal in refused):
            continue
        recipient = Recipient(institution=record.envelope.institution, member=record.envelope.subject)
        counter = {"_id": counter_of(recipient)}
        # This write makes a concurrent notification conflict, so that either transaction repeats and sees the other.
        transaction["recipients"].update_one(
            counter, {"$inc": {"position": 0}}, upsert=True, session=transaction.session
        )
        transaction["recipients"].delete_one(counter, session=transaction.session)
        for collection in (*OF_RECIPIENT, "notifications"):
            transaction[collection].delete_many(of_recipient(recipient), session=transaction.session)
        publish_receipt(transaction, record, NotificationsErasureCompleted, service="notifications", now=now)
    return refused


async def erase_inboxes_of_erased(database: Database, wanted: Document) -> int:
    """Erases the inboxes of contacts marked as erased; a tombstone that was not applied erases nothing.

    Returns how many.
    """
    count = 0
    async for contact in database[CONTACTS].find(wanted | {"erased": True}, {"institution": 1}):
        await erase_inbox(database, Recipient(institution=contact["institution"], member=contact["_id"]))
        count += 1
    return count


async def erase_inbox(database: Database, recipient: Recipient) -> None:
    for collection in (*OF_RECIPIENT, "notifications"):
        await database[collection].delete_many(of_recipient(recipient))
    await database["recipients"].delete_one({"_id": counter_of(recipient)})


COPIES = (
    Copy(collection=CONTACTS, payload=ContactChanged, follow=lambda database: erase_inboxes_of_erased(database, {})),
    *projections.COPIES,
)
