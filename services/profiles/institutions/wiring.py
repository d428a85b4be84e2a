"""Wires institutions: their routes."""

from services.profiles.institutions.api import institutions_router
from services.profiles.institutions.repository import MongoInstitutionRepository
from services.profiles.institutions.usecases import InstitutionUseCases
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    institutions = MongoInstitutionRepository(dependencies.database, dependencies.clock)
    return Slice(prepare=[institutions.prepare], routers=[institutions_router(InstitutionUseCases(institutions))])
