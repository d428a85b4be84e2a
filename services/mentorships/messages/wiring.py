"""Wires the threads of mentorships."""

from services.mentorships.messages.api import messages_router
from services.mentorships.messages.repository import MongoMessages
from services.mentorships.messages.usecases import Messages
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    repository = MongoMessages(dependencies.database, dependencies.clock)
    return Slice(prepare=[repository.prepare], routers=[messages_router(Messages(repository, dependencies.clock))])
