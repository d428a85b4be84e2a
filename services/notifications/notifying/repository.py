"""Writes notifications within the transaction of the event that causes them.

A notification takes five writes: the inbox mark, the recipient's counter, the notification, its mail, the outbox row.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from services.notifications.deliveries.domain.deliveries import Delivery
from services.notifications.deliveries.repository.planning import write_planned
from services.notifications.inbox.repository.documents import counter_of, initial_fields, of_recipient, updated_fields
from services.notifications.kernel.domain import KnownContact, PendingNotification, Recipient
from services.notifications.preferences.domain.choices import Policy, Preferences
from services.notifications.preferences.repository import choices_of
from services.notifications.projections.repository import CONTACTS, zone_of
from shared.contracts.envelope import Trace
from shared.contracts.notifications import NotificationRecorded
from shared.mongo import ReturnDocument, Writing
from shared.outbox import table as outbox
from shared.outbox.table import Fact


class MongoNotificationRepository:
    """The repository within one transaction."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing

    def choices_of(
        self, recipients: Iterable[Recipient]
    ) -> tuple[Mapping[Recipient, Preferences], Mapping[str, Policy]]:
        return choices_of(self._writing, recipients)

    def plan(self, delivery: Delivery) -> None:
        write_planned(self._writing, delivery)

    def next_position(self, recipient: Recipient) -> int:
        counter = self._writing["recipients"].find_one_and_update(
            {"_id": counter_of(recipient)},
            {"$inc": {"position": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self._writing.session,
        )
        return int(counter["position"])  # type: ignore[index]  # upserted

    def record(self, notice: PendingNotification, *, position: int, now: datetime, new_id: str) -> str:
        change = notice.change
        document = self._writing["notifications"].find_one_and_update(
            of_recipient(notice.recipient) | {"occasion": notice.occasion, "read": False},
            {
                "$set": {"position": position, "told_at": now, **updated_fields(change)},
                "$setOnInsert": {
                    "_id": new_id,
                    "programme": change.programme,
                    "read_at": None,
                    **initial_fields(change),
                },
            },
            projection={"_id": 1},
            hint="unread",  # else a long history makes the planner try `newest` too
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self._writing.session,
        )
        return str(document["_id"])  # type: ignore[index]  # as above

    def contacts_of(self, members: Iterable[str]) -> Mapping[str, KnownContact]:
        wanted, fields = {"_id": {"$in": sorted(members)}}, {"institution": 1, "erased": 1, "time_zone": 1}
        found = self._writing[CONTACTS].find(wanted, fields, session=self._writing.session)
        return {
            contact["_id"]: KnownContact(
                institution=contact["institution"], is_erased=contact["erased"], zone=zone_of(contact)
            )
            for contact in found
        }

    def publish(self, notifications: Mapping[str, NotificationRecorded], *, now: datetime, trace: Trace) -> None:
        facts = [_fact(event, recorded, now, trace) for event, recorded in notifications.items()]
        outbox.write(self._writing, facts)


def _fact(event: str, recorded: NotificationRecorded, now: datetime, trace: Trace) -> Fact:
    """The recipient's counter serves as the notification's sequence: it rises with every change of it."""
    return Fact(
        id=event,
        payload=recorded,
        institution=recorded.institution,
        sequence=recorded.position,
        time=now,
        trace=trace,
    )
