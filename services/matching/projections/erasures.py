"""Commands to forget an erased member, written with the projection's own change of state."""

from shared.contracts.envelope import Received
from shared.contracts.profiles import MemberErased
from shared.mongo import Document, UpdateOne

ERASURES = "erasures"
WAITS: Document = {"waits": True}


def erasure_write(received: Received) -> UpdateOne:
    """Nothing for one that is known: whoever has given a receipt gives no other."""
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
