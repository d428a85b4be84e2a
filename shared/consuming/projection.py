"""Projects a compacted topic into a collection: applies newer records only, so replays and reordering change nothing.

A tombstone leaves a marker without a body but with its sequence, so that an old record cannot restore an erased person.
An aggregate's institution never changes, and its sequence never jumps further than a reader could have missed: a record
that violates this is not applied, and the caller parks it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared import epochs, failpoints
from shared.contracts.envelope import Received
from shared.contracts.payload import Payload
from shared.contracts.profiles import MemberErased
from shared.mongo import BulkWriteError, Collection, Database, Document, ReplaceOne, Transaction, duplicates_in

ANOTHER_INSTITUTION, IMPLAUSIBLE_SEQUENCE = "another_institution", "implausible_sequence"
"""Reasons for which a record is parked as forged; a rule of deploy/alerts names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A projection that an operator can rebuild. `follow` repeats the effects of all its documents (idempotent) and
    returns their number.
    """

    collection: str
    payload: type[Payload]
    body: Callable[[Any], Mapping[str, Any]] = Payload.model_dump
    other_payloads: tuple[type[Payload], ...] = ()
    """Other event types of the same topic that carry the state of the same aggregates."""
    follow: Callable[[Database], Awaitable[int]] | None = None
    outlives_topic: bool = False
    """For a topic with a retention time: documents whose records have expired stay in a rebuilt projection."""


def newest(received: Iterable[Received]) -> list[Received]:
    """The last state of each key: earlier ones of the batch would be overwritten."""
    last: dict[str, Received] = {}
    for event in received:
        known = last.get(event.envelope.key)
        if known is None or known.envelope.sequence <= event.envelope.sequence:
            last[event.envelope.key] = event
    return list(last.values())


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is not applied, and why. `detail` quotes nothing of it."""

    received: Received
    reason: str
    detail: str


async def known_of(collection: Collection, received: Iterable[Received], *fields: str) -> dict[str, Document]:
    """The projected documents of these records by id, with the fields that `split_trusted` needs and `fields`."""
    ids = list({event.envelope.subject for event in received})
    wanted = dict.fromkeys(("institution", "sequence", *fields), 1)
    return {document["_id"]: document async for document in collection.find({"_id": {"$in": ids}}, wanted)}


def split_trusted(received: Iterable[Received], known: Mapping[str, Document]) -> tuple[list[Received], list[Refused]]:
    """Returns the records that may be applied, in order, and the refused ones."""
    trusted, refused = [], []
    for event in received:
        refusal = _refusal_of(event, known.get(event.envelope.subject))
        if refusal is None:
            trusted.append(event)
        else:
            refused.append(refusal)
    return trusted, refused


def _refusal_of(event: Received, known: Document | None) -> Refused | None:
    if known is not None and known["institution"] != event.envelope.institution:
        return Refused(event, ANOTHER_INSTITUTION, f"{event.envelope.type}: known under another institution's key")
    if not epochs.is_plausible(event.envelope.sequence, after=known["sequence"] if known else None):
        return Refused(event, IMPLAUSIBLE_SEQUENCE, f"{event.envelope.type}: ce_sequence jumps too far ahead")
    return None


async def fold(
    collection: Collection,
    received: Iterable[Received],
    body: Callable[[Any], Mapping[str, Any]] = Payload.model_dump,
) -> list[Refused]:
    """One document per aggregate: `{_id, institution, sequence, erased, …body}`. Returns the refused records."""
    trusted, refused = await _plausible(collection, list(received))
    last = newest(trusted)
    conflicting = [last[index] for index in await _missed(collection, [_guarded(event, body) for event in last])]
    failpoints.reach("after-effect")
    if not conflicting:
        return refused
    # Two owners of a partition may both insert a new key, the older record first: a record that is newer than the
    # existing document is written again.
    known = await known_of(collection, conflicting)
    applicable, refused_later = split_trusted(conflicting, known)
    newer = [
        event
        for event in applicable
        if known.get(event.envelope.subject, {"sequence": -1})["sequence"] < _sequence(event)
    ]
    await _missed(collection, [_guarded(event, body) for event in newer])
    return refused + refused_later


async def _plausible(collection: Collection, received: Sequence[Received]) -> tuple[Sequence[Received], list[Refused]]:
    """Refuses implausible sequences before `newest`, so that no forged state hides a true one. Rarely queries."""
    doubtful = [event for event in received if not epochs.is_plausible_after_any(_sequence(event))]
    if not doubtful:
        return received, []
    _, refused = split_trusted(doubtful, await known_of(collection, doubtful))
    refused_ids = {id(refusal.received) for refusal in refused}
    return [event for event in received if id(event) not in refused_ids], refused


async def _missed(collection: Collection, writes: Sequence[ReplaceOne[Document]]) -> list[int]:
    """Indexes of the writes whose guard did not match, so that their upsert met the existing document."""
    if not writes:
        return []
    try:
        await collection.bulk_write(writes, ordered=False)
    except BulkWriteError as failed:
        if not duplicates_in(failed):
            raise
        return [error["index"] for error in (failed.details or {})["writeErrors"]]
    return []


def fold_within(
    transaction: Transaction,
    collection: str,
    received: Sequence[Received],
    body: Callable[[Any], Mapping[str, Any]] = Payload.model_dump,
) -> tuple[list[Received], list[Refused]]:
    """Like `fold`, inside the caller's transaction, for states with further effects. Returns the applied and the
    refused records.
    """
    copies, ids = transaction[collection], list({event.envelope.subject for event in received})
    found = copies.find({"_id": {"$in": ids}}, {"institution": 1, "sequence": 1}, session=transaction.session)
    known: dict[str, Document] = {document["_id"]: document for document in found}
    trusted, refused = split_trusted(received, known)
    before = {id: document["sequence"] for id, document in known.items()}
    new = [event for event in newest(trusted) if before.get(event.envelope.subject, -1) < _sequence(event)]
    if new:
        copies.bulk_write([_guarded(event, body) for event in new], session=transaction.session)
    return new, refused


def _sequence(event: Received) -> int:
    return event.envelope.sequence


def erased_states(
    received: Iterable[Received], kind: type[Payload], sequence: Callable[[MemberErased], int]
) -> list[Received]:
    """A tombstone of `kind` for each erased member: the real one expires after a day, `MemberErased` stays."""
    return [
        Received(replace(event.envelope, type=kind.TYPE, sequence=sequence(event.payload)), None)
        for event in received
        if isinstance(event.payload, MemberErased)
    ]


def refused_of(received: Sequence[Received], states: Iterable[Refused]) -> list[Refused]:
    """The records whose derived states are refused."""
    why = {refusal.received.envelope.id: refusal for refusal in states}
    return [
        Refused(event, why[event.envelope.id].reason, why[event.envelope.id].detail)
        for event in received
        if event.envelope.id in why
    ]


def _guarded(event: Received, body: Callable[[Any], Mapping[str, Any]]) -> ReplaceOne[Document]:
    document = document_of(event, body)
    older = {"_id": document["_id"], "institution": document["institution"], "sequence": {"$lt": document["sequence"]}}
    return ReplaceOne(older, document, upsert=True)


def document_of(event: Received, body: Callable[[Any], Mapping[str, Any]] = Payload.model_dump) -> Document:
    envelope = event.envelope
    return {
        **(body(event.payload) if event.payload is not None else {}),
        "_id": envelope.subject,
        "institution": envelope.institution,
        "sequence": envelope.sequence,
        "erased": event.payload is None,
        "event": envelope.trace_for_effects().causation_id,
        "correlation": envelope.trace.correlation_id,
    }
