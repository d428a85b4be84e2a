"""Recovers after a backup was restored: events handled since then are read again and notify under the same ids.

Each recipient's counter continues in a new epoch, so that a client of a stream misses no repeated notification.
"""

from dataclasses import dataclass
from datetime import datetime

from shared import epochs
from shared.contracts.envelope import Received
from shared.contracts.notifications import NotificationRecorded
from shared.mongo import Database, UpdateOne
from shared.outbox import table as outbox


@dataclass(slots=True)
class Report:
    epoch: int = 0
    recipients: int = 0
    published_already: int = 0
    """Facts that the backup had in its outbox and Kafka has in its topic."""


class Restoring:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._published: set[str] = set()
        self._counted: dict[str, int] = {}
        """By recipient, the highest position that was published."""
        self._epoch = 0

    async def prepare(self) -> None:
        self._counted = {counter["_id"]: counter["position"] async for counter in self._database["recipients"].find({})}
        self._epoch = max(map(epochs.epoch_of, self._counted.values()), default=0)

    def hear(self, received: Received) -> None:
        recorded = received.payload
        if not isinstance(recorded, NotificationRecorded):
            return
        if epochs.is_within_reach(recorded.position, epoch=self._epoch):
            self._published.add(received.envelope.id)
            counter = f"{recorded.institution}:{recorded.member}"
            self._counted[counter] = max(self._counted.get(counter, 0), recorded.position)

    async def look(self) -> Report:
        epoch = max(map(epochs.epoch_of, self._counted.values()), default=0) + 1
        waits = await self._database["outbox"].distinct("_id", {"status": {"$ne": "sent"}})
        return Report(
            epoch=epoch, recipients=len(self._counted), published_already=len(self._published.intersection(waits))
        )

    async def restore(self, *, now: datetime) -> Report:
        report = await self.look()
        known = {counter["_id"]: counter["position"] async for counter in self._database["recipients"].find({})}
        raised = [
            UpdateOne(
                {"_id": counter},
                {"$set": {"position": epochs.raised(known.get(counter, 0), report.epoch)}},
                upsert=True,
            )
            for counter in self._counted
        ]
        if raised:
            await self._database["recipients"].bulk_write(raised, ordered=False)
        waits = self._database["outbox"].find({"status": {"$ne": "sent"}}, {"topic": 1})
        sent = [row async for row in waits if row["_id"] in self._published]
        await outbox.mark_sent(self._database["outbox"], sent, now=now)
        return report
