from services.profiles.cards.api import cards_router
from services.profiles.cards.handlers import projection_handlers
from services.profiles.cards.repository import MongoRelations
from services.profiles.cards.usecases import Cards
from services.profiles.members.repository.members import MongoMembers
from services.profiles.members.usecases import MemberUseCases
from services.profiles.programmes.repository import MongoProgrammes
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    relations = MongoRelations(dependencies.database)
    dependencies.consumers.projection(projection_handlers(relations))
    members = MongoMembers(dependencies.database, dependencies.clock)
    use_cases = MemberUseCases(members, MongoProgrammes(dependencies.database, dependencies.clock))
    return Slice(prepare=[relations.prepare], routers=[cards_router(Cards(relations, members, use_cases))])
