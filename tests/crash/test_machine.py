"""A Hypothesis state machine: whatever comes in whatever order, while commands go on, loses and doubles nothing.

It draws kills, fail-points, second replicas with right and wrong clocks, stops past the lease, duplicates, servers that
end and full disks. A schedule is named by what it did. The machine runs in a thread, what it does in the tests' loop.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from deploy.stack.model import SERVICES
from tests.conftest import missing
from tests.crash.cluster import Replica
from tests.crash.site import CrashSite
from tests.crash.test_kills import POINTS, service_of
from tests.crash.test_redelivery import append
from tests.crash.test_servers import disk_is_full_for_a_while
from tests.eventually import eventually

_SERVERS = ("kafka", *(f"mongod {n}" for n in range(len(SERVICES))))
_FIVE_MINUTES = 300
_SUBSCRIBERS = ("matching", "notifications")
"""Commands are sent to the first replica of profiles, so that one is never left stopped."""
T = TypeVar("T")

services = st.sampled_from(SERVICES)
ends = st.sampled_from([signal.SIGTERM, signal.SIGKILL])


def in_the_loop(act: Callable[..., Coroutine[Any, Any, str]]) -> Callable[..., None]:
    """What it says it did is remembered; where it fails, the schedule ends there."""

    def wait(self: "Crashes", **drawn: Any) -> None:
        self.is_whole = False
        self.done.append(self.wait(act(self, **drawn)))
        self.is_whole = True

    wait.__name__ = act.__name__
    return wait


class Crashes(RuleBasedStateMachine):
    def __init__(self, site: CrashSite, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.site = site
        self.loop = loop
        self.second: Replica | None = None
        self.done: list[str] = []
        self.is_whole = True
        self.commands: AbstractAsyncContextManager[None] = site.under_way()
        self.wait(self.commands.__aenter__())

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def teardown(self) -> None:
        self.wait(self._settles())

    @rule(service=services)
    @in_the_loop
    async def kill(self, service: str) -> str:
        await (await self.site.cluster.restart(service, by=signal.SIGKILL)).ready()
        return f"{service} killed"

    @rule(point=st.sampled_from(POINTS), arrival=st.integers(1, 4))
    @in_the_loop
    async def arm(self, point: str, arrival: int) -> str:
        failpoint = f"{point}:{arrival}"
        armed = await self.site.cluster.restart(service_of(failpoint), failpoint=failpoint)
        if self.second is not None:
            await self._ends(self.second)  # or it might do all the work, and the armed one never arrive
        await armed.killed(within=60)
        await self.site.assert_offsets_behind_effects()
        await self.site.cluster.start(armed.service).ready()
        return f"killed at {failpoint}"

    @precondition(lambda self: self.second is None)
    @rule(service=services, skewed=st.sampled_from([0, _FIVE_MINUTES, -_FIVE_MINUTES]))
    @in_the_loop
    async def join(self, service: str, skewed: int) -> str:
        self.second = self.site.cluster.join(service, skewed=skewed)
        await self.second.ready()
        return f"a second {service} joins" + (f", its clock {skewed:+} s" if skewed else "")

    @precondition(lambda self: self.second is not None)
    @rule(by=ends)
    @in_the_loop
    async def leave(self, by: signal.Signals) -> str:
        assert self.second is not None
        return await self._ends(self.second, by=by)

    @precondition(lambda self: self.second is not None and self.second.service in _SUBSCRIBERS)
    @rule()
    @in_the_loop
    async def stop_past_the_lease(self) -> str:
        assert self.second is not None
        first = self.site.cluster.running[self.second.service]
        await self._stop_for(first, self.site.holds_nothing(first))
        return f"{first.service} stood still until the second had taken over"

    @rule(service=services)
    @in_the_loop
    async def stop_for_a_moment(self, service: str) -> str:
        """For as long as it takes others to look at everything."""
        await self._stop_for(self.site.cluster.running[service], self.site.look())
        return f"{service} stood still"

    @rule(count=st.integers(1, 20), chance=st.randoms(use_true_random=False))
    @in_the_loop
    async def duplicate(self, count: int, chance: random.Random) -> str:
        mentees = tuple(self.site.world.mentees)
        facts = (await self.site.look()).records["matching.events"]
        records = [fact for fact in facts if fact.key.endswith(mentees)]
        again = chance.sample(records, min(count, len(records)))
        await append(self.site, "matching.events", sorted(again, key=lambda fact: (fact.partition, fact.offset)))
        return f"{len(again)} facts again"

    @rule(server=st.sampled_from(_SERVERS), by=ends)
    @in_the_loop
    async def end_a_server(self, server: str, by: signal.Signals) -> str:
        await self.site.cluster.again(server, by=by)
        await self.site.servers_answer()
        return f"{server} ended by {by.name}"

    @rule(service=services)
    @in_the_loop
    async def fill_a_disk(self, service: str) -> str:
        await disk_is_full_for_a_while(self.site, service)
        return f"the disk of {service} was full"

    async def _ends(self, replica: Replica, *, by: signal.Signals = signal.SIGTERM) -> str:
        await self.site.cluster.end(replica, by=by)
        self.second = None
        return f"the second {replica.service} ends by {by.name}"

    async def _stop_for(self, replica: Replica, until: Awaitable[object]) -> None:
        replica.send(signal.SIGSTOP)
        try:
            await eventually(lambda: replica.is_stopped, message="it stands still")
            await until
        finally:
            replica.send(signal.SIGCONT)

    async def _settles(self) -> None:
        await self.commands.__aexit__(None, None, None)
        if not self.is_whole:
            return
        if self.second is not None:
            await self._ends(self.second)

        async def all_else_holds() -> bool:
            return (await self.site.wrong()).keys() <= {"ordered"}

        await eventually(all_else_holds, within=60, message="all holds but what old facts at the end make of the order")
        for _ in self.site.world.mentees:  # so that no fact that was sent again is its key's last
            await self.site.world.turn()
        await self.site.assert_settles(f"drawn: {', '.join(self.done) or 'nothing'}")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("schedules", "acts"), [(2, 4), pytest.param(6, 12, marks=pytest.mark.full)], ids=["short", "long"]
)
async def test_no_order_of_commands_loses_or_doubles_an_event(crashes: CrashSite, schedules: int, acts: int) -> None:
    if not crashes.is_native:
        missing("only native servers can be killed and restarted where they were: needs Java 17 and Maven")
    loop = asyncio.get_running_loop()
    drawn = settings(
        max_examples=schedules,
        stateful_step_count=acts,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # a schedule takes minutes: none is made smaller
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, lambda: Crashes(crashes, loop), settings=drawn)
