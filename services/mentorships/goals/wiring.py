"""Wires the goals of mentees."""

from services.mentorships.goals.api import goals_router
from services.mentorships.goals.repository import BlockedBy, MongoGoals
from services.mentorships.goals.usecases import Goals
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies, *, blocked_by: BlockedBy) -> Slice:
    repository = MongoGoals(dependencies.database, dependencies.clock, blocked_by=blocked_by)
    return Slice(prepare=[repository.prepare], routers=[goals_router(Goals(repository, dependencies.clock))])
