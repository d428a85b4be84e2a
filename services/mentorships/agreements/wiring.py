"""Wires the agreements of mentorships, and the programmes' templates of them."""

from services.mentorships.agreements.api.agreements import agreements_router
from services.mentorships.agreements.api.programmes import templates_router
from services.mentorships.agreements.api.versions import versions_router
from services.mentorships.agreements.repository.agreements import MongoAgreements
from services.mentorships.agreements.repository.templates import MongoTemplates
from services.mentorships.agreements.usecases.agreements import Agreements
from services.mentorships.agreements.usecases.templates import Templates
from services.mentorships.lifecycle.repository import MongoMentorships
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies, mentorships: MongoMentorships) -> Slice:
    repository = MongoAgreements(dependencies.database, dependencies.clock, mentorships)
    templates = MongoTemplates(dependencies.database)
    agreements = Agreements(repository, dependencies.clock)
    return Slice(
        prepare=[repository.prepare, templates.prepare],
        routers=[agreements_router(agreements), versions_router(agreements), templates_router(Templates(templates))],
    )
