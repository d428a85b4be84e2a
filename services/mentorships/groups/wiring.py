"""Wires mentoring groups: routes, and the worker for reminders."""

from services.mentorships.groups import domain
from services.mentorships.groups.api import groups_router
from services.mentorships.groups.repository import MongoGroups, MongoMentoringGroups
from services.mentorships.groups.usecases import Groups
from services.mentorships.kernel.due import DueWorker
from services.mentorships.lifecycle.repository import MongoMentorships
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work


def build(dependencies: ServiceDependencies, mentorships: MongoMentorships) -> Slice:
    groups = MongoGroups(dependencies.database, dependencies.clock)
    repository = MongoMentoringGroups(dependencies.database, groups, mentorships)
    due = DueWorker(groups, domain.pass_time, dependencies.clock)
    return Slice(
        prepare=[groups.prepare],
        routers=[groups_router(Groups(repository, dependencies.clock), dependencies.clock)],
        work={"groups_due": Work(role="clockwork", run=lambda: every(1, due.work))},
    )
