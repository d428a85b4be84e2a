"""Wires the private calendars, and the source of their tokens."""

import secrets

from services.mentorships.calendars.api import calendars_router
from services.mentorships.calendars.repository import MongoCalendars
from services.mentorships.calendars.usecases import Calendars
from services.mentorships.meetings.repository import MongoSeries
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice

_TOKEN_BYTES = 32


def build(dependencies: ServiceDependencies) -> Slice:
    repository = MongoCalendars(dependencies.database, MongoSeries(dependencies.database, dependencies.clock))
    calendars = Calendars(repository, dependencies.clock, new_token=lambda: secrets.token_urlsafe(_TOKEN_BYTES))
    return Slice(prepare=[repository.prepare], routers=[calendars_router(calendars)])
