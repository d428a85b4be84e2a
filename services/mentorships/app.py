"""Composition root: the slices of mentorships, each built from the same dependencies."""

import asyncio
from collections.abc import Collection, Sequence

from fastapi import APIRouter

from services.mentorships.agreements import wiring as agreements
from services.mentorships.calendars import wiring as calendars
from services.mentorships.certificates import wiring as certificates
from services.mentorships.checkins import wiring as checkins
from services.mentorships.flash import wiring as flash
from services.mentorships.goals import wiring as goals
from services.mentorships.groups import wiring as groups
from services.mentorships.guides import wiring as guides
from services.mentorships.lifecycle import wiring as lifecycle
from services.mentorships.meetings import wiring as meetings
from services.mentorships.messages import wiring as messages
from services.mentorships.messages.repository import blocked_by
from services.mentorships.numbers import wiring as numbers
from services.mentorships.outreach import wiring as outreach
from services.mentorships.policies import wiring as policies
from services.mentorships.privacy.api import export_router
from services.mentorships.privacy.repository import MongoErasures, MongoExports
from services.mentorships.privacy.usecases import Exports
from services.mentorships.projections import wiring as projections
from services.mentorships.rotas import wiring as rotas
from services.mentorships.rotas.repository import follow_series
from services.mentorships.settings import MentorshipsSettings
from services.mentorships.slices import EXPORTS, FORGET, carry_over, mentorships
from services.mentorships.support import wiring as support
from services.mentorships.tasks import wiring as tasks
from services.mentorships.test_clock import test_clock_router
from shared import bootstrap
from shared.clock import AdjustableClock, Clock, SystemClock
from shared.contracts.dead_letters import MentorshipsRecordParked
from shared.service import Service, roles_of, run
from shared.slices import Slice, assemble
from shared.telemetry import configure_logs

NAME = "mentorships"


def main(arguments: Sequence[str]) -> None:
    roles = roles_of(arguments)
    settings = MentorshipsSettings.from_environment()
    configure_logs(NAME, level=settings.log_level)
    clock = AdjustableClock() if settings.test_clock else SystemClock()
    asyncio.run(_run(settings, clock, roles))


async def _run(settings: MentorshipsSettings, clock: Clock, roles: frozenset[str]) -> None:
    await run(build(settings, clock, roles), clock)


def build(settings: MentorshipsSettings, clock: Clock, roles: Collection[str]) -> Service:
    """Call it inside a running event loop."""
    dependencies = bootstrap.build(NAME, settings, clock, roles, dead_letter=MentorshipsRecordParked)
    erasures = MongoErasures(dependencies.database, clock, forget=FORGET)
    return assemble(
        dependencies,
        "Preceptor mentorships",
        "How a mentoring goes: introduction, agreement, meetings, and a good end.",
        [
            projections.build(dependencies, on_erased=erasures.fold_erasures),
            policies.build(dependencies),
            lifecycle.build(
                dependencies,
                following := mentorships(dependencies.database, clock),
                carry_over=carry_over(dependencies.database, clock),
                further=numbers.reactions(dependencies),
            ),
            agreements.build(dependencies, following),
            goals.build(dependencies, blocked_by=blocked_by),
            checkins.build(dependencies),
            messages.build(dependencies),
            guides.build(dependencies),
            meetings.build(
                dependencies,
                mentorships(dependencies.database, clock),
                follow=[follow_series(dependencies.database, clock)],
            ),
            groups.build(dependencies, mentorships(dependencies.database, clock)),
            rotas.build(dependencies),
            calendars.build(dependencies),
            tasks.build(dependencies, following),
            certificates.build(dependencies, settings),
            numbers.build(dependencies),
            support.build(dependencies),
            flash.build(dependencies),
            outreach.build(dependencies),
            Slice(routers=_development(settings, clock)),
            Slice(
                prepare=[erasures.prepare],
                routers=[export_router(Exports(MongoExports(dependencies.database, EXPORTS)))],
            ),
        ],
    )


def _development(settings: MentorshipsSettings, clock: Clock) -> list[APIRouter]:
    return [test_clock_router(clock)] if settings.test_clock and isinstance(clock, AdjustableClock) else []
