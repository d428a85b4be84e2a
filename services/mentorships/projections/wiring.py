"""Wires the projections: consumes the topics of profiles, and who assesses whom."""

from services.mentorships.projections.repository import MongoProjections
from shared.bootstrap import ServiceDependencies
from shared.consuming.projecting import ProjectionHandler
from shared.contracts.matching import AssessmentChanged
from shared.contracts.profiles import MemberChanged, MemberErased, MentoringProfileChanged, ProgrammeChanged
from shared.slices import Slice


def build(dependencies: ServiceDependencies, *, on_erased: ProjectionHandler) -> Slice:
    projections = MongoProjections(dependencies.database)
    dependencies.consumers.projection(
        {
            MentoringProfileChanged: projections.fold_people,
            MemberChanged: projections.fold_mentors,
            ProgrammeChanged: projections.fold_programmes,
            AssessmentChanged: projections.fold_assessments,
            MemberErased: on_erased,
        }
    )
    return Slice(prepare=[projections.prepare])
