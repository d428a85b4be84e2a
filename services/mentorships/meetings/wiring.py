"""Wires the meetings slice: routes, and the worker for reminders."""

from collections.abc import Sequence

from services.mentorships.kernel.due import DueWorker
from services.mentorships.kernel.repository import Follow
from services.mentorships.lifecycle.repository import MongoMentorships
from services.mentorships.meetings.api.occurrences import occurrences_router
from services.mentorships.meetings.api.series import series_router
from services.mentorships.meetings.domain import series as domain
from services.mentorships.meetings.domain.states import Series
from services.mentorships.meetings.repository import MongoMeetings, MongoSeries
from services.mentorships.meetings.usecases import Meetings
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work


def build(
    dependencies: ServiceDependencies, mentorships: MongoMentorships, *, follow: Sequence[Follow[Series]]
) -> Slice:
    """`follow`: what other slices write when a series changes."""
    series = MongoSeries(dependencies.database, dependencies.clock, follow=follow)
    repository = MongoMeetings(dependencies.database, series, mentorships, dependencies.clock)
    meetings = Meetings(repository, dependencies.clock)
    due = DueWorker(series, domain.pass_time, dependencies.clock)
    return Slice(
        prepare=[series.prepare],
        routers=[series_router(meetings), occurrences_router(meetings)],
        work={"meetings_due": Work(role="clockwork", run=lambda: every(1, due.work))},
    )
