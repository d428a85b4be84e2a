"""Queued rounds: their people are frozen, then the round is solved; both in the solver process.

Frozen input is kept: a round whose worker died is solved again from the same bytes. The result of a worker that was too
slow is not saved, because the round has a newer version.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from services.matching.jobs.usecases import Jobs
from services.matching.jobs.worker import JobWorker
from services.matching.rounds.domain import lifecycle as life
from services.matching.rounds.domain.lifecycle import ClosedMentor, File, Frozen, Round, Solved
from services.matching.rounds.solver.files import Compared
from services.matching.rounds.solver.floors import Floor
from services.matching.rounds.solver_folders import INPUT, ORDERS, PEOPLE, PLACES, RESULT
from shared.clock import Clock
from shared.errors import DomainError
from shared.leases import Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeResult:
    """Result of freezing a round, beside its files of input and people."""

    policy_sha256: str
    mentees: int
    mentors: int
    floors: tuple[Floor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveResult:
    """Result of solving a round, beside its files of result and places."""

    solver: str
    is_input_new: bool
    """The input was written again, for another target than the frozen one's."""
    figures: Compared
    closed: tuple[ClosedMentor, ...]


class Solver(Protocol):
    """Raises `Rejected` for a round that cannot be solved."""

    def folder(self) -> AbstractContextManager[Path]: ...

    async def freeze(self, round: Round, folder: Path, *, at: datetime) -> FreezeResult: ...

    async def solve(self, round: Round, folder: Path) -> SolveResult: ...


class SolvingRepository(Protocol):
    async def keep(self, round: Round, path: Path) -> File: ...

    async def fetch(self, file: File, path: Path) -> None: ...

    async def add_places(self, round: Round, result: File, path: Path) -> None:
        """Inserts the places of every mentee in this result."""

    async def tidy(self) -> None:
        """Deletes files and places that no round names, of the rounds that changed since and are not queued."""

    async def tidy_again(self, round: Round) -> None:
        """Marks the round, for which something may have been stored that it will never name."""


class Watch(Protocol):
    """Metrics."""

    def solved(self, seconds: float) -> None: ...

    def failed(self, seconds: float) -> None:
        """The round is dropped, with the reason."""


class SolvingWorker(JobWorker[Round]):
    def __init__(
        self,
        jobs: Jobs[Round],
        repository: SolvingRepository,
        solver_process: Solver,
        lease: Lease,
        clock: Clock,
        *,
        watch: Watch,
    ) -> None:
        super().__init__(jobs, lease)
        self._repository = repository
        self._solver_process = solver_process
        self._clock = clock
        self._watch = watch

    async def _before_claim(self) -> None:
        await self._repository.tidy()

    async def _run(self, round: Round) -> None:
        began = self._clock.monotonic()
        try:
            round.require_attempts_left()
            with self._solver_process.folder() as folder:
                await self._work_on(round, folder)
        except DomainError:
            self._watch.failed(self._clock.monotonic() - began)
            raise
        self._watch.solved(self._clock.monotonic() - began)

    def _failed(self, round: Round, refused: DomainError) -> Round:
        return life.fail(round, refused)

    async def _put_down(self, round: Round) -> None:
        """The next holder of the lease may have tidied before this worker stored its last file."""
        await self._repository.tidy_again(round)

    async def _work_on(self, round: Round, folder: Path) -> None:
        if round.state == "draft":
            round = await self._freeze(round, folder)
        await self._solve(round, folder)

    async def _freeze(self, round: Round, folder: Path) -> Round:
        now = self._clock.now()
        await self._repository.fetch(round.orders, folder / ORDERS)
        summary = await self._solver_process.freeze(round, folder, at=now)
        frozen = Frozen(
            at=now,
            input=await self._repository.keep(round, folder / INPUT),
            people=await self._repository.keep(round, folder / PEOPLE),
            policy_sha256=summary.policy_sha256,
            mentees=summary.mentees,
            mentors=summary.mentors,
            floors=summary.floors,
        )
        after = life.freeze(round, frozen)
        await self._jobs.save(after)
        return after

    async def _solve(self, round: Round, folder: Path) -> None:
        if round.frozen is None:
            raise LookupError(f"round {round.id} is {round.state} and was never frozen")
        await self._repository.fetch(round.frozen.input, folder / INPUT)
        await self._repository.fetch(round.frozen.people, folder / PEOPLE)
        solution = await self._solver_process.solve(round, folder)
        result = await self._repository.keep(round, folder / RESULT)
        await self._repository.add_places(round, result, folder / PLACES)
        solved = Solved(
            input=await self._repository.keep(round, folder / INPUT) if solution.is_input_new else round.frozen.input,
            result=result,
            solver=solution.solver,
            figures=solution.figures,
            closed=solution.closed,
        )
        await self._jobs.save(life.solve(round, solved))
