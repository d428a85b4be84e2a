"""Simulations of another policy as part of the service."""

from services.matching.jobs.wiring import job_work
from services.matching.settings import Settings
from services.matching.simulations.api import simulations_router
from services.matching.simulations.repository import MongoSimulationRepository
from services.matching.simulations.usecases import Simulations
from services.matching.simulations.worker import SimulationWorker, Simulator
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies, settings: Settings, *, solver: Simulator) -> Slice:
    repository = MongoSimulationRepository(dependencies.database)
    lease = dependencies.lease("rehearsals", seconds=settings.lease_seconds)
    worker = SimulationWorker(repository.jobs, repository, solver, lease, dependencies.clock)
    return Slice(
        prepare=[repository.prepare],
        routers=[simulations_router(Simulations(repository.jobs, repository, dependencies.clock))],
        work={"rehearsals": job_work(lease, worker.work)},
    )
