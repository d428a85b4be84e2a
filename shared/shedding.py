"""Whether the outbox is so far behind that writes are turned away: what is accepted then would be heard of too late.

Looked at now and then, never in a request. Urgent rows count alone: an import waits for its own rate, and turns nobody
else away. While the store does not answer, the last look holds.
"""

from datetime import timedelta

from shared.clock import Clock
from shared.mongo import ASCENDING, Database

LOOKS_SECONDS = 1.0


class Backlog:
    def __init__(self, database: Database, clock: Clock, *, shed_after_seconds: float) -> None:
        self._outbox = database["outbox"]
        self._clock = clock
        self._limit = timedelta(seconds=shed_after_seconds)
        self.is_overdue = False

    async def look(self) -> None:
        oldest = await self._outbox.find_one(
            {"status": "pending", "bulk": False}, {"created": 1}, sort=[("_id", ASCENDING)], hint="pending"
        )
        self.is_overdue = oldest is not None and self._clock.now() - oldest["created"] > self._limit
