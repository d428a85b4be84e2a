"""What notifications restores after a backup: events handled since then are read again, and notify under the same ids.

Each recipient's counter continues in a new epoch, so that a client of a stream misses no repeated notification.
"""

from collections.abc import Mapping, Sequence

from shared.contracts.envelope import Received
from shared.contracts.notifications import NotificationRecorded
from shared.mongo import Database, UpdateOne
from shared.restoring import Ahead, Counter, Outcome, raise_counters

_RECIPIENTS = "recipients"


class NotificationsRestored:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def counters(self) -> Mapping[Counter, int]:
        found = self._database[_RECIPIENTS].find({})
        return {(_RECIPIENTS, document["_id"]): document["position"] async for document in found}

    def raised_by(self, received: Received) -> tuple[Counter, int] | None:
        recorded = received.payload
        if not isinstance(recorded, NotificationRecorded):
            return None
        return (_RECIPIENTS, f"{recorded.institution}:{recorded.member}"), recorded.position

    def outcomes(self, ahead: Ahead) -> Sequence[Outcome]:  # noqa: ARG002 -- recipients are counted, not named
        return ()

    async def restore(self, ahead: Ahead, *, epoch: int) -> Sequence[Outcome]:
        new = {"$setOnInsert": {"position": 0}}
        if ahead:
            writes = [UpdateOne({"_id": recipient}, new, upsert=True) for _, recipient in ahead]
            await self._database[_RECIPIENTS].bulk_write(writes, ordered=False)
        await raise_counters(self._database, _RECIPIENTS, "position", epoch=epoch)
        return ()
