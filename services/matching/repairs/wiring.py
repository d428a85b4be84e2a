"""Repairs as part of the service: who was displaced is noticed, planned for and placed again."""

import asyncio

from services.matching.repairs.api import repairs_router
from services.matching.repairs.repository.carrying_out import MongoRepairWorkRepository
from services.matching.repairs.repository.repairs import MongoRepairRepository
from services.matching.repairs.usecases.repairs import Repairs
from services.matching.repairs.worker import Planner, RepairWorker
from services.matching.settings import Settings
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work

LOOKS_SECONDS = 0.5


def build(dependencies: ServiceDependencies, settings: Settings, *, solver: Planner) -> Slice:
    repository = MongoRepairRepository(dependencies.database)
    lease = dependencies.lease("repairs", seconds=settings.lease_seconds)
    mending = RepairWorker(
        MongoRepairWorkRepository(dependencies.database, dependencies.clock),
        repository,
        solver,
        lease,
        dependencies.clock,
    )

    async def run() -> None:
        try:
            await asyncio.gather(every(LOOKS_SECONDS, mending.work), every(settings.overfull_seconds, mending.look))
        finally:
            await lease.release()

    return Slice(
        prepare=[repository.prepare],
        routers=[repairs_router(Repairs(repository, dependencies.clock))],
        work={"repairs": Work(role="clockwork", run=run)},
    )
