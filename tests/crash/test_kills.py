"""Kills a service at each fail-point while commands run: after its restart every guarantee holds.

The quick run kills several services at once, the full run each service alone and at several arrivals.
"""

import asyncio
import signal
from itertools import product

import pytest

from tests.crash.cluster import Replica
from tests.crash.site import CrashSite
from tests.eventually import eventually

_WITHIN = 60
_THREE_CHUNKS = 600
pytestmark = pytest.mark.timeout(240)

QUICK = [
    ("profiles.relay.after-publish:2", "matching.consumer.after-effect:3", "notifications.consumer.after-commit:2"),
    ("profiles.relay.before-mark:2", "matching.lists.after-commit:2", "notifications.consumer.after-effect:4"),
    ("profiles.api.after-commit:3", "matching.relay.before-mark:2", "notifications.relay.after-publish:3"),
    (
        "matching.consumer.before-offset-commit:3",
        "notifications.consumer.before-offset-commit:3",
    ),
    ("matching.relay.after-publish:3", "notifications.relay.before-mark:2"),
]
POINTS = [
    "profiles.api.after-commit",
    *(
        f"{service}.relay.{point}"
        for service, point in product(("profiles", "matching", "notifications"), ("after-publish", "before-mark"))
    ),
    *(
        f"{service}.consumer.{point}"
        for service, point in product(("matching", "notifications"), ("after-effect", "before-offset-commit"))
    ),
    "matching.lists.before-save",
    "matching.lists.after-commit",
    "notifications.consumer.after-commit",
]
AT_TAKEOVER = [
    "profiles.relay.lease-expired:1",
    "matching.relay.lease-expired:1",
    "notifications.relay.lease-expired:1",
    "matching.lists.lease-expired:1",
    "matching.lists.lease-expired:9",
]


def service_of(failpoint: str) -> str:
    return failpoint.partition(".")[0]


async def killed_under_way(site: CrashSite, failpoints: tuple[str, ...]) -> None:
    """Each service dies at its fail-point and is started again while commands go on."""

    async def dies_and_comes_back(replica: Replica) -> None:
        await replica.killed(within=_WITHIN)
        await site.assert_offsets_behind_effects()
        await site.cluster.start(replica.service).ready()

    armed = [await site.cluster.restart(service_of(failpoint), failpoint=failpoint) for failpoint in failpoints]
    await asyncio.gather(*(replica.ready_or_killed() for replica in armed))
    async with site.under_way():
        await asyncio.gather(*(dies_and_comes_back(replica) for replica in armed))


@pytest.mark.parametrize("failpoints", QUICK, ids=" ".join)
async def test_nothing_is_lost_or_doubled_when_services_are_killed_together(
    crashes: CrashSite, failpoints: tuple[str, ...]
) -> None:
    await killed_under_way(crashes, failpoints)
    await crashes.assert_settles(f"SIGKILL at {' + '.join(failpoints)}")


@pytest.mark.full
@pytest.mark.parametrize("failpoint", [f"{point}:{n}" for point, n in product(POINTS, (1, 4))])
async def test_nothing_is_lost_or_doubled_by_a_kill_at_any_point(crashes: CrashSite, failpoint: str) -> None:
    await killed_under_way(crashes, (failpoint,))
    await crashes.assert_settles(failpoint)


@pytest.mark.full
@pytest.mark.parametrize("failpoint", AT_TAKEOVER)
async def test_nothing_is_lost_or_doubled_when_the_next_owner_dies_too(crashes: CrashSite, failpoint: str) -> None:
    async with crashes.under_way():
        armed = await crashes.cluster.restart(service_of(failpoint), failpoint=failpoint, by=signal.SIGKILL)
        await armed.killed(within=_WITHIN)
        await crashes.cluster.start(service_of(failpoint)).ready()
    await crashes.assert_settles(failpoint)


@pytest.mark.full
@pytest.mark.parametrize("failpoint", ["profiles.rosters.after-commit:1", "profiles.rosters.after-commit:2"])
async def test_an_import_whose_worker_is_killed_takes_every_row_in_once(crashes: CrashSite, failpoint: str) -> None:
    armed = await crashes.cluster.restart("profiles", failpoint=failpoint)
    await armed.ready()
    roster = await crashes.world.send_roster(rows=_THREE_CHUNKS)
    await armed.killed(within=_WITHIN)
    await crashes.cluster.start("profiles").ready()
    created = await eventually(lambda: crashes.world.created(roster), within=_WITHIN, message="the import is done")
    assert created == _THREE_CHUNKS
    await crashes.assert_settles(failpoint)
