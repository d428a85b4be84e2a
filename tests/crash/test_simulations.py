"""Matching dies, or stands still past its lease, while a programme's other rules are simulated; and matching and
profiles die while a coordinator applies them. They are applied once, and the lists follow.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.api_client import Json
from tests.crash.cohort import Cohort, cohort
from tests.crash.owners import armed, goes_on, sleeper_and_second, sleeps_past_its_lease
from tests.crash.site import CrashSite
from tests.eventually import eventually

_WITHIN = 60
_OTHER: Json = {"weights": {"topics": 10}, "limits": {"list_length": 1}}
pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]


@pytest.fixture
async def people(crashes: CrashSite) -> AsyncIterator[Cohort]:
    async with cohort(crashes) as found:
        await found.gather()
        yield found


async def is_applied(site: CrashSite, people: Cohort, simulation: str) -> None:
    """Once, and everybody's list is as the draft says."""
    await people.until(f"/rehearsals/{simulation}", "applied")
    wanted = {"programme": people.programme}
    known = await site.databases["profiles"]["programmes"].find_one({"_id": people.programme})
    assert known is not None
    assert (known["version"], known["weights"]["topics"], known["limits"]["list_length"]) == (2, 10, 1)

    async def follow() -> bool:
        lists = await site.databases["matching"]["lists"].find(wanted).to_list(None)
        return len(lists) == len(people.mentees) and all(len(shortlist["entries"]) == 1 for shortlist in lists)

    await eventually(follow, within=_WITHIN, message="lists follow from the draft")


@pytest.mark.parametrize("point", ["before-answer:1", "before-save:1"])
async def test_a_simulation_whose_worker_is_killed_is_computed_and_applied(
    crashes: CrashSite, people: Cohort, point: str
) -> None:
    failpoint = f"matching.rehearsals.{point}"
    replica = await armed(crashes, failpoint)
    simulation = await people.simulates(**_OTHER)
    await replica.killed(within=_WITHIN)
    next_owner = crashes.cluster.start("matching", failpoint="matching.rehearsals.lease-expired:1")
    await next_owner.killed(within=_WITHIN)
    await crashes.cluster.start("matching").ready()
    ready = await people.until(f"/rehearsals/{simulation}", "ready")
    await people.applies(ready)
    await is_applied(crashes, people, simulation)
    await crashes.assert_settles(f"SIGKILL at {failpoint}, and of who takes over, then applied")


@pytest.mark.parametrize("failpoint", ["matching.consumer.after-effect:1", "matching.consumer.before-offset-commit:1"])
async def test_a_draft_applied_while_profiles_and_matching_are_killed_is_applied_once(
    crashes: CrashSite, people: Cohort, failpoint: str
) -> None:
    simulation = await people.simulates(**_OTHER)
    ready = await people.until(f"/rehearsals/{simulation}", "ready")
    both = ("profiles.api.after-commit:1", failpoint)
    profiles, matching = [
        await crashes.cluster.restart(failpoint.partition(".")[0], failpoint=failpoint) for failpoint in both
    ]
    await asyncio.gather(profiles.ready(), matching.ready())

    async def come_back() -> None:
        for replica in (profiles, matching):
            await replica.killed(within=_WITHIN)
            await crashes.cluster.start(replica.service).ready()

    await asyncio.gather(people.applies(ready), come_back())

    await is_applied(crashes, people, simulation)
    await crashes.assert_settles(f"SIGKILL at {' + '.join(both)} while a simulated draft is applied")


async def test_a_worker_resumed_after_the_simulation_was_applied_changes_nothing(
    crashes: CrashSite, people: Cohort
) -> None:
    failpoint = "matching.rehearsals.before-save:1"
    sleeper, second = await sleeper_and_second(crashes, failpoint)
    beside = people.at(second.address)
    simulation = await beside.simulates(**_OTHER)
    await sleeps_past_its_lease(crashes, sleeper)
    await beside.applies(await beside.until(f"/rehearsals/{simulation}", "ready"))
    await is_applied(crashes, beside, simulation)

    await goes_on(crashes, sleeper, second, "rehearsals")

    await is_applied(crashes, people, simulation)
    await crashes.assert_settles(f"matching stopped at {failpoint} past its lease, and resumed behind an applied draft")
