"""Wires confidential support: the requests of mentees, and the lists of hearers."""

from services.mentorships.support.api.hearers import hearers_router
from services.mentorships.support.api.requests import choices_router, support_router
from services.mentorships.support.repository import MongoSupport
from services.mentorships.support.usecases.hearers import Hearers
from services.mentorships.support.usecases.requests import SupportRequests
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    repository = MongoSupport(dependencies.database, dependencies.clock)
    requests, hearers = SupportRequests(repository, dependencies.clock), Hearers(repository, dependencies.clock)
    return Slice(
        prepare=[repository.prepare],
        routers=[choices_router(requests), support_router(requests), hearers_router(hearers)],
    )
