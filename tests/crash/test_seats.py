"""Matching dies amid two hundred acceptances: no seat is given twice, none is lost, and each is published once."""

import asyncio
import signal

import pytest

from tests.crash.seats import crowd
from tests.crash.site import CrashSite
from tests.eventually import eventually

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("nth", [12, *(pytest.param(n, marks=pytest.mark.full) for n in (1, 25))])
async def test_no_seat_is_doubled_when_matching_is_killed_amid_acceptances(crashes: CrashSite, nth: int) -> None:
    failpoint = f"matching.api.after-commit:{nth}"
    async with crowd(crashes) as people:
        armed = await crashes.cluster.restart("matching", failpoint=failpoint)
        await armed.ready()
        await asyncio.gather(people.answer_all(), armed.killed(within=60))
        assert len(people.accepted) < nth, "who was killed at a commit has acknowledged fewer"
        await crashes.cluster.start("matching").ready()
        await people.answer_all()
        await crashes.assert_settles(f"SIGKILL at {failpoint} amid 200 acceptances for 30 seats")
        assert list(people.wrong(await crashes.look())) == []


@pytest.mark.full
async def test_no_seat_is_doubled_when_one_of_two_replicas_is_killed(crashes: CrashSite) -> None:
    second = crashes.cluster.join("matching")
    await second.ready()
    async with crowd(crashes) as people:
        first = crashes.cluster.running["matching"]

        async def some_are_accepted() -> bool:
            return await crashes.databases["matching"]["relationships"].count_documents({"programme": programme}) > 5

        programme = people.programme
        answering = asyncio.gather(people.answer_all(), people.at(second.address).answer_all())
        await eventually(some_are_accepted, within=60, message="some are accepted")
        await crashes.cluster.end(first, by=signal.SIGKILL)
        await answering
        await people.at(second.address).answer_all()
        await crashes.assert_settles("a replica of matching killed amid 400 acceptances at two, for 30 seats")
        assert list(people.wrong(await crashes.look())) == []
