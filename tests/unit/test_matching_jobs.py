"""The worker of rounds, repairs and simulations: claims, gives up, puts down; and what happens without the lease."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from services.matching.jobs.domain import ATTEMPTS, GivenUp, Job
from services.matching.jobs.worker import JobWorker, in_chunks
from shared.errors import Conflict, DomainError, Rejected, StaleVersion

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey(Job):
    NAME: ClassVar[str] = "survey"
    CODE_PREFIX: ClassVar[str] = "survey"
    QUEUED: ClassVar[tuple[str, ...]] = ("queued",)
    state: str = "queued"
    reason: str = ""


def survey(**fields: Any) -> Survey:
    return Survey(**{"id": "s", "institution": "north", "programme": "care", "began_at": NOW, **fields})


@dataclass
class Queue:
    queued: list[Survey]
    saved: list[Survey] = field(default_factory=list)
    is_stale: bool = False

    async def claim(self) -> Survey | None:
        return self.queued.pop() if self.queued else None

    async def save(self, job: Survey) -> None:
        if self.is_stale:
            raise StaleVersion(found=9, expected=1)
        self.saved.append(job)


@dataclass
class Lease:
    """Held for so many takes."""

    takes: int = 100
    seconds: float = 60

    async def take(self) -> bool:
        self.takes -= 1
        return self.takes >= 0


class Surveyor(JobWorker[Survey]):
    trouble: Exception | None = None
    never_ends = False

    def __init__(self, queue: Queue, lease: Lease) -> None:
        super().__init__(queue, lease)
        self.put_down: list[str] = []

    async def _run(self, job: Survey) -> None:
        job.require_attempts_left()
        if self.trouble:
            raise self.trouble
        if self.never_ends:
            await asyncio.Event().wait()
        await self._jobs.save(job.changed(state="done"))

    def _failed(self, job: Survey, refused: DomainError) -> Survey:
        return job.changed(state="dropped", reason=refused.code)

    async def _put_down(self, job: Survey) -> None:
        self.put_down.append(job.id)


async def test_every_queued_job_is_worked_on_and_ends_one_version_later() -> None:
    queue = Queue([survey(id="a"), survey(id="b", version=4)])
    await Surveyor(queue, Lease()).work()
    assert [(job.id, job.state, job.version) for job in queue.saved] == [("b", "done", 5), ("a", "done", 2)]


async def test_a_job_that_was_claimed_more_than_five_times_is_given_up() -> None:
    queue = Queue([survey(attempts=ATTEMPTS), survey(attempts=ATTEMPTS + 1)])
    await Surveyor(queue, Lease()).work()
    assert [(job.state, job.reason) for job in queue.saved] == [("dropped", "survey_given_up"), ("done", "")]


async def test_an_impossible_job_fails_with_the_reason() -> None:
    queue = Queue([survey()])
    worker = Surveyor(queue, Lease())
    worker.trouble = Rejected("nobody_to_ask", "there is nobody to ask")
    await worker.work()
    assert [(job.state, job.reason) for job in queue.saved] == [("dropped", "nobody_to_ask")]
    assert worker.put_down == []


async def test_a_job_that_another_worker_changed_is_released_and_not_saved() -> None:
    queue = Queue([survey()], is_stale=True)
    worker = Surveyor(queue, Lease())
    await worker.work()
    assert (queue.saved, worker.put_down) == ([], ["s"])


async def test_a_fault_ends_the_worker_and_leaves_the_job_as_it_was() -> None:
    queue = Queue([survey()])
    worker = Surveyor(queue, Lease())
    worker.trouble = ConnectionError("the database is away")
    with pytest.raises(ConnectionError):
        await worker.work()
    assert (queue.saved, worker.put_down) == ([], [])


async def test_without_the_lease_nothing_is_claimed() -> None:
    queue = Queue([survey()])
    await Surveyor(queue, Lease(takes=0)).work()
    assert (len(queue.queued), queue.saved) == (1, [])


async def test_a_worker_that_loses_its_lease_stops_and_releases_the_job() -> None:
    queue = Queue([survey()])
    worker = Surveyor(queue, Lease(takes=1, seconds=0.003))
    worker.never_ends = True
    await worker.work()
    assert (queue.saved, worker.put_down) == ([], ["s"])


async def test_units_are_processed_until_none_is_left_or_the_lease_is_lost() -> None:
    left = list(range(150))

    async def first(*, limit: int) -> Sequence[int]:
        return left[:limit]

    async def act(unit: int) -> None:
        left.remove(unit)

    assert not await in_chunks(Lease(takes=1), first, act)
    assert len(left) == 150 - 64
    assert await in_chunks(Lease(), first, act)
    assert left == []


def test_a_job_names_the_states_that_a_command_needs() -> None:
    survey(state="done").require("queued", "done")
    with pytest.raises(Conflict, match=r"needs a survey that is queued or running; this one is done") as refused:
        survey(state="done").require("queued", "running")
    assert refused.value.code == "survey_not_running"
    with pytest.raises(StaleVersion):
        survey(version=2).require_version(1)
    with pytest.raises(GivenUp):
        survey(attempts=ATTEMPTS + 1).require_attempts_left()
