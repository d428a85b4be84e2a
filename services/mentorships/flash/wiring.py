"""Wires flash slots: routes, and the worker for reminders."""

from services.mentorships.flash import domain
from services.mentorships.flash.api import bookings_router, offers_router
from services.mentorships.flash.repository import MongoFlashSlots
from services.mentorships.flash.usecases import FlashSlots
from services.mentorships.kernel.due import DueWorker
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work


def build(dependencies: ServiceDependencies) -> Slice:
    repository = MongoFlashSlots(dependencies.database, dependencies.clock)
    due = DueWorker(repository, domain.pass_time, dependencies.clock)
    slots = FlashSlots(repository, dependencies.clock)
    return Slice(
        prepare=[repository.prepare],
        routers=[offers_router(slots), bookings_router(slots)],
        work={"flash_due": Work(role="clockwork", run=lambda: every(1, due.work))},
    )
