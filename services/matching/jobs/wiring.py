"""Work of a process that claims jobs."""

from collections.abc import Awaitable, Callable

from services.matching.jobs.worker import POLL_SECONDS
from shared.leases import Lease
from shared.slices import Work, while_leased


def job_work(lease: Lease, work: Callable[[], Awaitable[None]]) -> Work:
    return Work(role="clockwork", run=while_leased(lease, work, seconds=POLL_SECONDS))
