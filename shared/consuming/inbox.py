"""The inbox collection: applies each event once per consumer, by a mark written in the transaction of the effect.

A mark is `consumer:event id`. Marks outlive the topics' 30 days, so no record can be read again unmarked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.mongo import ASCENDING, BulkWriteError, Database, IndexModel, Transaction, duplicates_in, ensure_indexes

KEPT = timedelta(days=35)
"""Longer than a topic delivers a record again."""


class AlreadyHandled(Exception):
    """Another transaction has committed this mark; the current one must abort."""


async def prepare(database: Database) -> None:
    kept = IndexModel([("at", ASCENDING)], name="kept", expireAfterSeconds=int(KEPT.total_seconds()))
    await ensure_indexes(database["inbox"], [kept])


def mark(transaction: Transaction, *, consumer: str, events: Sequence[str], now: datetime) -> None:
    """Raises `AlreadyHandled`, which aborts the transaction, where one of the events is marked."""
    marks = [{"_id": f"{consumer}:{event}", "at": now} for event in events]
    try:
        transaction["inbox"].insert_many(marks, session=transaction.session)
    except BulkWriteError as failed:
        if duplicates_in(failed):
            raise AlreadyHandled from None
        raise


def mark_anyway(transaction: Transaction, *, consumer: str, event: str, now: datetime) -> None:
    """Marks an event that must have no effect; an existing mark stays."""
    mark = {"_id": f"{consumer}:{event}"}
    transaction["inbox"].update_one(mark, {"$setOnInsert": {"at": now}}, upsert=True, session=transaction.session)


async def handled(database: Database, *, consumer: str, events: Sequence[str]) -> set[str]:
    """The events that are marked already. An optimization for batches: only the mark in the transaction guarantees."""
    marks = database["inbox"].find({"_id": {"$in": [f"{consumer}:{event}" for event in events]}})
    return {mark["_id"].split(":", 1)[1] async for mark in marks}
