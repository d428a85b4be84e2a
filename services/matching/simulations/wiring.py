"""Simulations of another policy as part of the service."""

from services.matching.settings import Settings
from services.matching.simulations.api import rehearsals_router
from services.matching.simulations.repository import RehearsalShelf
from services.matching.simulations.usecases import Rehearsals
from services.matching.simulations.worker import Rehearsing, Stage
from shared.bootstrap import Parts
from shared.slices import Slice, Work, while_leased

LOOKS_SECONDS = 0.5


def build(parts: Parts, settings: Settings, *, solver: Stage) -> Slice:
    shelf = RehearsalShelf(parts.database)
    lease = parts.lease("rehearsals", seconds=settings.lease_seconds)
    rehearsing = Rehearsing(shelf, solver, lease, parts.clock)
    return Slice(
        prepare=[shelf.prepare],
        routers=[rehearsals_router(Rehearsals(shelf, parts.clock))],
        work={"rehearsals": Work(role="clockwork", run=while_leased(lease, rehearsing.work, seconds=LOOKS_SECONDS))},
    )
