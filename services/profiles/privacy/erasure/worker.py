"""Carries out due erasures, and gives the receipt of profiles."""

from services.profiles.privacy.erasure.usecases import ErasureRepository
from shared.clock import Clock
from shared.contracts.envelope import Trace

_AT_ONCE = 100


class ErasureWorker:
    """Each step is one idempotent transaction."""

    def __init__(self, erasures: ErasureRepository, clock: Clock) -> None:
        self._erasures = erasures
        self._clock = clock

    async def work(self) -> None:
        for erasure in await self._erasures.due(self._clock.now(), limit=_AT_ONCE):
            await self._erasures.carry_out(erasure, Trace(correlation_id=self._clock.new_id()))
        for erasure in await self._erasures.without_own_receipt(limit=_AT_ONCE):
            if await self._erasures.clear_outbox(erasure):
                await self._erasures.receive(erasure, "profiles")
