"""Workers of rounds that die, are too slow, or are two: nothing is lost, nothing doubled, and bytes stay the same."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.issuer import LocalIssuer
from services.matching.rounds.domain.assignments import Place
from services.matching.rounds.repository.documents import round_jobs
from services.matching.rounds.repository.publication import MongoPublicationRepository
from services.matching.rounds.repository.rounds import MongoRoundRepository
from services.matching.rounds.worker.publishing import PublicationWorker, Settle
from shared.clock import SystemClock
from shared.contracts.envelope import Trace
from tests.component.matching_kit import NORTH, institution, mentee, mentor, programme, running
from tests.component.rounds_api import RoundsApi
from tests.eventually import eventually

MENTORS, MENTEES, SEATS = 5, 20, 3


@pytest.fixture
async def api(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path) -> AsyncIterator[RoundsApi]:
    """Five mentors of three seats, twenty mentees; the test solves rounds and starts the workers that publish them."""
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("solving",)) as matching:
        await matching.receive(institution(NORTH), programme(admits=(NORTH,)))
        await matching.join(*(mentor(f"h{number}", capacity=SEATS) for number in range(MENTORS)))
        await matching.join(*(mentee(f"m{number}") for number in range(MENTEES)))
        yield RoundsApi(matching, tmp_path)


class Alone:
    """A lease that everybody has: as if one worker were slow enough for another to take its place."""

    seconds = 6.0

    async def take(self) -> bool:
        return True


class Killed(Exception):
    pass


class Mortal(MongoPublicationRepository):
    """Dies after so many places, in the midst of others."""

    left = 5

    async def settle(self, place: Place, settle: Settle, trace: Trace) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed
        await super().settle(place, settle, trace)


def publisher(api: RoundsApi, repository: MongoPublicationRepository) -> PublicationWorker:
    return PublicationWorker(round_jobs(api.matching.database), repository, Alone(), SystemClock())


async def _assert_whole(api: RoundsApi, round: str) -> None:
    seen, database = await api.see(round), api.matching.database
    assert seen["state"] == "published"
    assert seen["places"] == {"opened": MENTORS * SEATS, "unmatched": MENTEES - MENTORS * SEATS}
    assert await api.matching.seats() == {f"h{number}": SEATS for number in range(MENTORS)}
    opened = [relationship async for relationship in database["relationships"].find({"state": "active"})]
    pairs = {(relationship["mentee"]["member"], relationship["mentor"]["member"]) for relationship in opened}
    assert len(opened) == len(pairs) == MENTORS * SEATS
    assert pairs == set((await api.pairs(round, state="opened")).items())
    counts = Counter(name for name, _ in await api.matching.facts())
    assert counts == {
        "relationship.opened": MENTORS * SEATS,
        "round.mentee_unmatched": MENTEES - MENTORS * SEATS,
        "round.published": 1,
    }


async def test_a_publication_killed_again_and_again_loses_and_doubles_nothing(api: RoundsApi) -> None:
    round, clock = await api.solved(), SystemClock()
    await api.act(round, "publish")
    deaths = 0
    while (await api.see(round))["state"] != "published":
        with suppress(Killed):
            await publisher(api, Mortal(api.matching.database, clock)).work()
            break
        deaths += 1
    assert deaths > 3
    await _assert_whole(api, round)


async def test_two_concurrent_publishers_settle_each_place_once(api: RoundsApi) -> None:
    round, clock = await api.solved(), SystemClock()
    await api.act(round, "publish")
    both = [publisher(api, MongoPublicationRepository(api.matching.database, clock)) for _ in range(2)]
    await asyncio.gather(*(worker.work() for worker in both))
    await _assert_whole(api, round)


async def test_a_round_whose_worker_died_is_solved_again_to_the_same_bytes(
    api: RoundsApi,
) -> None:
    round = await api.solved()
    first = [path.read_bytes() for path in await api.files(round)]
    rounds = api.matching.database["rounds"]
    await api.matching.join(mentee("late"))
    await rounds.update_one({"_id": round}, {"$set": {"state": "running", "solved": None}})
    await api.until(round, "pending")
    assert [path.read_bytes() for path in await api.files(round)] == first
    assert len(await api.pairs(round)) == MENTEES
    database = api.matching.database

    async def only_the_new_result_is_kept() -> bool:
        places = await database["places"].count_documents({})
        return places == MENTEES and await database["round_chunks"].count_documents({}) == 4

    await eventually(only_the_new_result_is_kept, within=30, message="the worker has removed the first result")


async def test_a_worker_whose_round_is_dropped_leaves_no_files(api: RoundsApi) -> None:
    round = await api.opened()
    await api.until(round, "running")
    await api.act(round, "drop")
    second = await api.solved()
    assert (await api.see(round))["state"] == "dropped"
    database = api.matching.database
    assert await database["places"].distinct("round") == [second]
    assert await database["round_chunks"].count_documents({"round": round}) == 0


async def test_a_round_opened_concurrently_stores_its_orders_once(api: RoundsApi) -> None:
    database = api.matching.database
    repository = MongoRoundRepository(database, SystemClock())
    round = await repository.jobs.find(NORTH, await api.solved())
    assert round is not None
    assert (await repository.begin(replace(round, id="beside"), b"{}")).id == round.id, "one open round in a programme"
    await api.act(round.id, "drop")
    another = replace(round, id="another")
    await asyncio.gather(*(repository.begin(another, b"{}") for _ in range(8)))
    assert await database["round_chunks"].count_documents({"round": "another"}) == 1


async def test_a_round_that_kills_every_worker_is_given_up(api: RoundsApi) -> None:
    rounds = api.matching.database["rounds"]
    round = await api.solved()
    await rounds.update_one({"_id": round}, {"$set": {"state": "running", "solved": None, "attempts": 5}})
    seen = await api.until(round, "dropped")
    assert seen["trouble"]["code"] == "round_given_up"


async def test_the_solver_process_ends_with_the_service(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.matching.solver_process", stdin=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    job = {"do": "freeze", "folder": str(tmp_path), "uri": "mongodb://127.0.0.1:1/", "database": "nowhere"}
    (tmp_path / "orders.json").write_text("{}")
    child.stdin.write(json.dumps({**job, "programme": "p", "list_length": 1}).encode() + b"\n")
    child.stdin.close()
    await eventually(lambda: child.returncode is not None, within=20)
