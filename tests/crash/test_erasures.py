"""Services are killed while two members are erased: all but ids is forgotten, and each service gives one receipt.

Nothing else goes on at that time, so that each fail-point is reached by what the erasures cause.
"""

import asyncio
from itertools import groupby

import pytest

from tests.crash.departures import departures
from tests.crash.site import CrashSite

_WITHIN = 60
pytestmark = pytest.mark.timeout(240)

QUICK = (
    *("profiles.relay.after-publish:3", "profiles.consumer.after-commit:1"),
    *("matching.consumer.after-commit:1", "notifications.consumer.after-commit:1"),
)
"""Published in part; the first receipt stored; applied in matching; carried out in notifications."""
FAILPOINTS = [
    "profiles.api.after-commit:1",
    "profiles.erasures.after-commit:1",
    "profiles.erasures.after-commit:3",
    *(f"profiles.relay.{point}" for point in ("after-publish:1", "after-publish:7", "before-mark:1")),
    *(f"profiles.consumer.{point}" for point in ("after-commit:3", "before-offset-commit:1")),
    *(f"matching.consumer.{point}" for point in ("after-commit:2", "before-offset-commit:1")),
    *("matching.due.after-commit:1", "matching.erasures.after-commit:1"),
    *(f"matching.relay.{point}" for point in ("after-publish:1", "before-mark:1")),
    *(f"notifications.consumer.{point}" for point in ("after-effect:1", "after-commit:2", "before-offset-commit:1")),
    *(f"notifications.relay.{point}" for point in ("after-publish:1", "before-mark:1")),
]


def by_service(failpoints: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    return [(service, list(of)) for service, of in groupby(failpoints, lambda point: point.partition(".")[0])]


async def erased_under_kills(site: CrashSite, failpoints: tuple[str, ...]) -> None:
    """Each service dies at its fail-points in turn, and is started again."""

    async def dies_and_comes_back(service: str, further: list[str]) -> None:
        for failpoint in [*further, ""]:
            await site.cluster.running[service].killed(within=_WITHIN)
            await site.assert_offsets_behind_effects()
            await site.cluster.start(service, failpoint=failpoint).ready_or_killed()

    async with departures(site) as leaving:
        assert not await site.settles()
        services = by_service(failpoints)
        armed = [await site.cluster.restart(service, failpoint=first) for service, (first, *_) in services]
        await asyncio.gather(*(replica.ready() for replica in armed))
        await asyncio.gather(
            leaving.erase_themselves(),
            *(dies_and_comes_back(service, further) for service, (_, *further) in services),
        )
        await leaving.are_erased()
        await site.world.turn()
        await site.assert_settles(f"SIGKILL at {' + '.join(failpoints)} while two members erase themselves")
        assert await leaving.left() == []


async def test_no_data_of_erased_members_is_left_when_services_are_killed(crashes: CrashSite) -> None:
    await erased_under_kills(crashes, QUICK)


@pytest.mark.full
@pytest.mark.parametrize("failpoint", FAILPOINTS)
async def test_no_data_of_erased_members_is_left_by_a_kill_at_any_point(crashes: CrashSite, failpoint: str) -> None:
    await erased_under_kills(crashes, (failpoint,))
