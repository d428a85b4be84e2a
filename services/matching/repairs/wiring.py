"""Repairs as part of the service: displaced mentees are found, planned for and placed again."""

import asyncio

from services.matching.jobs.worker import POLL_SECONDS
from services.matching.repairs.api import repairs_router
from services.matching.repairs.repository.carrying_out import MongoRepairWorkRepository
from services.matching.repairs.repository.repairs import MongoRepairRepository
from services.matching.repairs.usecases.repairs import Repairs
from services.matching.repairs.worker import Planner, RepairWorker
from services.matching.settings import Settings
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work


def build(dependencies: ServiceDependencies, settings: Settings, *, solver: Planner) -> Slice:
    repository = MongoRepairRepository(dependencies.database)
    lease = dependencies.lease("repairs", seconds=settings.lease_seconds)
    worker = RepairWorker(
        repository.jobs,
        MongoRepairWorkRepository(dependencies.database, dependencies.clock),
        repository,
        solver,
        lease,
        dependencies.clock,
    )

    async def run() -> None:
        try:
            await asyncio.gather(every(POLL_SECONDS, worker.work), every(settings.overfull_seconds, worker.look))
        finally:
            await lease.release()

    return Slice(
        prepare=[repository.prepare],
        routers=[repairs_router(Repairs(repository.jobs, repository, dependencies.clock))],
        work={"repairs": Work(role="clockwork", run=run)},
    )
