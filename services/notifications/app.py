"""Composition root: the slices of notifications, each built from the same dependencies."""

import asyncio
from collections.abc import Collection, Sequence

from services.notifications.deliveries import wiring as deliveries
from services.notifications.inbox import wiring as inbox
from services.notifications.notifying import wiring as notifying
from services.notifications.preferences import wiring as preferences
from services.notifications.privacy import wiring as privacy
from services.notifications.projections import wiring as projections
from services.notifications.settings import NotificationsSettings
from shared import bootstrap
from shared.clock import Clock, SystemClock
from shared.contracts.dead_letters import NotificationsRecordParked
from shared.service import Service, roles_of, run
from shared.slices import assemble
from shared.telemetry import configure_logs

NAME = "notifications"


def main(arguments: Sequence[str]) -> None:
    roles = roles_of(arguments)
    settings = NotificationsSettings.from_environment()
    configure_logs(NAME, level=settings.log_level)
    asyncio.run(_run(settings, SystemClock(), roles))


async def _run(settings: NotificationsSettings, clock: Clock, roles: frozenset[str]) -> None:
    await run(build(settings, clock, roles), clock)


def build(settings: NotificationsSettings, clock: Clock, roles: Collection[str]) -> Service:
    """Call it inside a running event loop."""
    dependencies = bootstrap.build(NAME, settings, clock, roles, dead_letter=NotificationsRecordParked)
    return assemble(
        dependencies,
        "Preceptor notifications",
        "A member's notifications: the inbox, live and by mail, and what each person wants to get.",
        [
            privacy.build(dependencies),
            notifying.build(dependencies, settings),
            deliveries.build(dependencies, settings),
            preferences.build(dependencies),
            inbox.build(dependencies, settings),
            projections.build(dependencies),
        ],
    )
