"""Whatever comes in whatever order, drawn from a seed: kills, fail-points, replicas, duplicates, servers that end.

A schedule is named by its seed and by what it did: what is drawn depends on what is there too.
"""

import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import pytest

from deploy.stack.model import SERVICES
from tests.conftest import missing
from tests.crash.cluster import Replica
from tests.crash.site import CrashSite
from tests.crash.test_kills import PLACES, service_of
from tests.crash.test_redelivery import append
from tests.eventually import eventually

_SHORT, _LONG = 4, 12
pytestmark = pytest.mark.timeout(400)


@dataclass(slots=True)
class Schedule:
    """Its acts, each of which says what it did; all of them while commands go on."""

    site: CrashSite
    chance: random.Random
    second: Replica | None = None

    async def act(self) -> str:
        acts: Mapping[str, Callable[[], Awaitable[str]]] = {
            "kill": self._kill,
            "arm": self._arm,
            "stop": self._stop,
            "replica": self._replica,
            "duplicates": self._duplicates,
            "server": self._server,
        }
        return await acts[self.chance.choice(sorted(acts))]()

    async def _kill(self) -> str:
        service = self.chance.choice(SERVICES)
        await (await self.site.cluster.restart(service, by=signal.SIGKILL)).ready()
        return f"{service} killed"

    async def _arm(self) -> str:
        told = f"{self.chance.choice(PLACES)}:{self.chance.randint(1, 4)}"
        armed = await self.site.cluster.restart(service_of(told), told=told)
        if self.second is not None:
            await self._leave(self.second)  # or it might do all the work, and the armed one never arrive
        await armed.killed(within=60)
        await self.site.assert_offsets_behind_effects()
        await self.site.cluster.start(armed.service).ready()
        return f"killed at {told}"

    async def _stop(self) -> str:
        """For as long as it takes others to look at everything."""
        first = self.site.cluster.running[self.chance.choice(SERVICES)]
        first.send(signal.SIGSTOP)
        try:
            await eventually(lambda: first.is_stopped, message="it stands still")
            await self.site.look()
        finally:
            first.send(signal.SIGCONT)
        return f"{first.service} stood still"

    async def _replica(self) -> str:
        if self.second is not None:
            return await self._leave(self.second)
        self.second = self.site.cluster.join(self.chance.choice(SERVICES))
        await self.second.ready()
        return f"a second {self.second.service} joins"

    async def _leave(self, replica: Replica) -> str:
        by = self.chance.choice([signal.SIGTERM, signal.SIGKILL])
        await self.site.cluster.end(replica, by=by)
        self.second = None
        return f"the second {replica.service} ends by {by.name}"

    async def _duplicates(self) -> str:
        mentees = tuple(self.site.world.mentees)
        facts = (await self.site.look()).records["matching.events"]
        records = [fact for fact in facts if fact.key.endswith(mentees)]
        again = self.chance.sample(records, min(20, len(records)))
        await append(self.site, "matching.events", sorted(again, key=lambda one: (one.partition, one.offset)))
        return f"{len(again)} facts again"

    async def _server(self) -> str:
        names = ["kafka", *(f"mongod {n}" for n in range(len(SERVICES)))]
        name, by = self.chance.choice(names), self.chance.choice([signal.SIGTERM, signal.SIGKILL])
        await self.site.cluster.again(name, by=by)
        await self.site.servers_answer()
        return f"{name} ended by {by.name}"


@pytest.mark.parametrize(
    ("seed", "length"),
    [(1, _SHORT), *(pytest.param(seed, _LONG, marks=pytest.mark.full) for seed in (2, 3))],
)
async def test_whatever_comes_in_whatever_order_loses_and_doubles_nothing(
    crashes: CrashSite, seed: int, length: int
) -> None:
    if not crashes.is_native:
        missing("only native servers can be killed and begun again where they were: needs Java 17 and Maven")
    schedule = Schedule(crashes, random.Random(seed))
    async with crashes.under_way():
        done = [await schedule.act() for _ in range(length)]
    if schedule.second is not None:
        await crashes.cluster.end(schedule.second)

    async def all_else_holds() -> bool:
        return (await crashes.wrong()).keys() <= {"ordered"}

    await eventually(all_else_holds, within=60, message="all holds but what old facts at the end make of the order")
    for _ in crashes.world.mentees:  # so that no fact that was sent again is its key's last
        await crashes.world.turn()
    await crashes.assert_settles(f"drawn from seed {seed}: {', '.join(done)}")
