"""Matching dies, or stands still past its lease, while a repair is planned or carried out: each step is done whole and
once, or not at all, and no more people are moved than the coordinator allowed.
"""

from collections.abc import AsyncIterator

import pytest

from tests.crash.cohort import Cohort, cohort
from tests.crash.owners import armed, goes_on, sleeper_and_second, sleeps_past_its_lease
from tests.crash.site import CrashSite

_OF_EACH, _BYSTANDERS = 4, 3
_WITHIN = 60
_FINISHED = _BYSTANDERS + 1
"""Transactions of carrying out: each step that places somebody, and the repair."""
pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]


@pytest.fixture
async def people(crashes: CrashSite) -> AsyncIterator[Cohort]:
    """The first mentor has four mentees who speak French only, the second four who do not need it; a third is free."""
    async with cohort(crashes) as found:
        await found.opens()
        for nth, languages in enumerate((["fr"], ["fr", "en"], ["en"])):
            seats = {"languages": languages, "capacity": _OF_EACH}
            found.mentors.append(await found.joined("mentor", nth=nth, **seats))
        for nth in range(2 * _OF_EACH):
            languages = ["fr"] if nth < _OF_EACH else ["en"]
            found.mentees.append(await found.joined("mentee", nth=len(found.mentors) + nth, languages=languages))
        await found.known()
        wishes = [
            {"mentee": mentee, "mentors": [found.mentors[nth // _OF_EACH]]} for nth, mentee in enumerate(found.mentees)
        ]
        await found.published(wishes=wishes)
        yield found


async def proposed(people: Cohort) -> str:
    """The first mentor has left; a few of those who do not need French may be moved."""
    await people.leaves(people.mentors[0])
    await people.planned("proposed")
    repair = await people.repairs(bystanders=_BYSTANDERS)
    seen = await people.until(f"/repairs/{repair}", "proposed")
    assert (seen["plan"]["placed"], seen["plan"]["bystanders_moved"]) == (_BYSTANDERS, _BYSTANDERS)
    return repair


@pytest.mark.parametrize("point", ["before-answer:1", "before-save:1", "after-commit:1"])
async def test_a_repair_whose_worker_is_killed_is_planned(crashes: CrashSite, people: Cohort, point: str) -> None:
    failpoint = f"matching.repairs.{point}"
    replica = await armed(crashes, failpoint)
    await people.leaves(people.mentors[0])
    await replica.killed(within=_WITHIN)
    await crashes.cluster.start("matching").ready()
    seen = await people.planned("proposed")
    assert (seen["plan"]["displaced"], seen["plan"]["bystanders_moved"]) == (_OF_EACH, 0)
    await crashes.assert_settles(failpoint)


@pytest.mark.parametrize("nth", [1, 2, _BYSTANDERS, _FINISHED])
async def test_a_repair_killed_while_it_is_carried_out_does_each_step_once(
    crashes: CrashSite, people: Cohort, nth: int
) -> None:
    repair, failpoint = await proposed(people), f"matching.repairs.after-commit:{nth}"
    replica = await armed(crashes, failpoint)
    async with crashes.under_way():
        await people.act(f"/repairs/{repair}", "approve")
        await replica.killed(within=_WITHIN)
        await crashes.assert_offsets_behind_effects()
        next_owner = crashes.cluster.start("matching", failpoint="matching.repairs.lease-expired:1")
        await next_owner.killed(within=_WITHIN)
        await crashes.cluster.start("matching").ready()
        await people.until(f"/repairs/{repair}", "applied")
    await crashes.assert_settles(f"SIGKILL at {failpoint} while a repair is carried out, and of who takes over")
    assert await people.moved(repair) == (_BYSTANDERS, _BYSTANDERS)


@pytest.mark.parametrize("point", ["before-save:1", "after-commit:2"])
async def test_a_worker_resumed_after_the_repair_was_carried_out_moves_nothing(
    crashes: CrashSite, people: Cohort, point: str
) -> None:
    failpoint, is_planning = f"matching.repairs.{point}", point.startswith("before-save")
    repair = "" if is_planning else await proposed(people)
    sleeper, second = await sleeper_and_second(crashes, failpoint)
    beside = people.at(second.address)
    if is_planning:
        await beside.leaves(people.mentors[0])
    else:
        await beside.act(f"/repairs/{repair}", "approve")
    await sleeps_past_its_lease(crashes, sleeper)
    if is_planning:
        await beside.planned("proposed")
        repair = await beside.repairs(bystanders=_BYSTANDERS)
        await beside.until(f"/repairs/{repair}", "proposed")
        await beside.act(f"/repairs/{repair}", "approve")
    await beside.until(f"/repairs/{repair}", "applied")

    await goes_on(crashes, sleeper, second, "repairs")

    await crashes.assert_settles(f"matching stopped at {failpoint} past its lease, and resumed")
    assert await people.moved(repair) == (_BYSTANDERS, _BYSTANDERS)
