"""What a crash test works with: the cluster, a network on it, and the wait until all is as it must be."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.clock import Clock
from tests.crash import guarantees
from tests.crash.cluster import Cluster
from tests.crash.outside import Snapshot, look
from tests.crash.results import Results, Row, held
from tests.crash.world import Databases, World

SETTLED_SECONDS = 60
ACKNOWLEDGED = ("an acknowledged change is kept", "lists follow from profiles")


@dataclass(frozen=True, slots=True)
class CrashSite:
    cluster: Cluster
    world: World
    databases: Databases
    results: Results
    clock: Clock
    is_native: bool

    async def look(self) -> Snapshot:
        return await look(self.cluster.stack.bootstrap, self.databases)

    async def assert_settles(self, crash: str, *, figures: Mapping[str, float] | None = None) -> None:
        """Every guarantee, within a minute: waits while one does not hold yet, and writes the row."""
        began = self.clock.monotonic()
        while wrong := await self._wrong():
            if self.clock.monotonic() - began > SETTLED_SECONDS:
                break
            await asyncio.sleep(0.3)
        took = {**(figures or {}), "until all was settled": round(self.clock.monotonic() - began, 1)}
        self.results.write(
            Row(crash=crash, holds=held((*guarantees.AT_REST, *ACKNOWLEDGED), wrong), figures=took)
        )
        assert not wrong, "\n".join(f"{name}: {sentence}" for name, told in wrong.items() for sentence in told)

    async def _wrong(self) -> dict[str, list[str]]:
        seen = await self.look()
        return guarantees.wrong(seen) | self.world.wrong(seen)

    async def assert_offsets_behind_effects(self) -> None:
        assert list(guarantees.offsets_behind_effects(await self.look())) == []

    @asynccontextmanager
    async def under_way(self, *, pause: float = 0.05) -> AsyncIterator[None]:
        """Commands, one after another, until the block ends and the last one's outcome is known."""
        ends = asyncio.Event()

        async def drive() -> None:
            while not ends.is_set():
                await self.world.turn()
                await asyncio.sleep(pause)

        driving = asyncio.create_task(drive())
        try:
            yield
        finally:
            ends.set()
            await driving
