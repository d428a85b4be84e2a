"""Wires outreach visits: routes, and the worker for what is due."""

from services.mentorships.kernel.due import DueWorker
from services.mentorships.outreach import domain
from services.mentorships.outreach.api import outreach_router
from services.mentorships.outreach.repository import MongoVisits
from services.mentorships.outreach.usecases import Visits
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work


def build(dependencies: ServiceDependencies) -> Slice:
    repository = MongoVisits(dependencies.database, dependencies.clock)
    due = DueWorker(repository, domain.pass_time, dependencies.clock)
    return Slice(
        prepare=[repository.prepare],
        routers=[outreach_router(Visits(repository, dependencies.clock), dependencies.clock)],
        work={"outreach_due": Work(role="clockwork", run=lambda: every(1, due.work))},
    )
