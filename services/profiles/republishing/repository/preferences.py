"""Publishes every member's preferences again, under the next sequence: for fields added after the last record."""

from services.profiles.kernel.repository import next_sequences, to_outbox_events, to_versioned
from services.profiles.members.domain.members import facts
from services.profiles.members.repository.members import MAPPING
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.profiles import PreferencesChanged
from shared.mongo import ASCENDING, Database, Document, Transaction, UpdateOne, in_transaction
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent

_AT_ONCE = 200


async def republish_preferences(database: Database, clock: Clock) -> int:
    """While the service runs. Returns how many; each run publishes all of them."""
    published, last = 0, ""
    while members := await _next(database, clock, after=last):
        published, last = published + len(members), members[-1]
    return published


async def _next(database: Database, clock: Clock, *, after: str) -> list[str]:
    def body(transaction: Transaction) -> list[str]:
        stored = transaction[MAPPING.collection]
        members = list(
            stored.find({"_id": {"$gt": after}}, session=transaction.session).sort("_id", ASCENDING).limit(_AT_ONCE)
        )
        if members:
            # Raises the version too, so that a change based on an earlier read is not saved with the old sequence.
            rises = {"$inc": {"version": 1, "sequences.preferences": 1}}
            writes = [
                UpdateOne({"_id": member["_id"], "institution": member["institution"]}, rises) for member in members
            ]
            stored.bulk_write(writes, session=transaction.session)
            outbox.write(transaction, [_fact(member, clock) for member in members])
        return [member["_id"] for member in members]

    return await in_transaction(database, body)


def _fact(document: Document, clock: Clock) -> OutboxEvent:
    payloads = [
        payload for payload in facts(to_versioned(document, MAPPING).state) if isinstance(payload, PreferencesChanged)
    ]
    [fact] = to_outbox_events(
        payloads,
        next_sequences(document["sequences"], payloads),
        institution=document["institution"],
        clock=clock,
        trace=Trace(correlation_id=clock.new_id()),
        bulk=True,
    )
    return fact
