from services.profiles.institutions.repository import MongoInstitutions
from services.profiles.programmes.api import programmes_router
from services.profiles.programmes.repository import MongoProgrammes
from services.profiles.programmes.usecases import ProgrammeUseCases
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    programmes = MongoProgrammes(dependencies.database, dependencies.clock)
    institutions = MongoInstitutions(dependencies.database, dependencies.clock)
    return Slice(prepare=[programmes.prepare], routers=[programmes_router(ProgrammeUseCases(programmes, institutions))])
