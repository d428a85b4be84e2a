"""Matching as the holder of a lease: killed at a fail-point, or stopped there past its lease and resumed."""

import signal

from tests.crash.cluster import Replica
from tests.crash.site import CrashSite
from tests.eventually import eventually

_WITHIN = 60


async def armed(site: CrashSite, failpoint: str) -> Replica:
    replica = await site.cluster.restart("matching", failpoint=failpoint)
    await replica.ready()
    return replica


async def sleeper_and_second(site: CrashSite, failpoint: str) -> tuple[Replica, Replica]:
    """A replica that will stop at a fail-point, and a second replica without one."""
    sleeper = await armed(site, f"{failpoint}:stop")
    second = site.cluster.join("matching")
    await second.ready()
    return sleeper, second


async def sleeps_past_its_lease(site: CrashSite, sleeper: Replica) -> None:
    await is_stopped(sleeper)
    await site.holds_nothing(sleeper)


async def is_stopped(replica: Replica) -> None:
    await eventually(lambda: replica.is_stopped, within=_WITHIN, message="it stops at its fail-point")


async def goes_on(site: CrashSite, sleeper: Replica, second: Replica, *leases: str) -> None:
    """Resumes the stopped replica and ends the second; waits until the first holds these leases again."""
    sleeper.send(signal.SIGCONT)
    await site.cluster.end(second)
    mine = {"_id": {"$in": leases}, "holder": {"$regex": f"-{sleeper.program.pid}-"}}

    async def holds() -> bool:
        return await site.databases["matching"]["leases"].count_documents(mine) == len(leases)

    await eventually(holds, within=_WITHIN, message=f"who slept has {', '.join(leases)} again")
