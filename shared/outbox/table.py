"""The outbox collection: facts are written in the transaction of their change, and published later by the relay.

`status: pending` decides what is published, never a high-water mark: commit order is not id order. Sent rows of private
topics are deleted, others are kept for seven days. A row that Kafka refuses is `held`, with the later rows of its key.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import failpoints
from shared.contracts.catalogue import PRIVATE
from shared.contracts.envelope import Envelope, Trace, headers_of
from shared.contracts.payload import Payload
from shared.errors import Rejected
from shared.mongo import ASCENDING, Collection, Database, Document, IndexModel, Transaction, ensure_indexes

_KEPT = timedelta(days=7)
_MAX_VALUE_BYTES = 1_000_000
"""Kafka's and aiokafka's own limit is a mebibyte for a record with its headers."""
_PENDING = {"partialFilterExpression": {"status": "pending"}}
INDEXES = [
    IndexModel([("status", ASCENDING), ("bulk", ASCENDING), ("_id", ASCENDING)], name="pending", **_PENDING),
    IndexModel(
        [("status", ASCENDING), ("bulk", ASCENDING), ("institution", ASCENDING), ("_id", ASCENDING)],
        name="pending_by_institution",
        **_PENDING,
    ),
    IndexModel([("status", ASCENDING), ("key", ASCENDING)], name="pending_by_key", **_PENDING),
    IndexModel(
        [("status", ASCENDING), ("key", ASCENDING), ("sequence", ASCENDING)],
        name="held_by_key",
        partialFilterExpression={"status": "held"},
    ),
    IndexModel([("sent_at", ASCENDING)], name="kept", expireAfterSeconds=int(_KEPT.total_seconds())),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """Replaces a payload: a record without a value, by which compaction removes the aggregate's published state."""

    of: type[Payload]
    aggregate: str

    @property
    def TYPE(self) -> str:  # noqa: N802 -- as a payload names it
        return self.of.TYPE

    @property
    def TOPIC(self) -> str:  # noqa: N802 -- as a payload names it
        return self.of.TOPIC


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEvent:
    """An event to publish. `sequence` counts the aggregate's changes on its topic; `bulk` rows yield to others."""

    id: str
    payload: Payload | Tombstone
    institution: str
    sequence: int
    time: datetime
    trace: Trace
    bulk: bool = False


async def prepare(database: Database) -> None:
    await ensure_indexes(database["outbox"], INDEXES)


def write(transaction: Transaction, facts: Iterable[OutboxEvent]) -> None:
    """Inserts facts in the caller's transaction; raises `Rejected` for a fact that is too large to publish."""
    if rows := _rows(facts):
        transaction["outbox"].insert_many(rows, session=transaction.session)


async def mark_sent(outbox: Collection, rows: Sequence[Document], *, now: datetime) -> None:
    failpoints.reach("before-mark")
    private = [row["_id"] for row in rows if row["topic"] in PRIVATE]
    public = [row["_id"] for row in rows if row["topic"] not in PRIVATE]
    if private:
        await outbox.delete_many({"_id": {"$in": private}})
    if public:
        await outbox.update_many({"_id": {"$in": public}}, {"$set": {"status": "sent", "sent_at": now}})


async def hold(outbox: Collection, keys: Iterable[str]) -> None:
    """Marks the pending rows of these keys as held, so that they do not delay other keys."""
    await outbox.update_many({"status": "pending", "key": {"$in": list(keys)}}, {"$set": {"status": "held"}})


async def held_keys(outbox: Collection) -> set[str]:
    return set(await outbox.distinct("key", {"status": "held"}))


async def held(outbox: Collection, key: str) -> list[Document]:
    """The held rows of a key, in order of sequence."""
    return await outbox.find({"status": "held", "key": key}).sort("sequence", ASCENDING).to_list(None)


def _rows(facts: Iterable[OutboxEvent]) -> list[Document]:
    """`rings` marks the rows that the change stream delivers: each urgent row, and the first of a transaction."""
    rows = [_row(fact) | {"rings": position == 0 or not fact.bulk} for position, fact in enumerate(facts)]
    for row in rows:
        if (size := len((row["value"] or "").encode())) > _MAX_VALUE_BYTES:
            raise Rejected(
                "event_too_large", f"{row['topic']}: {size} bytes, but at most {_MAX_VALUE_BYTES} can be published"
            )
    return rows


def _row(fact: OutboxEvent) -> Document:
    payload = fact.payload
    envelope = Envelope(
        id=fact.id,
        type=payload.TYPE,
        institution=fact.institution,
        subject=payload.aggregate,
        sequence=fact.sequence,
        time=fact.time,
        trace=fact.trace,
    )
    return {
        "_id": fact.id,
        "status": "pending",
        "bulk": fact.bulk,
        "topic": payload.TOPIC,
        "key": envelope.key,
        "institution": fact.institution,
        "sequence": fact.sequence,
        "headers": headers_of(envelope),
        "value": None if isinstance(payload, Tombstone) else payload.model_dump_json(),
        "created": fact.time,
    }
