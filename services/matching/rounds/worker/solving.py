"""Rounds that wait for work: their people are frozen, then they are solved; both outside of this process.

One at a time over all replicas, by lease. What was frozen stays: a round whose worker died is solved again from the
same bytes. Results of a worker that was too slow meet a newer version, and are nobody's.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from services.matching.rounds.domain import lifecycle as life
from services.matching.rounds.domain.lifecycle import ATTEMPTS, File, Frozen, Round, Solved
from services.matching.rounds.solver.files import Compared
from services.matching.rounds.solver.floors import Floor
from shared.clock import Clock
from shared.errors import DomainError, Rejected, StaleVersion

INPUT, RESULT, ORDERS, PEOPLE, PLACES = "input.json", "result.json", "orders.json", "people.json", "places.ndjson"
"""Names of a round's files in its workshop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Beside input and people."""

    policy_sha256: str
    mentees: int
    mentors: int
    floors: tuple[Floor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Beside the result and the places."""

    solver: str
    is_input_new: bool
    """It was made again for another target than the frozen one's."""
    figures: Compared


class Solver(Protocol):
    """Where the heavy work is done. Raises `Rejected` for a round that cannot be."""

    def folder(self) -> AbstractContextManager[Path]: ...

    async def freeze(self, round: Round, folder: Path, *, at: datetime) -> Made: ...

    async def solve(self, round: Round, folder: Path) -> Result: ...


class SolvingRepository(Protocol):
    async def next_to_solve(self) -> Round | None:
        """The one that was tried least, then the oldest; its attempts are counted."""

    async def keep(self, round: Round, path: Path) -> File: ...

    async def fetch(self, file: File, path: Path) -> None: ...

    async def lay_out(self, round: Round, result: File, path: Path) -> None:
        """Everybody's places, as this result has them."""

    async def save(self, round: Round) -> None:
        """On condition of the version before. Raises `StaleVersion`."""

    async def tidy(self) -> None:
        """Drops files and places that no round names, of all rounds that changed since and that nobody works on."""

    async def tidy_again(self, round: Round) -> None:
        """Something may have been stored for it that it will never name."""


class Watch(Protocol):
    """What operators see of this."""

    def solved(self, seconds: float) -> None: ...

    def failed(self, seconds: float) -> None:
        """It cannot be: dropped, with what is wrong."""


class HeldLease(Protocol):
    @property
    def seconds(self) -> float: ...

    async def take(self) -> bool: ...


class SolvingWorker:
    def __init__(
        self, repository: SolvingRepository, solver_process: Solver, lease: HeldLease, clock: Clock, *, watch: Watch
    ) -> None:
        self._repository = repository
        self._solver_process = solver_process
        self._lease = lease
        self._clock = clock
        self._watch = watch

    async def work(self) -> None:
        """Until nothing waits."""
        while await self._lease.take():
            await self._repository.tidy()
            round = await self._repository.next_to_solve()
            if round is None:
                return
            await while_held(self._lease, self._one(round))

    async def _one(self, round: Round) -> None:
        began = self._clock.monotonic()
        try:
            with self._solver_process.folder() as folder:
                await self._work_on(round, folder)
            self._watch.solved(self._clock.monotonic() - began)
        except DomainError as wrong:
            await self._unless_stale(life.fail(round, wrong))
            self._watch.failed(self._clock.monotonic() - began)
        except StaleVersion:
            await self._repository.tidy_again(round)
        except asyncio.CancelledError:  # the lease was lost: who has it may have tidied before we stored the last file
            await self._repository.tidy_again(round)
            raise

    async def _work_on(self, round: Round, folder: Path) -> None:
        if round.attempts > ATTEMPTS:
            raise Rejected(
                "round_given_up",
                f"the round was started {ATTEMPTS} times and never finished: open it again, or ask your operator",
            )
        if round.state == "draft":
            round = await self._freeze(round, folder)
        await self._solve(round, folder)

    async def _freeze(self, round: Round, folder: Path) -> Round:
        now = self._clock.now()
        await self._repository.fetch(round.orders, folder / ORDERS)
        made = await self._solver_process.freeze(round, folder, at=now)
        frozen = Frozen(
            at=now,
            input=await self._repository.keep(round, folder / INPUT),
            people=await self._repository.keep(round, folder / PEOPLE),
            policy_sha256=made.policy_sha256,
            mentees=made.mentees,
            mentors=made.mentors,
            floors=made.floors,
        )
        after = life.freeze(round, frozen)
        await self._repository.save(after)
        return after

    async def _solve(self, round: Round, folder: Path) -> None:
        if round.frozen is None:
            raise LookupError(f"round {round.id} is {round.state} and was never frozen")
        await self._repository.fetch(round.frozen.input, folder / INPUT)
        await self._repository.fetch(round.frozen.people, folder / PEOPLE)
        made = await self._solver_process.solve(round, folder)
        result = await self._repository.keep(round, folder / RESULT)
        await self._repository.lay_out(round, result, folder / PLACES)
        solved = Solved(
            input=await self._repository.keep(round, folder / INPUT) if made.is_input_new else round.frozen.input,
            result=result,
            solver=made.solver,
            figures=made.figures,
        )
        await self._repository.save(life.solve(round, solved))

    async def _unless_stale(self, round: Round) -> None:
        try:
            await self._repository.save(round)
        except StaleVersion:
            return


async def while_held(lease: HeldLease, work: Coroutine[Any, Any, None]) -> None:
    """Renews the lease beside it; without it the work ends, for somebody else does it now."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([task], timeout=lease.seconds / 3))[0]:
            if not await lease.take():
                return
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
