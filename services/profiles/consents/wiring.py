"""Wires consents: routes for admissions and affiliations."""

from services.profiles.consents.api import consents_router
from services.profiles.consents.usecases import Consents
from services.profiles.members.repository.members import MongoMemberRepository
from services.profiles.programmes.repository import MongoProgrammeRepository
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    programmes = MongoProgrammeRepository(dependencies.database, dependencies.clock)
    members = MongoMemberRepository(dependencies.database, dependencies.clock)
    return Slice(routers=[consents_router(Consents(programmes, members))])
