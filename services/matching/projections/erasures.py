"""Erasure commands: to delete the data of an erased member, written in the transaction that erases the projections."""

from shared.contracts.envelope import Received
from shared.contracts.profiles import MemberErased
from shared.mongo import Document, UpdateOne

ERASURES = "erasures"
WAITS: Document = {"waits": True}


def erasure_write(received: Received) -> UpdateOne:
    """Has no effect on an erasure that is already stored, so that its receipt is published once."""
    erased = received.payload
    assert isinstance(erased, MemberErased)  # noqa: S101 -- the caller's filter
    command = {
        "institution": erased.institution,
        "member": erased.member,
        "event": received.envelope.id,
        "correlation": received.envelope.trace.correlation_id,
        **WAITS,
    }
    return UpdateOne({"_id": erased.erasure}, {"$setOnInsert": command}, upsert=True)
