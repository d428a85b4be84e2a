"""Passes consumed events to the notifier."""

from collections.abc import Callable, Sequence

from services.notifications.notifying.usecases import AnyEvent, NotificationRepository, Notifier
from shared.contracts.envelope import Received, Trace
from shared.errors import Rejected
from shared.mongo import Transaction


class Reactions:
    def __init__(self, notifier: Notifier, within: Callable[[Transaction], NotificationRepository]) -> None:
        """`within` builds the repository of a transaction."""
        self._notifier = notifier
        self._within = within

    def on_event(self, received: Received, transaction: Transaction) -> None:
        self.on_events([received], transaction)

    def on_events(self, received: Sequence[Received], transaction: Transaction) -> None:
        self._notifier.notify([_event_of(each) for each in received], self._within(transaction))


def _event_of(received: Received) -> tuple[AnyEvent, Trace]:
    event = received.payload
    if not isinstance(event, AnyEvent):
        raise Rejected("tombstone_of_a_fact", "a fact cannot be erased: this record has no value")
    return event, received.envelope.trace_for_effects()
