"""Matching as the owner of a lease: killed at a fail-point, or stopped there past its lease and woken."""

import signal

from tests.crash.cluster import Replica
from tests.crash.site import CrashSite
from tests.eventually import eventually

_WITHIN = 60


async def armed(site: CrashSite, told: str) -> Replica:
    replica = await site.cluster.restart("matching", told=told)
    await replica.ready()
    return replica


async def sleeper_and_second(site: CrashSite, told: str) -> tuple[Replica, Replica]:
    """One that will stop at a fail-point, and a second one that goes on."""
    sleeper = await armed(site, f"{told}:stop")
    second = site.cluster.join("matching")
    await second.ready()
    return sleeper, second


async def sleeps_past_its_lease(site: CrashSite, sleeper: Replica) -> None:
    await stands_still(sleeper)
    await site.holds_nothing(sleeper)


async def stands_still(replica: Replica) -> None:
    await eventually(lambda: replica.is_stopped, within=_WITHIN, message="it stops at its fail-point")


async def goes_on(site: CrashSite, sleeper: Replica, second: Replica, *leases: str) -> None:
    """Who slept wakes, and has done with what it held: alone, it comes to take these leases again."""
    sleeper.send(signal.SIGCONT)
    await site.cluster.end(second)
    mine = {"_id": {"$in": leases}, "holder": {"$regex": f"-{sleeper.program.pid}-"}}

    async def holds() -> bool:
        return await site.databases["matching"]["leases"].count_documents(mine) == len(leases)

    await eventually(holds, within=_WITHIN, message=f"who slept has {', '.join(leases)} again")
