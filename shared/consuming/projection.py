"""Folding a compacted topic into a local copy: only what is newer is applied, so replays and reordering change nothing.

A tombstone leaves a marker without a body but with its sequence, so that an old record cannot bring anyone back.
An aggregate's institution never changes, and its sequence never jumps further than a reader could have missed: a record
that says otherwise is not applied, whatever else it holds, and the caller parks it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared import epochs, failpoints
from shared.contracts.envelope import Received
from shared.contracts.payload import Payload
from shared.contracts.profiles import MemberErased
from shared.mongo import BulkWriteError, Collection, Database, Document, ReplaceOne, Writing, duplicates_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One projection as an operator names it. Where something must follow from a state, `follow` has it follow from all
    that are there, once more where it did; it returns how many.
    """

    collection: str
    payload: type[Payload]
    body: Callable[[Any], Mapping[str, Any]] = Payload.model_dump
    further: tuple[type[Payload], ...] = ()
    """Other types of the same topic that say the state of the same aggregates."""
    follow: Callable[[Database], Awaitable[int]] | None = None
    outlives_topic: bool = False
    """Of a topic of facts, which keeps them for a time only: what it has forgotten stays in a rebuilt copy."""


def newest(received: Iterable[Received]) -> list[Received]:
    """The last state of each key: the others of a batch would be overwritten at once."""
    last: dict[str, Received] = {}
    for one in received:
        known = last.get(one.envelope.key)
        if known is None or known.envelope.sequence <= one.envelope.sequence:
            last[one.envelope.key] = one
    return list(last.values())


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is not applied, and why. `detail` quotes nothing of it."""

    received: Received
    reason: str
    detail: str


async def known_of(collection: Collection, received: Iterable[Received], *fields: str) -> dict[str, Document]:
    """The copies that these records are about, by id, with what `trust` needs and further fields."""
    ids = list({one.envelope.subject for one in received})
    wanted = dict.fromkeys(("institution", "sequence", *fields), 1)
    return {one["_id"]: one async for one in collection.find({"_id": {"$in": ids}}, wanted)}


def trust(received: Iterable[Received], known: Mapping[str, Document]) -> tuple[list[Received], list[Refused]]:
    """Those that may be applied, in order, and the others."""
    trusted, refused = [], []
    for one in received:
        why = _distrusted(one, known.get(one.envelope.subject))
        if why is None:
            trusted.append(one)
        else:
            refused.append(why)
    return trusted, refused


def _distrusted(one: Received, known: Document | None) -> Refused | None:
    if known is not None and known["institution"] != one.envelope.institution:
        return Refused(one, "another_institution", f"{one.envelope.type}: known under another institution's key")
    if not epochs.is_plausible(one.envelope.sequence, after=known["sequence"] if known else None):
        return Refused(one, "implausible_sequence", f"{one.envelope.type}: ce_sequence jumps too far ahead")
    return None


async def fold(
    collection: Collection,
    received: Iterable[Received],
    body: Callable[[Any], Mapping[str, Any]] = Payload.model_dump,
) -> list[Refused]:
    """One document per aggregate: `{_id, institution, sequence, erased, …body}`. Returns what is not to be trusted."""
    trusted, refused = await _plausible(collection, list(received))
    last = newest(trusted)
    met = [last[index] for index in await _missed(collection, [_guarded(one, body) for one in last])]
    failpoints.reach("after-effect")
    if not met:
        return refused
    # Two owners of a partition may both insert a key that is new here, the older one first: what is newer than the
    # document that it met is written once more.
    known = await known_of(collection, met)
    ours, moved = trust(met, known)
    newer = [one for one in ours if known.get(one.envelope.subject, {"sequence": -1})["sequence"] < _sequence(one)]
    await _missed(collection, [_guarded(one, body) for one in newer])
    return refused + moved


async def _plausible(collection: Collection, received: Sequence[Received]) -> tuple[Sequence[Received], list[Refused]]:
    """Before the newest of a key is chosen, so that no forged state hides a true one. Seldom looks anything up."""
    doubtful = [one for one in received if not epochs.is_plausible_after_any(_sequence(one))]
    if not doubtful:
        return received, []
    _, refused = trust(doubtful, await known_of(collection, doubtful))
    gone = {id(one.received) for one in refused}
    return [one for one in received if id(one) not in gone], refused


async def _missed(collection: Collection, writes: Sequence[ReplaceOne[Document]]) -> list[int]:
    """Which writes' guards missed, and whose upserts then met the document that made them miss."""
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
    writing: Writing, collection: str, received: Sequence[Received]
) -> tuple[list[Received], list[Refused]]:
    """The same as part of the caller's transaction, where something must follow from a state. Returns the new ones, and
    what is not to be trusted.
    """
    copies, ids = writing[collection], list({one.envelope.subject for one in received})
    found = copies.find({"_id": {"$in": ids}}, {"institution": 1, "sequence": 1}, session=writing.session)
    known: dict[str, Document] = {one["_id"]: one for one in found}
    trusted, refused = trust(received, known)
    before = {id: one["sequence"] for id, one in known.items()}
    new = [one for one in newest(trusted) if before.get(one.envelope.subject, -1) < _sequence(one)]
    if new:
        copies.bulk_write([_guarded(one, Payload.model_dump) for one in new], session=writing.session)
    return new, refused


def _sequence(one: Received) -> int:
    return one.envelope.sequence


def erased_states(
    received: Iterable[Received], kind: type[Payload], sequence: Callable[[MemberErased], int]
) -> list[Received]:
    """What the tombstone of `kind` said of each erased member; it left its topic after a day, `MemberErased` stays."""
    return [
        Received(replace(one.envelope, type=kind.TYPE, sequence=sequence(one.payload)), None)
        for one in received
        if isinstance(one.payload, MemberErased)
    ]


def refused_of(received: Sequence[Received], states: Iterable[Refused]) -> list[Refused]:
    """The records whose derived states are refused."""
    why = {one.received.envelope.id: one for one in states}
    return [
        Refused(one, why[one.envelope.id].reason, why[one.envelope.id].detail)
        for one in received
        if one.envelope.id in why
    ]


def _guarded(one: Received, body: Callable[[Any], Mapping[str, Any]]) -> ReplaceOne[Document]:
    document = document_of(one, body)
    older = {"_id": document["_id"], "institution": document["institution"], "sequence": {"$lt": document["sequence"]}}
    return ReplaceOne(older, document, upsert=True)


def document_of(one: Received, body: Callable[[Any], Mapping[str, Any]] = Payload.model_dump) -> Document:
    envelope = one.envelope
    return {
        **(body(one.payload) if one.payload is not None else {}),
        "_id": envelope.subject,
        "institution": envelope.institution,
        "sequence": envelope.sequence,
        "erased": one.payload is None,
        "event": envelope.caused().causation_id,
        "correlation": envelope.trace.correlation_id,
    }
