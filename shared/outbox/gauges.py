"""Measures the outbox in every process, so that unpublished facts show even where no relay runs."""

from shared.clock import Clock
from shared.mongo import ASCENDING, Database
from shared.telemetry import Metrics

MEASURED_EVERY_SECONDS = 2.0


class OutboxGauges:
    def __init__(self, database: Database, clock: Clock, metrics: Metrics) -> None:
        self._outbox = database["outbox"]
        self._clock = clock
        self._metrics = metrics

    async def measure(self) -> None:
        age, held = await self.waiting()
        self._metrics.pending_age.set(age)
        self._metrics.held.set(held)

    async def waiting(self) -> tuple[float, int]:
        """The age in seconds of the oldest urgent pending row, or without urgent rows of the oldest bulk row; and the
        number of rows that are held.
        """
        oldest = await self._outbox.find_one(
            {"status": "pending"}, {"created": 1}, sort=[("bulk", ASCENDING), ("_id", ASCENDING)]
        )
        age = (self._clock.now() - oldest["created"]).total_seconds() if oldest else 0.0
        return max(0.0, age), await self._outbox.count_documents({"status": "held"})
