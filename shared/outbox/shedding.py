"""Whether the outbox is so far behind that writes are turned away: what is accepted then would be heard of too late.

Looked at now and then, never in a request. A fact has waited for as long as this process has seen it wait: when it was
made is said by the clock of whoever made it, which may be minutes wrong. Urgent rows count alone: an import waits for
its own rate, and turns nobody else away. While the store does not answer, the last look holds.
"""

from shared.clock import Clock
from shared.mongo import DESCENDING, Database

LOOKS_SECONDS = 1.0
_SAMPLES = 20


class Backlog:
    def __init__(self, database: Database, clock: Clock, *, shed_after_seconds: float) -> None:
        self._outbox = database["outbox"]
        self._clock = clock
        self._limit = shed_after_seconds
        self._seen: list[tuple[float, str]] = []
        """When a fact was the newest that waited, and its id; the longest ago first, those alone that wait still."""
        self.is_overdue = False

    async def look(self) -> None:
        waiting = {"status": "pending", "_id": {"$in": [id for _, id in self._seen]}}
        still = {row["_id"] async for row in self._outbox.find(waiting, {"_id": 1})} if self._seen else set()
        newest = await self._outbox.find_one(
            {"status": "pending", "bulk": False}, {"_id": 1}, sort=[("_id", DESCENDING)], hint="pending"
        )
        now = self._clock.monotonic()
        self._seen = [(at, id) for at, id in self._seen if id in still]
        if newest and (not self._seen or now - self._seen[-1][0] >= self._limit / _SAMPLES):
            self._seen.append((now, newest["_id"]))
        self.is_overdue = bool(self._seen) and now - self._seen[0][0] > self._limit
