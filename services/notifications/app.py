"""Composition root: everything of notifications is built here and passed in."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta

from prometheus_client import Gauge

from services.notifications.inbox.api import export_router, inbox_router
from services.notifications.inbox.repository.inbox import MongoInboxRepository
from services.notifications.inbox.usecases.live import InboxListeners
from services.notifications.inbox.usecases.reading import Inbox
from services.notifications.notifying.handlers import Reactions
from services.notifications.notifying.repository import MongoNotificationRepository
from services.notifications.notifying.usecases import Notifier
from services.notifications.settings import NotificationsSettings
from services.notifications.wording import Wording
from shared import bootstrap
from shared.bootstrap import ServiceDependencies
from shared.clock import Clock, SystemClock
from shared.contracts.dead_letters import NotificationsRecordParked
from shared.contracts.matching import (
    ConflictDetected,
    MenteeUnmatched,
    MentorNudged,
    MentorRequested,
    PairLapsed,
    RelationshipClosed,
    RelationshipOpened,
    RelationshipPaused,
    RelationshipResumed,
    RequestAccepted,
    RequestDeclined,
    RequestExpired,
    RequestWithdrawn,
    SuggestionsChanged,
)
from shared.contracts.profiles import (
    ContactChanged,
    ErasureRequested,
    ErasureWithdrawn,
    InstitutionChanged,
    MemberErased,
    ProgrammeChanged,
)
from shared.service import Service, roles_of, run
from shared.slices import Slice, Work, assemble
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
    repository = MongoInboxRepository(dependencies.database)
    listeners = InboxListeners()
    inbox = Inbox(repository, Wording(), listeners, clock)
    _consume(dependencies, repository, clock)
    _measure(dependencies, listeners)

    async def prepare() -> None:
        await repository.prepare(read_kept=timedelta(days=settings.read_kept_days))

    notifications = Slice(
        prepare=[prepare],
        routers=[inbox_router(inbox, settings), export_router(inbox)],
        work={"live": Work(role="api", run=lambda: _wake_listeners(repository, listeners))},
    )
    return assemble(
        dependencies,
        "Preceptor notifications",
        "A member's notifications: the inbox, and new notifications live.",
        [notifications],
    )


def _consume(dependencies: ServiceDependencies, repository: MongoInboxRepository, clock: Clock) -> None:
    reactions = Reactions(Notifier(clock), MongoNotificationRepository)
    dependencies.consumers.projection(
        {
            ContactChanged: repository.fold_contacts,
            MemberErased: lambda received: repository.fold_erasures(received, now=clock.now()),
            InstitutionChanged: repository.fold_institutions,
            ProgrammeChanged: repository.fold_programmes,
        }
    )
    dependencies.consumers.reaction(
        {
            SuggestionsChanged: reactions.on_suggestions_changed,
            MentorRequested: reactions.on_pair_changed,
            MentorNudged: reactions.on_pair_changed,
            RequestAccepted: reactions.on_pair_changed,
            RequestDeclined: reactions.on_pair_changed,
            RequestWithdrawn: reactions.on_pair_changed,
            RequestExpired: reactions.on_pair_changed,
            RelationshipOpened: reactions.on_pair_changed,
            ConflictDetected: reactions.on_pair_changed,
            RelationshipPaused: reactions.on_pair_changed,
            RelationshipResumed: reactions.on_pair_changed,
            RelationshipClosed: reactions.on_pair_changed,
            PairLapsed: reactions.on_left_over,
            MenteeUnmatched: reactions.on_left_over,
            ErasureRequested: reactions.on_erasure_request_changed,
            ErasureWithdrawn: reactions.on_erasure_request_changed,
        }
    )


def _measure(dependencies: ServiceDependencies, listeners: InboxListeners) -> None:
    streams = Gauge("preceptor_inbox_streams", "Open live streams", registry=dependencies.metrics.registry)
    streams.set_function(lambda: listeners.listening)


async def _wake_listeners(repository: MongoInboxRepository, listeners: InboxListeners) -> None:
    """Wakes the listeners of this process from its single change stream."""
    async for recipient in repository.watch_changed_recipients():
        if recipient is None:
            listeners.wake_all()
        else:
            listeners.wake(recipient)
