"""Wires the tasks of a person's mentorships."""

from services.mentorships.lifecycle.repository import MongoMentorships
from services.mentorships.tasks.api import tasks_router
from services.mentorships.tasks.repository import MongoOverviews
from services.mentorships.tasks.usecases import TaskUseCases
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies, mentorships: MongoMentorships) -> Slice:
    repository = MongoOverviews(dependencies.database, dependencies.clock, mentorships)
    return Slice(routers=[tasks_router(TaskUseCases(repository, dependencies.clock))])
