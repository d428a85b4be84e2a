"""Writes deliveries in the transaction of their notifications.

A delivery that is not being sent yet is updated: a unique index holds that there is one for each recipient, occasion
and channel. Its id is derived from the cause, so that the same event after a restored backup plans the same mail.
"""

from collections.abc import Iterable

from services.notifications.deliveries.domain.deliveries import Delivery
from services.notifications.deliveries.repository.documents import (
    CHANNEL,
    DELIVERIES,
    decision_document,
    planned_fields,
    state_fields,
)
from services.notifications.inbox.repository.documents import of_recipient
from shared.mongo import Document, Transaction, UpdateOne

_DECISIONS_KEPT = 60


def write_planned(transaction: Transaction, deliveries: Iterable[Delivery]) -> None:
    writes = [_inserted(delivery) if delivery.due is None else _planned(delivery) for delivery in deliveries]
    transaction[DELIVERIES].bulk_write(writes, session=transaction.session)


def _inserted(delivery: Delivery) -> UpdateOne:
    """A delivery that is not sent; an open one of the occasion stays, and is decided again when it is due."""
    document = {
        **_key(delivery),
        **planned_fields(delivery),
        **state_fields(delivery),
        "decisions": [decision_document(decision) for decision in delivery.decisions],
    }
    return UpdateOne({"_id": delivery.id}, {"$setOnInsert": document}, upsert=True)


def _planned(delivery: Delivery) -> UpdateOne:
    state = state_fields(delivery)
    due = state.pop("next_at")
    return UpdateOne(
        {**_key(delivery), "open": True},
        {
            "$set": {**planned_fields(delivery), **{name: state[name] for name in ("state", "waiting")}},
            "$min": {"next_at": due},
            "$push": {"decisions": pushed([decision_document(decision) for decision in delivery.decisions])},
            "$setOnInsert": {"_id": delivery.id, "attempts": 0},
        },
        upsert=True,
        hint="open",
    )


def pushed(decisions: list[Document]) -> Document:
    return {"$each": decisions, "$slice": -_DECISIONS_KEPT}


def _key(delivery: Delivery) -> Document:
    return {**of_recipient(delivery.recipient), "occasion": delivery.occasion, "channel": CHANNEL}
