"""Claims due deliveries, reads what has become true since they were planned, and records what was decided."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from services.notifications.deliveries.domain.deliveries import (
    Addressee,
    Circumstances,
    Decision,
    Delivery,
    SuppressionReason,
)
from services.notifications.deliveries.domain.outcomes import Result, after_refusal
from services.notifications.deliveries.repository.documents import (
    CHANNEL,
    DELIVERIES,
    MATTERS,
    SUPPRESSIONS,
    decision_document,
    matter_key,
    state_fields,
    suppression_document,
    to_delivery,
    to_suppression,
)
from services.notifications.deliveries.repository.planning import pushed
from services.notifications.deliveries.worker import Draft
from services.notifications.inbox.repository.documents import of_recipient, to_notification
from services.notifications.kernel.domain import Message, Notification, Recipient, calendar_update
from services.notifications.preferences.repository import MongoPreferencesRepository, key_of
from services.notifications.projections.repository import CONTACTS, MongoContactRepository, hold_contact, zone_of
from services.notifications.wording import Wording
from shared.identifiers import identifier_digest
from shared.mongo import ASCENDING, Database, Document, Transaction, in_transaction


class MongoDeliveryQueue:
    def __init__(self, database: Database, wording: Wording) -> None:
        self._database = database
        self._wording = wording
        self._contacts = MongoContactRepository(database)
        self._preferences = MongoPreferencesRepository(database)

    async def claim(self, *, limit: int, now: datetime, until: datetime) -> Sequence[Delivery]:
        def body(transaction: Transaction) -> list[Delivery]:
            found: list[Delivery] = []
            for bulk in (False, True):
                if len(found) < limit:
                    found += _claim(transaction, {"bulk": bulk}, "due", limit=limit - len(found), now=now, until=until)
            return found

        return await in_transaction(self._database, body)

    async def first_due(self) -> datetime | None:
        """When the mail of a single person was due that waits longest."""
        waiting = {"bulk": False, "waiting": True}
        found = await self._database[DELIVERIES].find_one(waiting, {"next_at": 1}, sort=[("next_at", ASCENDING)])
        return found["next_at"] if found else None

    async def claim_digest(self, delivery: Delivery, *, now: datetime, until: datetime) -> Sequence[Delivery]:
        of_digest = {
            **of_recipient(delivery.recipient),
            "cadence": delivery.cadence,
            "category": delivery.category,
        }
        return await in_transaction(
            self._database, lambda transaction: _claim(transaction, of_digest, "newest", limit=0, now=now, until=until)
        )

    async def circumstances(self, delivery: Delivery) -> Circumstances:
        recipient = delivery.recipient
        contact = await self._contact(recipient)
        notification = await self._notification(delivery)
        matter = await self._database[MATTERS].find_one({"_id": matter_key(delivery)})
        return Circumstances(
            addressee=await self._addressee(recipient, contact),
            is_erased=bool(contact and contact["erased"]),
            is_active=contact is None or contact.get("status", "active") == "active",
            is_read=notification is not None and notification.read_at is not None,
            is_deleted=notification is None,
            suppressed=await self._suppressed(recipient, contact),
            last_mail=matter["last_at"] if matter else None,
        )

    async def draft(self, deliveries: Sequence[Delivery]) -> Draft:
        first = deliveries[0]
        contact = await self._contact(first.recipient) or {}
        locale = contact.get("locale", "")
        matter = await self._database[MATTERS].find_one({"_id": matter_key(first)})
        return Draft(
            deliveries=deliveries,
            messages=[await self._message(delivery, locale, zone_of(contact)) for delivery in deliveries],
            name=contact.get("name", ""),
            address=contact.get("email", ""),
            locale=locale,
            first_of_matter=matter["first"] if matter else None,
        )

    async def record(self, decided: Sequence[Delivery], *, result: Result | None) -> None:
        contact = await self._contact(decided[0].recipient) if decided else None

        def body(transaction: Transaction) -> None:
            for delivery in decided:
                _record(transaction, delivery)
            if result not in {"accepted", "recipient_refused"} or not hold_contact(transaction, decided[0].recipient):
                return
            if result == "accepted":
                _remember_matters(transaction, decided)
            if contact and not contact["erased"]:
                _count_refusal(transaction, decided[0], contact["email"], is_refused=result != "accepted")

        await in_transaction(self._database, body)

    async def _contact(self, recipient: Recipient) -> Document | None:
        return await self._database[CONTACTS].find_one({"_id": recipient.member, "institution": recipient.institution})

    async def _addressee(self, recipient: Recipient, contact: Document | None) -> Addressee | None:
        if contact is None or contact["erased"]:
            return None
        preferences = await self._preferences.preferences(recipient)
        policy = await self._preferences.policy(recipient.institution)
        return Addressee(zone=zone_of(contact), preferences=preferences.state, policy=policy.state)

    async def _suppressed(self, recipient: Recipient, contact: Document | None) -> SuppressionReason | None:
        """Only for the address that the member has now."""
        found = await self._database[SUPPRESSIONS].find_one({"_id": key_of(recipient)})
        if found is None or contact is None or contact["erased"]:
            return None
        suppression = to_suppression(found)
        return suppression.reason if suppression.address_digest == _digest(recipient, contact["email"]) else None

    async def _notification(self, delivery: Delivery) -> Notification | None:
        ours = {"_id": delivery.notification, **of_recipient(delivery.recipient)}
        found = await self._database["notifications"].find_one(ours)
        return to_notification(found) if found else None

    async def _message(self, delivery: Delivery, locale: str, zone: ZoneInfo) -> Message:
        notification = await self._notification(delivery)
        if notification is None:  # deleted a moment ago: the delivery is erased with it, and this mail says nothing
            return Message(title="", body="")
        names = await self._contacts.names(delivery.recipient, [notification])
        message = self._wording.message(notification, locale=locale, zone=zone, names=names)
        return replace(message, calendar=calendar_update(notification, names))


def _claim(
    transaction: Transaction, of: Document, index: str, *, limit: int, now: datetime, until: datetime
) -> list[Delivery]:
    deliveries = transaction[DELIVERIES]
    due = {**of, "waiting": True, "next_at": {"$lte": now}}
    found = deliveries.find(due, session=transaction.session).hint(index).sort("next_at", ASCENDING).limit(limit)
    claimed = [to_delivery(document) for document in found]
    claim = decision_document(Decision(at=now, state="sending", reason="claimed", until=until))
    deliveries.update_many(
        {"_id": {"$in": [delivery.id for delivery in claimed]}},
        {
            "$set": {"state": "sending", "open": False, "waiting": True, "next_at": until},
            "$push": {"decisions": pushed([claim])},
        },
        session=transaction.session,
    )
    return claimed


def _record(transaction: Transaction, delivery: Delivery) -> None:
    """Only while it is claimed: an erasure may have deleted it."""
    if delivery.state == "deferred" and _has_successor(transaction, delivery):
        at = delivery.decisions[-1].at
        delivery = delivery.decided(Decision(at=at, state="suppressed", reason="superseded"))
    update = {
        "$set": state_fields(delivery),
        "$push": {"decisions": pushed([decision_document(delivery.decisions[-1])])},
    }
    transaction[DELIVERIES].update_one({"_id": delivery.id, "state": "sending"}, update, session=transaction.session)


def _has_successor(transaction: Transaction, delivery: Delivery) -> bool:
    """Whether a newer notification of the occasion has planned a mail of its own while this one was being sent."""
    of_occasion = {**of_recipient(delivery.recipient), "occasion": delivery.occasion, "channel": CHANNEL, "open": True}
    return transaction[DELIVERIES].find_one(of_occasion, {"_id": 1}, session=transaction.session) is not None


def _remember_matters(transaction: Transaction, sent: Sequence[Delivery]) -> None:
    for delivery in sent:
        transaction[MATTERS].update_one(
            {"_id": matter_key(delivery)},
            {
                "$set": {**of_recipient(delivery.recipient), "last_at": delivery.decisions[-1].at},
                "$setOnInsert": {"first": sent[0].id},
            },
            upsert=True,
            session=transaction.session,
        )


def _count_refusal(transaction: Transaction, delivery: Delivery, address: str, *, is_refused: bool) -> None:
    """Refusals in a row count; an accepted mail ends the row."""
    key, suppressions = {"_id": key_of(delivery.recipient)}, transaction[SUPPRESSIONS]
    if not is_refused:
        suppressions.delete_one({**key, "reason": None}, session=transaction.session)
        return
    known = suppressions.find_one(key, session=transaction.session)
    refused = after_refusal(
        to_suppression(known) if known else None,
        address_digest=_digest(delivery.recipient, address),
        now=delivery.decisions[-1].at,
    )
    document = suppression_document(delivery.recipient, refused)
    suppressions.replace_one(key, document, upsert=True, session=transaction.session)


def _digest(recipient: Recipient, address: str) -> str:
    return identifier_digest(institution=recipient.institution, kind="email", value=address)
