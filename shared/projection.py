"""Folding a compacted topic into a local copy: only what is newer is applied, so replays and reordering change nothing.

A tombstone leaves a marker without a body but with its sequence, so that an old record cannot bring anyone back.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from shared.contracts.envelope import Received
from shared.contracts.payload import Payload
from shared.mongo import BulkWriteError, Collection, Document, ReplaceOne, Session, duplicates_in


def newest(received: Iterable[Received]) -> list[Received]:
    """The last state of each key: the others of a batch would be overwritten at once."""
    last: dict[str, Received] = {}
    for one in received:
        known = last.get(one.envelope.key)
        if known is None or known.envelope.sequence <= one.envelope.sequence:
            last[one.envelope.key] = one
    return list(last.values())


async def fold(
    collection: Collection,
    received: Iterable[Received],
    body: Callable[[Any], Mapping[str, Any]] = Payload.model_dump,
    *,
    session: Session | None = None,
) -> None:
    """One document per aggregate: `{_id, institution, sequence, erased, …body}`."""
    writes = [_guarded(one, body) for one in newest(received)]
    if not writes:
        return
    try:
        await collection.bulk_write(writes, ordered=False, session=session)
    except BulkWriteError as failed:
        if not duplicates_in(failed):  # the guard missed and the upsert met the newer document: as it should be
            raise


def _guarded(one: Received, body: Callable[[Any], Mapping[str, Any]]) -> ReplaceOne[Document]:
    envelope = one.envelope
    document: Document = dict(body(one.payload)) if one.payload is not None else {}
    document |= {
        "institution": envelope.institution,
        "sequence": envelope.sequence,
        "erased": one.payload is None,
        "event": envelope.id,
        "correlation": envelope.trace.correlation_id,
    }
    return ReplaceOne({"_id": envelope.subject, "sequence": {"$lt": envelope.sequence}}, document, upsert=True)
