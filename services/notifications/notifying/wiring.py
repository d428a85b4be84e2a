"""Wires the reactions to every event of which people are notified."""

from services.notifications.notifying.handlers import Reactions
from services.notifications.notifying.repository import MongoNotificationRepository
from services.notifications.notifying.usecases import AnyEvent, Notifier
from services.notifications.settings import NotificationsSettings
from shared.bootstrap import ServiceDependencies
from shared.contracts.catalogue import EVENTS
from shared.slices import Slice

NOTIFYING = tuple(event for event in EVENTS.values() if issubclass(event, AnyEvent))


def build(dependencies: ServiceDependencies, settings: NotificationsSettings) -> Slice:
    notifier = Notifier(dependencies.clock, has_mail_server=settings.sends_mail)
    reactions = Reactions(notifier, MongoNotificationRepository)
    dependencies.consumers.reaction(dict.fromkeys(NOTIFYING, reactions.on_event), together=reactions.on_events)
    return Slice()
