"""Wires cards: their route, and the projection of matching's facts."""

from services.profiles.cards.api import cards_router
from services.profiles.cards.handlers import projection_handlers
from services.profiles.cards.repository import MongoRelationRepository
from services.profiles.cards.usecases import Cards
from services.profiles.members.wiring import build_members
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    relations = MongoRelationRepository(dependencies.database)
    dependencies.consumers.projection(projection_handlers(relations))
    members, use_cases = build_members(dependencies)
    return Slice(prepare=[relations.prepare], routers=[cards_router(Cards(relations, members, use_cases))])
