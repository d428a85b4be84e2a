"""Wires the guides."""

from services.mentorships.guides.api import guides_router
from services.mentorships.guides.repository import MongoGuides
from services.mentorships.guides.shipped import shipped
from services.mentorships.guides.usecases import Guides
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    repository = MongoGuides(dependencies.database)
    return Slice(prepare=[repository.prepare], routers=[guides_router(Guides(repository, shipped()))])
