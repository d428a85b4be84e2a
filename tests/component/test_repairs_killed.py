"""Workers of repairs that die in the midst, or are two: nobody is lost, nobody is placed twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from deploy.issuer import LocalIssuer
from services.matching.jobs.domain import ATTEMPTS
from services.matching.repairs.domain.lifecycle import Repair, Step
from services.matching.repairs.repository.carrying_out import MongoRepairWorkRepository
from services.matching.repairs.repository.repairs import MongoRepairRepository
from services.matching.repairs.worker import CarryOut, RepairWorker
from services.matching.solver_process.client import SolverProcess
from shared.clock import SystemClock
from shared.contracts.envelope import Trace
from tests.component.matching_kit import NORTH, Matching, institution, mentee, mentor, programme, running
from tests.component.test_matching_repairs import RepairsApi
from tests.eventually import eventually

GONE, FREE = 8, 6


class Alone:
    """A lease that everybody has: as if one worker were slow enough for another to take its place."""

    seconds = 6.0

    async def take(self) -> bool:
        return True


class Killed(Exception):
    pass


class Mortal(MongoRepairWorkRepository):
    """Dies after two steps, in the midst of others."""

    left = 2

    async def carry_out(self, repair: Repair, step: Step, carry: CarryOut, trace: Trace) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed
        await super().carry_out(repair, step, carry, trace)


@dataclass(frozen=True, slots=True)
class Repairing:
    matching: Matching
    uri: str

    def worker(self, kind: type[MongoRepairWorkRepository] = MongoRepairWorkRepository) -> RepairWorker:
        database, clock = self.matching.database, SystemClock()
        solver_process = SolverProcess(mongo_uri=self.uri, mongo_database=database.name)
        repository = MongoRepairRepository(database)
        return RepairWorker(repository.jobs, kind(database, clock), repository, solver_process, Alone(), clock)


@pytest.fixture
async def repairing(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Repairing]:
    """A mentor has eight mentees and leaves; another has six seats. The test starts the workers of repairs."""
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("due",)) as matching:
        await matching.receive(institution(NORTH), programme(admits=(NORTH,)))
        await matching.join(mentor("old", capacity=GONE), mentor("new", capacity=FREE))
        await matching.join(*(mentee(f"m{number}") for number in range(GONE)))
        for number in range(GONE):
            await RepairsApi(matching).pair(f"m{number}", "old")
        await matching.receive(mentor("old", capacity=GONE, status="inactive"))
        await eventually(matching.departures_are_handled)
        yield Repairing(matching, mongo_uri)


async def _approved(repairing: Repairing) -> None:
    api = RepairsApi(repairing.matching)
    await repairing.worker().work()
    assert (await api.act(await api.until("proposed"), "approve")).status_code == 200


async def _assert_whole(repairing: Repairing) -> None:
    api = RepairsApi(repairing.matching)
    await api.until("applied")
    assert await repairing.matching.seats() == {"new": FREE}
    assert Counter((await api.bonds()).values()) == {"new": FREE}
    counts = Counter(
        name for name, data in await repairing.matching.facts() if name.startswith("repair") or data.get("repair")
    )
    assert counts == {"relationship.opened": FREE, "repair.planned": 1, "repair.applied": 1}
    [(_, applied)] = await repairing.matching.facts("repair.applied")
    assert (applied["placed"], applied["left_behind"]) == (FREE, GONE - FREE)
    assert list((await api.displaced()).values()) == [1] * (GONE - FREE)


async def test_a_repair_killed_again_and_again_loses_and_doubles_nothing(repairing: Repairing) -> None:
    await _approved(repairing)
    deaths = 0
    while (
        not (await RepairsApi(repairing.matching).get("/programmes/care/repairs")).json()["items"][0].get("applied_at")
    ):
        with suppress(Killed):
            await repairing.worker(Mortal).work()
            continue
        deaths += 1
    assert deaths
    await _assert_whole(repairing)


async def test_two_concurrent_workers_carry_out_each_step_once(repairing: Repairing) -> None:
    await asyncio.gather(*(repairing.worker().work() for _ in range(2)))
    api = RepairsApi(repairing.matching)
    assert (await api.act(await api.until("proposed"), "approve")).status_code == 200
    await asyncio.gather(*(repairing.worker().work() for _ in range(2)))
    await _assert_whole(repairing)


async def test_a_repair_that_kills_every_worker_is_given_up_and_the_next_is_planned(
    repairing: Repairing,
) -> None:
    await repairing.worker().work()
    api = RepairsApi(repairing.matching)
    first = await api.until("proposed")
    worn = {"state": "planning", "attempts": ATTEMPTS}
    await repairing.matching.database["repairs"].update_one({"_id": first["id"]}, {"$set": worn})
    await repairing.worker().work()
    assert (await api.until("dropped"))["id"] == first["id"]
    await api.post("/programmes/care/repairs")
    await repairing.worker().work()
    assert (await api.until("proposed"))["plan"]["placed"] == FREE
