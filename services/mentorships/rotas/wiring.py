"""Wires rotas: routes, and the worker that compares meetings with them."""

from services.mentorships.kernel.due import DueWorker
from services.mentorships.rotas import domain
from services.mentorships.rotas.api.rotas import rotas_router
from services.mentorships.rotas.repository import MongoRotas
from services.mentorships.rotas.usecases import Rotas
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work


def build(dependencies: ServiceDependencies) -> Slice:
    repository = MongoRotas(dependencies.database, dependencies.clock)
    due = DueWorker(repository, domain.pass_time, dependencies.clock)
    return Slice(
        prepare=[repository.prepare],
        routers=[rotas_router(Rotas(repository, dependencies.clock), dependencies.clock)],
        work={"rotas_due": Work(role="clockwork", run=lambda: every(1, due.work))},
    )
