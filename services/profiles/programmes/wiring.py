"""Wires programmes: their routes."""

from services.profiles.institutions.repository import MongoInstitutionRepository
from services.profiles.programmes.api import programmes_router
from services.profiles.programmes.repository import MongoProgrammeRepository
from services.profiles.programmes.usecases import ProgrammeUseCases
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build_programmes(dependencies: ServiceDependencies) -> tuple[MongoProgrammeRepository, ProgrammeUseCases]:
    """For this slice and those above it."""
    programmes = MongoProgrammeRepository(dependencies.database, dependencies.clock)
    institutions = MongoInstitutionRepository(dependencies.database, dependencies.clock)
    return programmes, ProgrammeUseCases(programmes, institutions)


def build(dependencies: ServiceDependencies) -> Slice:
    programmes, use_cases = build_programmes(dependencies)
    return Slice(prepare=[programmes.prepare], routers=[programmes_router(use_cases)])
