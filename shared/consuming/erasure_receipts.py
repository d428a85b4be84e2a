"""The receipt of a service for an erasure: published once, in the transaction that forgets the member."""

from datetime import datetime
from typing import Protocol

from shared.clock import derived_id
from shared.contracts.envelope import Received
from shared.contracts.payload import Payload
from shared.contracts.profiles import MemberErased
from shared.mongo import Database, Transaction, ensure_indexes
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent

ERASURES = "erasures"
"""Markers of published receipts, by erasure."""


class Receipt(Protocol):
    """A service's event that it has forgotten a member."""

    def __call__(self, *, erasure: str, member: str, institution: str) -> Payload: ...


async def prepare(database: Database) -> None:
    await ensure_indexes(database[ERASURES], [])


def publish_receipt(
    transaction: Transaction, received: Received, receipt: Receipt, *, service: str, now: datetime
) -> None:
    """Publishes the receipt of a `MemberErased`, unless a marker shows that it is published already."""
    erased, envelope = received.payload, received.envelope
    assert isinstance(erased, MemberErased)  # noqa: S101 -- the caller's filter
    marker = {"institution": erased.institution, "member": erased.member, "at": now}
    written = transaction[ERASURES].update_one(
        {"_id": erased.erasure}, {"$setOnInsert": marker}, upsert=True, session=transaction.session
    )
    if written.matched_count:
        return
    fact = OutboxEvent(
        id=derived_id(envelope.id, f"{service} forgot {erased.erasure}"),
        payload=receipt(erasure=erased.erasure, member=erased.member, institution=erased.institution),
        institution=erased.institution,
        sequence=1,
        time=now,
        trace=envelope.trace_for_effects(),
    )
    outbox.write(transaction, [fact])
