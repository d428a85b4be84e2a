"""Rounds that wait for work: their people are frozen, then they are solved; both outside of this process.

One at a time over all replicas, by lease. What was frozen stays: a round whose worker died is solved again from the
same bytes. Results of a worker that was too slow meet a newer version, and are nobody's.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from services.matching.domain.rounds import life
from services.matching.domain.rounds.files import Compared
from services.matching.domain.rounds.life import ATTEMPTS, File, Frozen, Round, Solved
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Beside the result and the places."""

    solver: str
    is_input_new: bool
    """It was made again for another target than the frozen one's."""
    figures: Compared


class Workshop(Protocol):
    """Where the heavy work is done. Raises `Rejected` for a round that cannot be."""

    def folder(self) -> AbstractContextManager[Path]: ...

    async def freeze(self, round: Round, folder: Path, *, at: datetime) -> Made: ...

    async def solve(self, round: Round, folder: Path) -> Result: ...


class Shelf(Protocol):
    async def next_to_solve(self) -> Round | None:
        """The one that was tried least, then the oldest; its attempts are counted."""

    async def keep(self, round: Round, path: Path) -> File: ...

    async def fetch(self, file: File, path: Path) -> None: ...

    async def lay_out(self, round: Round, result: File, path: Path) -> None:
        """Everybody's places, as this result has them."""

    async def save(self, round: Round) -> None:
        """On condition of the version before. Raises `StaleVersion`."""

    async def tidy(self, round: Round) -> None:
        """Drops files and places that the round does not name any more."""

    async def clear_dropped(self) -> None:
        """Drops all files and places of rounds that were dropped: nobody looks at them any more."""

    async def discard(self, files: Sequence[File]) -> None:
        """Drops these, and places that were laid out by them."""


class Watch(Protocol):
    """What operators see of this."""

    def solved(self, seconds: float) -> None: ...

    def failed(self, seconds: float) -> None:
        """It cannot be: dropped, with what is wrong."""


class Held(Protocol):
    @property
    def seconds(self) -> float: ...

    async def take(self) -> bool: ...


class Solving:
    def __init__(self, shelf: Shelf, workshop: Workshop, lease: Held, clock: Clock, *, watch: Watch) -> None:
        self._shelf = shelf
        self._workshop = workshop
        self._lease = lease
        self._clock = clock
        self._watch = watch

    async def work(self) -> None:
        """Until nothing waits."""
        while await self._lease.take():
            await self._shelf.clear_dropped()
            round = await self._shelf.next_to_solve()
            if round is None:
                return
            await while_held(self._lease, self._one(round))

    async def _one(self, round: Round) -> None:
        kept: list[File] = []
        began = self._clock.monotonic()
        try:
            with self._workshop.folder() as folder:
                await self._work_on(round, folder, kept)
            self._watch.solved(self._clock.monotonic() - began)
        except DomainError as wrong:
            await self._unless_stale(life.fail(round, wrong))
            self._watch.failed(self._clock.monotonic() - began)
        except StaleVersion:
            await self._shelf.discard(kept)

    async def _work_on(self, round: Round, folder: Path, kept: list[File]) -> None:
        """`kept` has the files that no saved round names yet."""
        if round.attempts > ATTEMPTS:
            raise Rejected("round_given_up", f"the round was begun {ATTEMPTS} times and never came to an end")
        if round.state == "draft":
            round = await self._freeze(round, folder, kept)
            kept.clear()
        await self._solve(round, folder, kept)

    async def _freeze(self, round: Round, folder: Path, kept: list[File]) -> Round:
        now = self._clock.now()
        await self._shelf.fetch(round.orders, folder / ORDERS)
        made = await self._workshop.freeze(round, folder, at=now)
        kept += [await self._shelf.keep(round, folder / name) for name in (INPUT, PEOPLE)]
        frozen = Frozen(
            at=now,
            input=kept[0],
            people=kept[1],
            policy_sha256=made.policy_sha256,
            mentees=made.mentees,
            mentors=made.mentors,
        )
        after = life.freeze(round, frozen)
        await self._shelf.save(after)
        return after

    async def _solve(self, round: Round, folder: Path, kept: list[File]) -> None:
        if round.frozen is None:
            raise LookupError(f"round {round.id} is {round.state} and was never frozen")
        await self._shelf.fetch(round.frozen.input, folder / INPUT)
        await self._shelf.fetch(round.frozen.people, folder / PEOPLE)
        made = await self._workshop.solve(round, folder)
        names = (RESULT, INPUT) if made.is_input_new else (RESULT,)
        kept += [await self._shelf.keep(round, folder / name) for name in names]
        await self._shelf.lay_out(round, kept[0], folder / PLACES)
        solved = Solved(
            input=kept[1] if made.is_input_new else round.frozen.input,
            result=kept[0],
            solver=made.solver,
            figures=made.figures,
        )
        after = life.solve(round, solved)
        await self._shelf.save(after)
        await self._shelf.tidy(after)

    async def _unless_stale(self, round: Round) -> None:
        try:
            await self._shelf.save(round)
        except StaleVersion:
            return


async def while_held(lease: Held, work: Coroutine[Any, Any, None]) -> None:
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
