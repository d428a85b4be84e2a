"""Wires the mentoring policies of programmes."""

from services.mentorships.policies.api import policies_router
from services.mentorships.policies.repository import MongoPolicies
from services.mentorships.policies.usecases import Policies
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    repository = MongoPolicies(dependencies.database)
    return Slice(prepare=[repository.prepare], routers=[policies_router(Policies(repository))])
