"""A service kills itself at every fail-point in turn, under way; started again, everything is as if it had not.

The quick run kills one of each service at once, the full one each alone and at several arrivals.
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
PLACES = [
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


def service_of(told: str) -> str:
    return told.partition(".")[0]


async def killed_under_way(site: CrashSite, told: tuple[str, ...]) -> None:
    """Each dies at its place, is looked at, and is started again while commands go on."""

    async def dies_and_comes_back(replica: Replica) -> None:
        await replica.killed(within=_WITHIN)
        await site.assert_offsets_behind_effects()
        await site.cluster.start(replica.service).ready()

    armed = [await site.cluster.restart(service_of(one), told=one) for one in told]
    await asyncio.gather(*(replica.ready_or_killed() for replica in armed))
    async with site.under_way():
        await asyncio.gather(*(dies_and_comes_back(replica) for replica in armed))


@pytest.mark.parametrize("told", QUICK, ids=" ".join)
async def test_nothing_is_lost_or_doubled_when_services_are_killed_together(
    crashes: CrashSite, told: tuple[str, ...]
) -> None:
    await killed_under_way(crashes, told)
    await crashes.assert_settles(f"SIGKILL at {' + '.join(told)}")


@pytest.mark.full
@pytest.mark.parametrize("told", [f"{place}:{n}" for place, n in product(PLACES, (1, 4))])
async def test_nothing_is_lost_or_doubled_by_a_kill_anywhere(crashes: CrashSite, told: str) -> None:
    await killed_under_way(crashes, (told,))
    await crashes.assert_settles(told)


@pytest.mark.full
@pytest.mark.parametrize("told", AT_TAKEOVER)
async def test_nothing_is_lost_or_doubled_when_the_one_who_takes_over_dies_too(crashes: CrashSite, told: str) -> None:
    async with crashes.under_way():
        armed = await crashes.cluster.restart(service_of(told), told=told, by=signal.SIGKILL)
        await armed.killed(within=_WITHIN)
        await crashes.cluster.start(service_of(told)).ready()
    await crashes.assert_settles(told)


@pytest.mark.full
@pytest.mark.parametrize("told", ["profiles.rosters.after-commit:1", "profiles.clockwork.after-commit:2"])
async def test_an_import_whose_worker_is_killed_takes_every_row_in_once(crashes: CrashSite, told: str) -> None:
    armed = await crashes.cluster.restart("profiles", told=told)
    await armed.ready()
    roster = await crashes.world.send_roster(rows=_THREE_CHUNKS)
    await armed.killed(within=_WITHIN)
    await crashes.cluster.start("profiles").ready()
    created = await eventually(lambda: crashes.world.created(roster), within=_WITHIN, message="the import is done")
    assert created == _THREE_CHUNKS
    await crashes.assert_settles(told)
