"""Commands to work off what somebody left behind: written with the state that says so, gone with the work.

Whoever became inactive leaves all of it; whoever is enrolled in a programme no more, what they were asked there.
"""

from shared.contracts.envelope import Received
from shared.mongo import Database, Document, ReplaceOne

DEPARTURES = "departures"


def departure_write(received: Received) -> ReplaceOne[Document]:
    """One for each person: a later departure takes the place of an earlier one."""
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
    """The command again for all who are inactive or erased, or ask or are asked: where nothing is left behind, it
    changes nothing.
    """
    waiting = await database[asked].distinct("parties", {"state": "pending"})
    gone = {"$or": [{"erased": True}, {"status": {"$ne": "active"}}, {"_id": {"$in": waiting}}]}
    kept = dict.fromkeys(("institution", "sequence", "erased", "event", "correlation"), 1)
    commands = [
        ReplaceOne({"_id": one["_id"]}, {**one, "parties": [one["_id"]]}, upsert=True)
        async for one in database[participants].find(gone, kept)
    ]
    if commands:
        await database[DEPARTURES].bulk_write(commands, ordered=False)
    return len(commands)
