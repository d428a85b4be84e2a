from services.profiles.consents.api import consents_router
from services.profiles.consents.usecases import Consents
from services.profiles.members.repository.members import MongoMembers
from services.profiles.programmes.repository import MongoProgrammes
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    programmes = MongoProgrammes(dependencies.database, dependencies.clock)
    members = MongoMembers(dependencies.database, dependencies.clock)
    return Slice(routers=[consents_router(Consents(programmes, members))])
