"""Rounds as part of the service: opened and published over HTTP, solved and published by workers."""

from services.matching.jobs.wiring import job_work
from services.matching.rounds import solver_folders
from services.matching.rounds.api.rounds import rounds_router
from services.matching.rounds.repository.publication import MongoPublicationRepository
from services.matching.rounds.repository.rounds import MongoRoundRepository
from services.matching.rounds.usecases.rounds import Rounds
from services.matching.rounds.worker.publishing import PublicationWorker
from services.matching.rounds.worker.solving import Solver, SolvingWorker
from services.matching.settings import Settings
from services.matching.suggestions import metrics
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies, settings: Settings, *, solver: Solver) -> Slice:
    repository, clock = MongoRoundRepository(dependencies.database, dependencies.clock), dependencies.clock
    solving_lease = dependencies.lease("solving", seconds=settings.lease_seconds)
    publishing_lease = dependencies.lease("publishing", seconds=settings.lease_seconds)
    solving = SolvingWorker(
        repository.jobs, repository, solver, solving_lease, clock, watch=metrics.Rounds(dependencies.metrics.registry)
    )
    publishing = PublicationWorker(
        repository.jobs, MongoPublicationRepository(dependencies.database, clock), publishing_lease, clock
    )

    async def clear_folders() -> None:
        solver_folders.clear()

    return Slice(
        prepare=[clear_folders, repository.prepare],
        routers=[rounds_router(Rounds(repository.jobs, repository, clock))],
        work={
            "solving": job_work(solving_lease, solving.work),
            "publishing": job_work(publishing_lease, publishing.work),
        },
    )
