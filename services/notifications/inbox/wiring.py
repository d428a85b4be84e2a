"""Wires the inbox: its routes, and the change stream that wakes live readers."""

import secrets
from datetime import timedelta

from prometheus_client import Gauge

from services.notifications.inbox.api import inbox_router
from services.notifications.inbox.repository.inbox import MongoInboxRepository
from services.notifications.inbox.repository.tickets import MongoTicketRepository
from services.notifications.inbox.usecases.live import InboxListeners
from services.notifications.inbox.usecases.reading import Inbox
from services.notifications.inbox.usecases.tickets import StreamTickets
from services.notifications.projections.repository import MongoContactRepository
from services.notifications.projections.usecases import Readers
from services.notifications.settings import NotificationsSettings
from services.notifications.wording import Wording
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice, Work


def build_inbox(dependencies: ServiceDependencies, listeners: InboxListeners) -> Inbox:
    database = dependencies.database
    contacts = MongoContactRepository(database)
    return Inbox(MongoInboxRepository(database), Readers(contacts), contacts, Wording(), listeners, dependencies.clock)


def build(dependencies: ServiceDependencies, settings: NotificationsSettings) -> Slice:
    repository, listeners = MongoInboxRepository(dependencies.database), InboxListeners()
    ticket_repository = MongoTicketRepository(dependencies.database)
    tickets = StreamTickets(ticket_repository, dependencies.clock, new_code=lambda: secrets.token_urlsafe(32))
    streams = Gauge("preceptor_inbox_streams", "Open live streams", registry=dependencies.metrics.registry)
    streams.set_function(lambda: listeners.listening)

    async def prepare() -> None:
        await repository.prepare(read_kept=timedelta(days=settings.read_kept_days))
        await ticket_repository.prepare()

    return Slice(
        prepare=[prepare],
        routers=[inbox_router(build_inbox(dependencies, listeners), tickets, settings)],
        work={"live": Work(role="api", run=lambda: _wake_listeners(repository, listeners))},
    )


async def _wake_listeners(repository: MongoInboxRepository, listeners: InboxListeners) -> None:
    """Wakes the listeners of this process from its single change stream."""
    async for recipient in repository.watch_changed_recipients():
        if recipient is None:
            listeners.wake_all()
        else:
            listeners.wake(recipient)
