"""Matching dies, or stands still past its lease, at the worst moments of a round: its people are frozen, it is solved,
its files are stored, its pairs are written. Each pair comes true once, or says why not, and no byte changes.
"""

import signal
from collections.abc import AsyncIterator

import psutil
import pytest

from tests.crash.cohort import MENTEES, SEATS, Cohort, cohort
from tests.crash.owners import armed, goes_on, is_stopped, sleeper_and_second, sleeps_past_its_lease
from tests.crash.site import CrashSite
from tests.eventually import eventually

_WITHIN = 60
_FINISHED = MENTEES + 1
"""Transactions of a publication: each place, and the round."""
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def people(crashes: CrashSite) -> AsyncIterator[Cohort]:
    async with cohort(crashes) as found:
        await found.gather()
        yield found


async def is_published(people: Cohort, round: str) -> None:
    await people.publish(round)
    await people.until(f"/rounds/{round}", "published")


@pytest.mark.parametrize("nth", [4, *(pytest.param(n, marks=pytest.mark.full) for n in (1, SEATS, MENTEES, _FINISHED))])
async def test_a_publication_killed_midway_loses_and_doubles_nothing(
    crashes: CrashSite, people: Cohort, nth: int
) -> None:
    round = await people.pending()
    solved = await people.files(round)
    await people.leaves(next(iter((await people.pairs(round)).values())))
    failpoint = f"matching.publishing.after-commit:{nth}"
    replica = await armed(crashes, failpoint)

    async with crashes.under_way():
        await people.publish(round)
        await replica.killed(within=_WITHIN)
        await crashes.assert_offsets_behind_effects()
        await crashes.cluster.start("matching").ready()
        seen = await people.until(f"/rounds/{round}", "published")

    assert seen["places"]["lapsed"] in {1, 2}, "the pairs of who left in between"
    assert await people.files(round) == solved
    await crashes.assert_settles(failpoint)


@pytest.mark.full
@pytest.mark.parametrize(
    "point",
    ["before-answer:1", "before-save:1", "after-commit:1", "before-answer:2", "before-save:2", "after-commit:2"],
)
async def test_a_round_whose_worker_is_killed_is_solved_and_leaves_no_files(
    crashes: CrashSite, people: Cohort, point: str
) -> None:
    failpoint = f"matching.solving.{point}"
    replica = await armed(crashes, failpoint)
    round = await people.opened()
    await replica.killed(within=_WITHIN)
    await crashes.cluster.start("matching").ready()
    await people.until(f"/rounds/{round}", "pending")
    await crashes.assert_settles(failpoint)
    await is_published(people, round)
    await crashes.assert_settles(f"SIGKILL at {failpoint}, then published")


@pytest.mark.full
@pytest.mark.parametrize("point", ["before-answer:1", "before-save:1", "after-commit:1"])
async def test_a_round_killed_while_changing_target_keeps_no_files_of_the_first(
    crashes: CrashSite, people: Cohort, point: str
) -> None:
    failpoint = f"matching.solving.{point}"
    round = await people.pending()
    replica = await armed(crashes, failpoint)
    await people.act(f"/rounds/{round}", "target", target="coverage")
    await replica.killed(within=_WITHIN)
    await crashes.cluster.start("matching").ready()
    await people.until(f"/rounds/{round}", "pending")
    await crashes.assert_settles(f"SIGKILL at {failpoint} on the way to the other target")


@pytest.mark.full
@pytest.mark.parametrize("work", ["solving", "publishing"])
async def test_a_round_whose_next_owner_dies_too_is_published(crashes: CrashSite, people: Cohort, work: str) -> None:
    round = await people.pending()
    first = await armed(crashes, "matching.publishing.after-commit:4")
    await people.publish(round)
    await first.killed(within=_WITHIN)
    failpoint = f"matching.{work}.lease-expired:1"
    next_owner = crashes.cluster.start("matching", failpoint=failpoint)
    await next_owner.killed(within=_WITHIN)
    await crashes.cluster.start("matching").ready()
    await people.until(f"/rounds/{round}", "published")
    await crashes.assert_settles(failpoint)


@pytest.mark.full
@pytest.mark.parametrize("failpoint", ["matching.solving.before-save:2", "matching.publishing.after-commit:4"])
async def test_a_second_replica_continues_a_round_whose_owner_is_killed(
    crashes: CrashSite, people: Cohort, failpoint: str
) -> None:
    first = await armed(crashes, failpoint)
    second = crashes.cluster.join("matching")
    await second.ready()
    beside = people.at(second.address)
    round = await beside.opened()
    if "publishing" in failpoint:
        await beside.until(f"/rounds/{round}", "pending")
        await beside.publish(round)
    await first.killed(within=_WITHIN)
    await beside.until(f"/rounds/{round}", "pending", "published")
    await is_published(beside, round)
    await crashes.cluster.start("matching").ready()
    await crashes.assert_settles(f"SIGKILL at {failpoint} beside a second replica, which goes on")


@pytest.mark.full
@pytest.mark.parametrize("point", ["before-answer:1", "before-save:1", "before-answer:2", "before-save:2"])
async def test_a_worker_resumed_after_the_round_was_solved_changes_nothing(
    crashes: CrashSite, people: Cohort, point: str
) -> None:
    failpoint = f"matching.solving.{point}"
    sleeper, second = await sleeper_and_second(crashes, failpoint)
    beside = people.at(second.address)
    round = await beside.opened()
    await sleeps_past_its_lease(crashes, sleeper)
    await beside.until(f"/rounds/{round}", "pending")
    solved = await beside.files(round)

    await goes_on(crashes, sleeper, second, "solving")

    assert await people.files(round) == solved
    await is_published(people, round)
    assert await people.files(round) == solved
    await crashes.assert_settles(f"matching stopped at {failpoint} past its lease, and resumed")


@pytest.mark.full
async def test_a_worker_resumed_before_its_clean_up_deletes_no_newer_result(crashes: CrashSite, people: Cohort) -> None:
    failpoint = "matching.solving.after-commit:2"
    sleeper, second = await sleeper_and_second(crashes, failpoint)
    beside = people.at(second.address)
    round = await beside.opened()
    await sleeps_past_its_lease(crashes, sleeper)
    await beside.act(f"/rounds/{round}", "target", target="coverage")
    await beside.until(f"/rounds/{round}", "pending")
    solved = await beside.files(round)

    await goes_on(crashes, sleeper, second, "solving")

    assert await people.files(round) == solved
    await is_published(people, round)
    await crashes.assert_settles(f"matching stopped at {failpoint} past its lease, and resumed behind another target")


@pytest.mark.full
@pytest.mark.parametrize("nth", [4, MENTEES])
async def test_a_worker_resumed_amid_a_publication_writes_no_pair_again(
    crashes: CrashSite, people: Cohort, nth: int
) -> None:
    failpoint = f"matching.publishing.after-commit:{nth}"
    sleeper, second = await sleeper_and_second(crashes, failpoint)
    beside = people.at(second.address)
    round = await beside.opened()
    await beside.until(f"/rounds/{round}", "pending")
    solved = await beside.files(round)
    await beside.publish(round)
    await sleeps_past_its_lease(crashes, sleeper)
    await beside.until(f"/rounds/{round}", "published")

    await goes_on(crashes, sleeper, second, "publishing")

    assert await people.files(round) == solved
    await crashes.assert_settles(f"matching stopped at {failpoint} past its lease, and resumed")


@pytest.mark.full
async def test_a_round_whose_solver_process_is_killed_is_restarted(crashes: CrashSite, people: Cohort) -> None:
    round = await people.opened()
    [solver_process] = await eventually(
        crashes.cluster.solver_processes, within=_WITHIN, message="somebody works on it"
    )
    solver_process.kill()
    await people.until(f"/rounds/{round}", "pending")
    await is_published(people, round)
    await crashes.assert_settles("the solver process of a round killed, matching goes on")


@pytest.mark.full
async def test_a_service_stopping_amid_a_round_ends_its_solver_process_first(
    crashes: CrashSite, people: Cohort
) -> None:
    round = await people.opened()
    await eventually(crashes.cluster.solver_processes, within=_WITHIN, message="somebody works on it")
    await crashes.cluster.end(crashes.cluster.running["matching"])
    assert not crashes.cluster.left_behind()
    await crashes.cluster.start("matching").ready()
    await people.until(f"/rounds/{round}", "pending")
    await crashes.assert_settles("matching stopped amid a round")


@pytest.mark.full
async def test_a_solver_process_ignoring_signals_ends_with_its_service(crashes: CrashSite, people: Cohort) -> None:
    """As one does that is deep in a calculation: it looks at its standard input when that is done."""
    sleeper = await armed(crashes, "matching.solving.before-answer:2:stop")
    round = await people.opened()
    await is_stopped(sleeper)
    [solver_process] = crashes.cluster.solver_processes()
    solver_process.suspend()
    await eventually(lambda: solver_process.status() == psutil.STATUS_STOPPED, message="the solver process is stopped")
    await crashes.cluster.end(sleeper, by=signal.SIGKILL)

    await eventually(lambda: not solver_process.is_running(), within=_WITHIN, message="the solver process has ended")

    await crashes.cluster.start("matching").ready()
    await people.until(f"/rounds/{round}", "pending")
    await crashes.assert_settles("matching killed while its solver process ignored signals")
