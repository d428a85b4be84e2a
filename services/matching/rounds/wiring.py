"""Rounds as part of the service: opened and published over HTTP, solved and published by workers."""

from services.matching.rounds import solver_folders
from services.matching.rounds.api.rounds import rounds_router
from services.matching.rounds.repository.publication import Register
from services.matching.rounds.repository.rounds import RoundShelf
from services.matching.rounds.usecases.rounds import Rounds
from services.matching.rounds.worker.publishing import Publishing
from services.matching.rounds.worker.solving import Solving, Workshop
from services.matching.settings import Settings
from services.matching.suggestions import metrics
from shared.bootstrap import Parts
from shared.slices import Slice, Work, while_leased

LOOKS_SECONDS = 0.5
"""Between two looks for work that waits."""


def build(parts: Parts, settings: Settings, *, solver: Workshop) -> Slice:
    shelf, clock = RoundShelf(parts.database, parts.clock), parts.clock
    solving_lease = parts.lease("solving", seconds=settings.lease_seconds)
    publishing_lease = parts.lease("publishing", seconds=settings.lease_seconds)
    solving = Solving(shelf, solver, solving_lease, clock, watch=metrics.Rounds(parts.metrics.registry))
    publishing = Publishing(Register(parts.database, clock), publishing_lease, clock)

    async def clear_folders() -> None:
        solver_folders.clear()

    return Slice(
        prepare=[clear_folders, shelf.prepare],
        routers=[rounds_router(Rounds(shelf, clock))],
        work={
            "solving": Work(role="clockwork", run=while_leased(solving_lease, solving.work, seconds=LOOKS_SECONDS)),
            "publishing": Work(
                role="clockwork", run=while_leased(publishing_lease, publishing.work, seconds=LOOKS_SECONDS)
            ),
        },
    )
