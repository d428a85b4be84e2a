"""Folding a compacted topic into a local copy: only what is newer is applied, so replays and reordering change nothing.

A tombstone leaves a marker without a body but with its sequence, so that an old record cannot bring anyone back.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared import failpoints
from shared.contracts.envelope import Received
from shared.contracts.payload import Payload
from shared.mongo import BulkWriteError, Collection, Database, Document, ReplaceOne, Writing, duplicates_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One projection as an operator names it. Where something must follow from a state, `follow` has it follow from all
    that are there, once more where it did; it returns how many.
    """

    collection: str
    payload: type[Payload]
    body: Callable[[Any], Mapping[str, Any]] = Payload.model_dump
    follow: Callable[[Database], Awaitable[int]] | None = None


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
) -> None:
    """One document per aggregate: `{_id, institution, sequence, erased, …body}`."""
    writes = [_guarded(one, body) for one in newest(received)]
    again = await _refused(collection, writes)
    failpoints.reach("after-effect")
    # Two owners of a partition may both insert a key that is new here, the older one first: only what is refused twice
    # has met a newer document.
    await _refused(collection, again)


async def _refused(collection: Collection, writes: Sequence[ReplaceOne[Document]]) -> list[ReplaceOne[Document]]:
    """The writes whose guard missed and whose upsert then met the document that made it miss."""
    if not writes:
        return []
    try:
        await collection.bulk_write(writes, ordered=False)
    except BulkWriteError as failed:
        if not duplicates_in(failed):
            raise
        return [writes[error["index"]] for error in (failed.details or {})["writeErrors"]]
    return []


def fold_within(writing: Writing, collection: str, received: Iterable[Received]) -> list[Received]:
    """The same as part of the caller's transaction, where something must follow from a state. Returns the new ones."""
    last, copies = newest(received), writing[collection]
    ids = [one.envelope.subject for one in last]
    found = copies.find({"_id": {"$in": ids}}, {"sequence": 1}, session=writing.session)
    known = {one["_id"]: one["sequence"] for one in found}
    new = [one for one in last if known.get(one.envelope.subject, -1) < one.envelope.sequence]
    if new:
        copies.bulk_write([_guarded(one, Payload.model_dump) for one in new], session=writing.session)
    return new


def _guarded(one: Received, body: Callable[[Any], Mapping[str, Any]]) -> ReplaceOne[Document]:
    document = document_of(one, body)
    return ReplaceOne({"_id": document["_id"], "sequence": {"$lt": document["sequence"]}}, document, upsert=True)


def document_of(one: Received, body: Callable[[Any], Mapping[str, Any]] = Payload.model_dump) -> Document:
    envelope = one.envelope
    return {
        **(body(one.payload) if one.payload is not None else {}),
        "_id": envelope.subject,
        "institution": envelope.institution,
        "sequence": envelope.sequence,
        "erased": one.payload is None,
        "event": envelope.id,
        "correlation": envelope.trace.correlation_id,
    }
