"""Wires the private calendars, the source of their tokens, and how often they may be read."""

import secrets
from datetime import timedelta

from services.mentorships.calendars.api import calendars_router
from services.mentorships.calendars.domain import ReadLimit
from services.mentorships.calendars.repository import MongoCalendars
from services.mentorships.calendars.usecases import Calendars
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice

_TOKEN_BYTES = 32
READS_AN_HOUR = 120
"""Of one address: ten programs that each read every five minutes."""


def build(dependencies: ServiceDependencies) -> Slice:
    repository = MongoCalendars(dependencies.database, dependencies.clock)
    calendars = Calendars(
        repository,
        dependencies.clock,
        limit=ReadLimit(reads=READS_AN_HOUR, period=timedelta(hours=1)),
        new_token=lambda: secrets.token_urlsafe(_TOKEN_BYTES),
    )
    return Slice(prepare=[repository.prepare], routers=[calendars_router(calendars)])
