"""Wires the agreements of mentorships with the worker for reminders, and the programmes' templates of them."""

from services.mentorships.agreements.api.agreements import agreements_router
from services.mentorships.agreements.api.programmes import templates_router
from services.mentorships.agreements.api.versions import versions_router
from services.mentorships.agreements.domain import agreements as domain
from services.mentorships.agreements.repository.agreements import MongoAgreements
from services.mentorships.agreements.repository.templates import MongoTemplates
from services.mentorships.agreements.usecases.agreements import Agreements
from services.mentorships.agreements.usecases.templates import Templates
from services.mentorships.kernel.due import DueWorker
from services.mentorships.lifecycle.repository import MongoMentorships
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work


def build(dependencies: ServiceDependencies, mentorships: MongoMentorships) -> Slice:
    repository = MongoAgreements(dependencies.database, dependencies.clock, mentorships)
    templates = MongoTemplates(dependencies.database)
    agreements = Agreements(repository, dependencies.clock)
    due = DueWorker(repository, domain.pass_time, dependencies.clock)
    return Slice(
        prepare=[repository.prepare, templates.prepare],
        routers=[agreements_router(agreements), versions_router(agreements), templates_router(Templates(templates))],
        work={"agreements_due": Work(role="clockwork", run=lambda: every(1, due.work))},
    )
