"""Departure commands: written in the transaction of the member's new state, deleted once they are processed.

After a member becomes inactive, all their open requests and relationships are processed; after they leave a programme,
only their pending requests in it.
"""

from shared.contracts.envelope import Received
from shared.mongo import Database, Document, ReplaceOne

DEPARTURES = "departures"


def departure_write(received: Received) -> ReplaceOne[Document]:
    """One command for each member: a later departure replaces an earlier one."""
    envelope = received.envelope
    document = {
        "institution": envelope.institution,
        "parties": [envelope.subject],
        "sequence": envelope.sequence,
        "erased": received.payload is None,
        "event": envelope.id,
        "correlation": envelope.trace.correlation_id,
    }
    return ReplaceOne({"_id": envelope.subject}, document, upsert=True)


async def rewrite_departures(database: Database, participants: str, *, asked: str) -> int:
    """Writes the command again for every member who is inactive, erased or a party to a pending request. Where there is
    nothing to process, the command has no effect.
    """
    waiting = await database[asked].distinct("parties", {"state": "pending"})
    gone = {"$or": [{"erased": True}, {"status": {"$ne": "active"}}, {"_id": {"$in": waiting}}]}
    kept = dict.fromkeys(("institution", "sequence", "erased", "event", "correlation"), 1)
    commands = [
        ReplaceOne({"_id": document["_id"]}, {**document, "parties": [document["_id"]]}, upsert=True)
        async for document in database[participants].find(gone, kept)
    ]
    if commands:
        await database[DEPARTURES].bulk_write(commands, ordered=False)
    return len(commands)
