"""Writes notifications within the transaction of the events that cause them.

The number of commands does not depend on the number of notifications: events that arrive together share them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import count

from services.notifications.deliveries.domain.deliveries import Delivery
from services.notifications.deliveries.repository.planning import write_planned
from services.notifications.inbox.repository.documents import counter_of, initial_fields, of_recipient, updated_fields
from services.notifications.kernel.domain import KnownContact, PendingNotification, Recipient
from services.notifications.notifying.usecases import Numbered, Recorded
from services.notifications.preferences.domain.choices import Policy, Preferences
from services.notifications.preferences.repository import choices_of
from services.notifications.projections.repository import CONTACTS, zone_of
from shared.mongo import Document, ReturnDocument, Transaction, UpdateOne
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent


class MongoNotificationRepository:
    """The repository within one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._writing = transaction

    def choices_of(
        self, recipients: Iterable[Recipient]
    ) -> tuple[Mapping[Recipient, Preferences], Mapping[str, Policy]]:
        return choices_of(self._writing, recipients)

    def plan(self, deliveries: Sequence[Delivery]) -> None:
        write_planned(self._writing, deliveries)

    def next_positions(self, recipients: Sequence[Recipient]) -> Sequence[int]:
        counters = [counter_of(recipient) for recipient in recipients]
        raised = Counter(counters)
        upserts = [({"_id": id}, {"$inc": {"position": by}}) for id, by in raised.items()]
        last = {
            counter["_id"]: counter["position"]
            for counter in self._upserted("recipients", upserts, {"_id": {"$in": [*raised]}}, hint="_id_")
        }
        following = {id: count(last[id] - by + 1) for id, by in raised.items()}
        return [next(following[id]) for id in counters]

    def record(self, notices: Sequence[Numbered], *, now: datetime) -> Sequence[str]:
        upserts = [(_unread(numbered.notice), _changes(numbered, now)) for numbered in notices]
        recipients = [numbered.notice.recipient for numbered in notices]
        all_unread = {
            "institution": {"$in": sorted({recipient.institution for recipient in recipients})},
            "member": {"$in": sorted({recipient.member for recipient in recipients})},
            "occasion": {"$in": sorted({numbered.notice.occasion for numbered in notices})},
            "read": False,
        }
        # The hint, because a long history makes the planner try `newest` too.
        ids = {
            (found["institution"], found["member"], found["occasion"]): str(found["_id"])
            for found in self._upserted("notifications", upserts, all_unread, hint="unread")
        }
        return [
            ids[to.institution, to.member, numbered.notice.occasion]
            for to, numbered in zip(recipients, notices, strict=True)
        ]

    def _upserted(
        self, name: str, upserts: Sequence[tuple[Document, Document]], found_by: Document, *, hint: str
    ) -> Iterable[Document]:
        """Makes these (filter, update) pairs effective, and returns the documents: with one command for one pair, and
        two for many.
        """
        collection, session = self._writing[name], self._writing.session
        if len(upserts) > 1:
            collection.bulk_write(
                [UpdateOne(wanted, update, upsert=True, hint=hint) for wanted, update in upserts], session=session
            )
            return collection.find(found_by, hint=hint, session=session)
        [(wanted, update)] = upserts
        after = collection.find_one_and_update(
            wanted, update, upsert=True, hint=hint, return_document=ReturnDocument.AFTER, session=session
        )
        return [after] if after else []

    def contacts_of(self, members: Iterable[str]) -> Mapping[str, KnownContact]:
        wanted, fields = {"_id": {"$in": sorted(members)}}, {"institution": 1, "erased": 1, "time_zone": 1}
        found = self._writing[CONTACTS].find(wanted, fields, session=self._writing.session)
        return {
            contact["_id"]: KnownContact(
                institution=contact["institution"], is_erased=contact["erased"], zone=zone_of(contact)
            )
            for contact in found
        }

    def publish(self, recorded: Sequence[Recorded], *, now: datetime) -> None:
        outbox.write(self._writing, [_fact(each, now) for each in recorded])


def _unread(notice: PendingNotification) -> Document:
    return of_recipient(notice.recipient) | {"occasion": notice.occasion, "read": False}


def _changes(numbered: Numbered, now: datetime) -> Document:
    change = numbered.notice.change
    return {
        "$set": {"position": numbered.position, "told_at": now, **updated_fields(change)},
        "$setOnInsert": {
            "_id": numbered.new_id,
            "programme": change.programme,
            "read_at": None,
            **initial_fields(change),
        },
    }


def _fact(recorded: Recorded, now: datetime) -> OutboxEvent:
    """The recipient's counter serves as the notification's sequence: it rises with every change of it."""
    event = recorded.event
    return OutboxEvent(
        id=recorded.id,
        payload=event,
        institution=event.institution,
        sequence=event.position,
        time=now,
        trace=recorded.trace,
    )
