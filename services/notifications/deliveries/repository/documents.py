"""Documents ↔ deliveries.

`open`: not being sent yet, so that a newer notification of the occasion updates it. `waiting`: open or being sent, so
that it is claimed when `next_at` comes; a claim that is not recorded by then has ended with its process.
"""

from services.notifications.deliveries.domain.deliveries import Decision, Delivery
from services.notifications.deliveries.domain.outcomes import Suppression
from services.notifications.inbox.repository.documents import of_recipient
from services.notifications.kernel.domain import Recipient
from shared.mongo import Document

DELIVERIES, MATTERS, SUPPRESSIONS = "deliveries", "mail_matters", "suppressions"
CHANNEL = "email"
_OPEN = frozenset({"planned", "deferred"})


def planned_fields(delivery: Delivery) -> Document:
    """The fields that a newer notification of the occasion replaces."""
    return {
        "matter": delivery.matter,
        "template": delivery.template,
        "notification": delivery.notification,
        "position": delivery.position,
        "category": delivery.category,
        "urgent": delivery.is_urgent,
        "bulk": delivery.is_bulk,
        "cadence": delivery.cadence,
    }


def state_fields(delivery: Delivery) -> Document:
    state = delivery.state
    finished = {} if state in _OPEN else {"finished_at": delivery.decisions[-1].at}
    return {
        "state": state,
        "open": state in _OPEN,
        "waiting": state in _OPEN,
        "next_at": delivery.due,
        "attempts": delivery.attempts,
        **finished,
    }


def decision_document(decision: Decision) -> Document:
    return {"at": decision.at, "state": decision.state, "reason": decision.reason, "until": decision.until}


def to_delivery(document: Document) -> Delivery:
    return Delivery(
        id=document["_id"],
        recipient=Recipient(institution=document["institution"], member=document["member"]),
        occasion=document["occasion"],
        matter=document["matter"],
        template=document["template"],
        notification=document["notification"],
        position=document["position"],
        category=document["category"],
        is_urgent=document["urgent"],
        is_bulk=document["bulk"],
        cadence=document["cadence"],
        decisions=tuple(Decision(**decision) for decision in document["decisions"]),
        attempts=document["attempts"],
    )


def matter_key(delivery: Delivery) -> str:
    return f"{delivery.recipient.institution}:{delivery.recipient.member}:{delivery.matter}"


def suppression_document(recipient: Recipient, suppression: Suppression) -> Document:
    return {
        **of_recipient(recipient),
        "address_digest": suppression.address_digest,
        "refusals": suppression.refusals,
        "reason": suppression.reason,
        "at": suppression.at,
    }


def to_suppression(document: Document) -> Suppression:
    return Suppression(
        address_digest=document["address_digest"],
        refusals=document["refusals"],
        reason=document["reason"],
        at=document["at"],
    )
