"""Parks records that could not be handled, with the reason, in order per key; the operator lists and retries them.

A key with a parked record is blocked: its later records are parked behind it, other keys continue. A record without a
key blocks no other. The dead-letter record on `<service>.dead-letters` is written in the same transaction and never
holds the value.
"""

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.consuming import inbox
from shared.contracts.dead_letters import NETWORK, RecordParked
from shared.contracts.envelope import Trace, Unreadable, read
from shared.mongo import (
    ASCENDING,
    Database,
    Document,
    IndexModel,
    Transaction,
    blocking,
    ensure_indexes,
    in_transaction,
)
from shared.outbox import table as outbox

_WAITING: Document = {"dropped_at": None}
_MAX_PORTION, _MAX_PORTION_BYTES = 200, 4_000_000


class Record(Protocol):
    """The part of aiokafka's `ConsumerRecord` that is used here; `Parked` has it too."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked record, which can be read like a record from Kafka."""

    id: str
    consumer: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    reason: str
    detail: str
    attempts: int
    retry_at: datetime | None
    parked_at: datetime


@dataclass(frozen=True, slots=True)
class ParkReason:
    """Why a record is parked. `fingerprint` is equal for equal failures; `detail` never quotes the record."""

    reason: str
    detail: str
    retry_at: datetime | None = None
    attempts: int = 1

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.reason}:{self.detail}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkRequest:
    """A record that is to be parked. `blocks`: later records of its key wait behind it."""

    record: Record
    cause: ParkReason
    id: str
    blocks: bool

    @property
    def position(self) -> tuple[str, int, int]:
        return self.record.topic, self.record.partition, self.record.offset


class Parking:
    def __init__(self, database: Database, *, dead_letter: type[RecordParked]) -> None:
        self._database = database
        self._parked = database["parked"]
        self._dead_letter = dead_letter

    async def prepare(self) -> None:
        position = [("consumer", ASCENDING), ("topic", ASCENDING), ("partition", ASCENDING), ("offset", ASCENDING)]
        by_key = IndexModel([("consumer", ASCENDING), ("key", ASCENDING), ("offset", ASCENDING)], name="by_key")
        kept = IndexModel([("dropped_at", ASCENDING)], name="kept", expireAfterSeconds=int(inbox.KEPT.total_seconds()))
        await ensure_indexes(self._parked, [IndexModel(position, name="place", unique=True), by_key, kept])

    def blocked(self, consumer: str, keys: Sequence[bytes]) -> set[bytes]:
        """Which of these keys have a parked record. Blocking: call it in a thread."""
        of_keys = {"consumer": consumer, "key": {"$in": list(set(keys))}}
        return {bytes(key) for key in blocking(self._database)["parked"].distinct("key", of_keys)}

    async def park(self, requests: Sequence[ParkRequest], *, consumer: str, now: datetime) -> None:
        """Parks any number of records. Parking a record again changes nothing: its position in the topic is unique."""
        for portion in _portions(requests):
            await self._park_new(portion, consumer, now)

    async def _park_new(self, requests: Sequence[ParkRequest], consumer: str, now: datetime) -> None:
        def body(transaction: Transaction) -> None:
            known = transaction["parked"].find(_at_positions(consumer, requests), session=transaction.session)
            taken = {(parked["topic"], parked["partition"], parked["offset"]) for parked in known}
            new = [request for request in requests if request.position not in taken]
            if not new:
                return
            documents = [_document(request, consumer, now) for request in new]
            transaction["parked"].insert_many(documents, session=transaction.session)
            outbox.write(transaction, [self._dead_letter_of(request, consumer=consumer, now=now) for request in new])

        await in_transaction(self._database, body)

    def _dead_letter_of(self, request: ParkRequest, *, consumer: str, now: datetime) -> outbox.OutboxEvent:
        record, cause = request.record, request.cause
        dead_letter = self._dead_letter(
            parked=request.id,
            consumer=consumer,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key_hash=hashlib.sha256(record.key or b"").hexdigest(),
            reason=cause.reason,
            fingerprint=cause.fingerprint,
            attempts=cause.attempts,
        )
        return outbox.OutboxEvent(
            id=f"{request.id}.letter",
            payload=dead_letter,
            institution=NETWORK,
            sequence=1,
            time=now,
            trace=Trace(correlation_id=request.id),
            bulk=True,
        )

    async def heads(self, consumer: str, *, now: datetime) -> list[bytes]:
        """Keys whose first parked record is due, or was behind a record that is gone."""
        rows = self._parked.aggregate(
            [
                {"$match": {"consumer": consumer, "key": {"$ne": None}}},
                {"$sort": {"key": 1, "offset": 1}},  # as the index has them: nothing is sorted in memory
                {"$group": {"_id": "$key", "retry_at": {"$first": "$retry_at"}, "reason": {"$first": "$reason"}}},
                {"$match": {"$or": [{"retry_at": {"$lte": now}}, {"reason": "behind_parked"}]}},
                {"$limit": 1000},
            ]
        )
        return [bytes(row["_id"]) async for row in rows]

    async def sequence(self, consumer: str, key: bytes) -> AsyncIterator[Parked]:
        """The parked records of a key, in order of offset."""
        async for document in self._parked.find({"consumer": consumer, "key": key}).sort("offset", ASCENDING):
            yield _parked(document)

    async def waiting(self, *, limit: int = 1000) -> list[Parked]:
        rows = self._parked.find(_WAITING).sort([("consumer", ASCENDING), ("key", ASCENDING), ("offset", ASCENDING)])
        return [_parked(document) async for document in rows.limit(limit)]

    async def find(self, id: str) -> Parked | None:
        document = await self._parked.find_one({"_id": id, **_WAITING})
        return None if document is None else _parked(document)

    async def beside(self, parked: Parked) -> tuple[Parked | None, int]:
        """The first parked record of its key before it, and the number of records parked behind it."""
        if parked.key is None:
            return None, 0
        of_key = {"consumer": parked.consumer, "key": parked.key}
        first = await self._parked.find_one(of_key | {"offset": {"$lt": parked.offset}}, sort=[("offset", ASCENDING)])
        behind = await self._parked.count_documents(of_key | {"offset": {"$gt": parked.offset}})
        return (None if first is None else _parked(first)), behind

    async def counts(self) -> Mapping[tuple[str, str], int]:
        """Waiting records by consumer and reason."""
        by_reason = {"_id": {"consumer": "$consumer", "reason": "$reason"}, "count": {"$sum": 1}}
        rows = self._parked.aggregate([{"$match": _WAITING}, {"$group": by_reason}])
        return {(row["_id"]["consumer"], row["_id"]["reason"]): row["count"] async for row in rows}

    def done(self, transaction: Transaction, id: str) -> bool:
        """Part of the transaction in which the record took effect; False where it was handled or dropped before."""
        gone = transaction["parked"].delete_one({"_id": id, **_WAITING}, session=transaction.session)
        return bool(gone.deleted_count)

    async def drop(self, parked: Parked, *, now: datetime) -> bool:
        """Discards a record without effect. Its position stays taken, so that it is not parked again when it is read
        again, and its event is marked as handled if it has an id.

        The records behind it are retried next. False where it was handled or dropped before.
        """
        event = _event_of(parked)
        emptied: Document = {"dropped_at": now, "key": None, "value": None, "headers": []}

        def body(transaction: Transaction) -> bool:
            waiting = {"_id": parked.id, **_WAITING}
            dropped = transaction["parked"].update_one(waiting, {"$set": emptied}, session=transaction.session)
            if not dropped.modified_count:
                return False
            if event is not None:
                inbox.mark_anyway(transaction, consumer=parked.consumer, event=event, now=now)
            return True

        return await in_transaction(self._database, body)

    async def failed_again(self, id: str, cause: ParkReason) -> None:
        change: dict[str, Any] = {
            "reason": cause.reason,
            "detail": cause.detail,
            "fingerprint": cause.fingerprint,
            "retry_at": cause.retry_at,
        }
        await self._parked.update_one({"_id": id}, {"$set": change, "$inc": {"attempts": 1}})

    async def retry(self, id: str, *, now: datetime) -> bool:
        """Makes a record due: the service retries it and the records behind it. False where there is no such record."""
        changed = await self._parked.update_one({"_id": id}, {"$set": {"retry_at": now}})
        return bool(changed.matched_count)


def _portions(requests: Sequence[ParkRequest]) -> Iterator[Sequence[ParkRequest]]:
    """Splits requests into portions that fit one transaction: ten thousand at once are usual after a mistake."""
    portion: list[ParkRequest] = []
    size = 0
    for request in requests:
        if portion and (len(portion) == _MAX_PORTION or size > _MAX_PORTION_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(request)
        size += len(request.record.value or b"")
    if portion:
        yield portion


def _at_positions(consumer: str, requests: Sequence[ParkRequest]) -> Document:
    offsets: dict[tuple[str, int], list[int]] = defaultdict(list)
    for request in requests:
        offsets[request.record.topic, request.record.partition].append(request.record.offset)
    positions = [
        {"topic": topic, "partition": partition, "offset": {"$in": of}} for (topic, partition), of in offsets.items()
    ]
    return {"consumer": consumer, "$or": positions}


def _document(request: ParkRequest, consumer: str, now: datetime) -> Document:
    record, cause = request.record, request.cause
    return {
        "_id": request.id,
        "consumer": consumer,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key if request.blocks else None,
        "value": record.value,
        "headers": [[name, value] for name, value in record.headers],
        "reason": cause.reason,
        "detail": cause.detail,
        "fingerprint": cause.fingerprint,
        "attempts": cause.attempts,
        "retry_at": cause.retry_at,
        "parked_at": now,
        "dropped_at": None,
    }


def _event_of(parked: Parked) -> str | None:
    try:
        received = read(key=parked.key, value=parked.value, headers=parked.headers)
    except Unreadable:
        received = None
    if received is not None:
        return received.envelope.id
    return next((value.decode(errors="replace") for name, value in parked.headers if name == "ce_id" and value), None)


def _parked(document: Document) -> Parked:
    return Parked(
        id=document["_id"],
        consumer=document["consumer"],
        topic=document["topic"],
        partition=document["partition"],
        offset=document["offset"],
        key=document["key"],
        value=document["value"],
        headers=[(name, value) for name, value in document["headers"]],
        reason=document["reason"],
        detail=document["detail"],
        attempts=document["attempts"],
        retry_at=document["retry_at"],
        parked_at=document["parked_at"],
    )
