"""Wires check-ins: routes, and the worker that opens them."""

from services.mentorships.checkins import domain
from services.mentorships.checkins.api import check_ins_router
from services.mentorships.checkins.repository import MongoCheckIns
from services.mentorships.checkins.usecases import CheckInUseCases
from services.mentorships.kernel.due import DueWorker
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work


def build(dependencies: ServiceDependencies) -> Slice:
    repository = MongoCheckIns(dependencies.database, dependencies.clock)
    due = DueWorker(repository, domain.pass_time, dependencies.clock)
    return Slice(
        prepare=[repository.prepare],
        routers=[check_ins_router(CheckInUseCases(repository, dependencies.clock))],
        work={"check_ins": Work(role="clockwork", run=lambda: every(1, due.work))},
    )
