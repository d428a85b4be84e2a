"""Wires the projections: consumes the topics of profiles."""

from services.mentorships.projections.repository import MongoProjections
from shared.bootstrap import ServiceDependencies
from shared.consuming.projecting import ProjectionHandler
from shared.contracts.profiles import MemberErased, MentoringProfileChanged, ProgrammeChanged
from shared.slices import Slice


def build(dependencies: ServiceDependencies, *, on_erased: ProjectionHandler) -> Slice:
    projections = MongoProjections(dependencies.database)
    dependencies.consumers.projection(
        {
            MentoringProfileChanged: projections.fold_people,
            ProgrammeChanged: projections.fold_programmes,
            MemberErased: on_erased,
        }
    )
    return Slice(prepare=[projections.prepare])
