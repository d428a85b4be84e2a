"""The worker of queued jobs: one job at a time over all replicas, by lease, which is renewed during the work.

A worker that is killed leaves its job queued, and the next holder of the lease claims it. A job that was claimed more
than `ATTEMPTS` times is given up.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from services.matching.jobs.usecases import AnyJob, Jobs
from shared.errors import DomainError, StaleVersion
from shared.leases import Lease

POLL_SECONDS = 0.5
_CHUNK, _AT_ONCE = 64, 8
Unit = TypeVar("Unit")
Unit_co = TypeVar("Unit_co", covariant=True)


class UnitsLeft(Protocol[Unit_co]):
    """Units that are not done."""

    async def __call__(self, *, limit: int) -> Sequence[Unit_co]: ...


class JobWorker(ABC, Generic[AnyJob]):
    def __init__(self, jobs: Jobs[AnyJob], lease: Lease) -> None:
        self._jobs = jobs
        self._lease = lease

    async def work(self) -> None:
        """Until no job is queued, or another process holds the lease."""
        while await self._lease.take():
            await self._before_claim()
            job = await self._jobs.claim()
            if job is None:
                return
            await while_held(self._lease, self._attempt(job))

    async def _attempt(self, job: AnyJob) -> None:
        try:
            await self._run(job)
        except DomainError as refused:
            with suppress(StaleVersion):  # a coordinator dropped it, or another worker holds it
                await self._jobs.save(self._failed(job, refused))
        except StaleVersion:
            await self._put_down(job)
        except asyncio.CancelledError:  # the lease was lost, or the service stops
            await self._put_down(job)
            raise

    @abstractmethod
    async def _run(self, job: AnyJob) -> None:
        """Works and saves. Raises `DomainError` where the job can never be done."""

    @abstractmethod
    def _failed(self, job: AnyJob, refused: DomainError) -> AnyJob:
        """The job's last state, with the reason."""

    async def _before_claim(self) -> None:
        """What is due beside the queue."""

    async def _put_down(self, job: AnyJob) -> None:
        """The job may have another worker: leaves nothing behind that only this one knows of."""


async def in_chunks(lease: Lease, left: UnitsLeft[Unit], act: Callable[[Unit], Awaitable[None]]) -> bool:
    """Acts on every unit, a few at a time, and renews the lease before each chunk. False where the lease was lost."""
    while chunk := await left(limit=_CHUNK):
        if not await lease.take():
            return False
        for first in range(0, len(chunk), _AT_ONCE):
            await asyncio.gather(*(act(unit) for unit in chunk[first : first + _AT_ONCE]))
    return True


async def while_held(lease: Lease, work: Coroutine[Any, Any, None]) -> None:
    """Renews the lease beside the work; cancels the work when another process has taken it."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([task], timeout=lease.seconds / 3))[0]:
            if not await lease.take():
                return
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
