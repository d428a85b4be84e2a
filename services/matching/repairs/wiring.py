"""Repairs as part of the service: who was displaced is noticed, planned for and placed again."""

import asyncio

from services.matching.repairs.api import repairs_router
from services.matching.repairs.repository.carrying_out import RepairBench
from services.matching.repairs.repository.repairs import RepairShelf
from services.matching.repairs.usecases.repairs import Repairs
from services.matching.repairs.worker import Mending, Planner
from services.matching.settings import Settings
from shared.bootstrap import Parts
from shared.service import every
from shared.slices import Slice, Work

LOOKS_SECONDS = 0.5


def build(parts: Parts, settings: Settings, *, solver: Planner) -> Slice:
    shelf = RepairShelf(parts.database)
    lease = parts.lease("repairs", seconds=settings.lease_seconds)
    mending = Mending(RepairBench(parts.database, parts.clock), shelf, solver, lease, parts.clock)

    async def run() -> None:
        try:
            await asyncio.gather(every(LOOKS_SECONDS, mending.work), every(settings.overfull_seconds, mending.look))
        finally:
            await lease.release()

    return Slice(
        prepare=[shelf.prepare],
        routers=[repairs_router(Repairs(shelf, parts.clock))],
        work={"repairs": Work(role="clockwork", run=run)},
    )
