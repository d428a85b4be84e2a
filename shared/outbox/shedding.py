"""Sheds load: decides whether the outbox is so far behind that writes are refused.

Measured periodically, never in a request. A fact's waiting time counts from when this process first saw it pending,
because `created` comes from another process's clock, which may be minutes wrong. Only urgent rows count: bulk rows are
rate limited, and an import must not cause refusals. While MongoDB does not answer, the last measurement holds.
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
        """Samples of the newest pending row: time seen and id, the oldest first; only rows that are still pending."""
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
