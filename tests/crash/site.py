"""The environment of a crash test: the cluster, a network on it, and the wait until all guarantees hold."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain

from aiokafka.errors import KafkaError

from deploy.guarantees import GUARANTEES, Row
from shared.clock import Clock
from shared.mongo import PyMongoError
from tests.crash import guarantees
from tests.crash.cluster import Cluster, Replica
from tests.crash.outside import Snapshot, look
from tests.crash.results import Results
from tests.crash.world import Databases, World
from tests.eventually import eventually

SETTLED_SECONDS = 60
"""Without any progress. A restored service publishes all of its state again, which takes longer the more there is."""


@dataclass(slots=True)
class CrashSite:
    cluster: Cluster
    world: World
    databases: Databases
    results: Results
    clock: Clock
    is_native: bool
    unsettled: str = ""
    """What an earlier crash left wrong."""

    async def look(self) -> Snapshot:
        return await look(self.cluster.stack.bootstrap, self.databases)

    async def assert_settles(self, crash: str, *, figures: Mapping[str, float] | None = None) -> None:
        """Waits until every guarantee holds, at most a minute after the last progress, and writes the row."""
        began = self.clock.monotonic()
        wrong = await self.settles()
        took = {**(figures or {}), "settled": round(self.clock.monotonic() - began, 1)}
        self.results.write(Row(crash=crash, holds={name: name not in wrong for name in GUARANTEES}, figures=took))
        assert not wrong, "\n".join(
            f"{name}: {sentence}" for name, sentences in wrong.items() for sentence in sentences
        )

    async def settles(self) -> dict[str, list[str]]:
        """Violations that remain when nothing has changed for a minute, by guarantee."""
        before: dict[str, list[str]] = {}
        changed_at = self.clock.monotonic()
        while wrong := await self.wrong():
            if wrong != before:
                before, changed_at = wrong, self.clock.monotonic()
            elif self.clock.monotonic() - changed_at > SETTLED_SECONDS:
                break
            await asyncio.sleep(0.3)
        self.unsettled = "; ".join(chain.from_iterable(wrong.values()))
        return wrong

    async def wrong(self) -> dict[str, list[str]]:
        seen = await self.look()
        found = guarantees.wrong(seen)
        for name, sentences in self.world.wrong(seen).items():
            found[name] = [*found.get(name, ()), *sentences]
        if left := self.cluster.left_behind():
            found["finished"] = [*found.get("finished", ()), *left]
        return found

    async def servers_answer(self) -> None:
        async def answers() -> bool:
            try:
                return bool(await self.look())
            except (KafkaError, PyMongoError, TimeoutError):
                return False

        await eventually(answers, within=60, message="Kafka and MongoDB answer again")

    async def holds_nothing(self, stopped: Replica) -> None:
        """Waits until all of its leases have expired and another replica holds them."""
        leases = self.databases[stopped.service]["leases"]

        async def holds_none() -> bool:
            return not await leases.count_documents({"holder": {"$regex": f"-{stopped.program.pid}-"}})

        await eventually(holds_none, within=30, message=f"the other replica of {stopped.service} has taken over")

    async def pending(self, service: str) -> int:
        return await self.databases[service]["outbox"].count_documents({"status": "pending"})

    async def assert_offsets_behind_effects(self) -> None:
        assert list(guarantees.offsets_behind_effects(await self.look())) == []

    @asynccontextmanager
    async def under_way(self, *, pause: float = 0.05) -> AsyncIterator[None]:
        """Sends commands sequentially until the block ends and the last command's outcome is known."""
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
