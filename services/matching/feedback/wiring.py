"""What mentees say of their mentors, as part of the service."""

from services.matching.feedback.api import experience_router
from services.matching.feedback.repository import MongoAnswerRepository
from services.matching.feedback.usecases import Experiences
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    store = MongoAnswerRepository(dependencies.database, dependencies.clock)
    return Slice(prepare=[store.prepare], routers=[experience_router(Experiences(store))])
