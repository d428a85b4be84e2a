"""Events ↔ use cases."""

from collections.abc import Callable

from services.notifications.usecases.notifier import NotificationRepository, Notifier
from shared.contracts.envelope import Received
from shared.contracts.matching import AboutPlace, AboutRelationship, AboutRequest, SuggestionsChanged
from shared.contracts.profiles import ErasureRequested
from shared.errors import Rejected
from shared.mongo import Writing


class Reactions:
    def __init__(self, telling: Notifier, within: Callable[[Writing], NotificationRepository]) -> None:
        """`within` gives the store inside a transaction."""
        self._telling = telling
        self._within = within

    def on_suggestions_changed(self, received: Received, writing: Writing) -> None:
        event = received.payload
        if not isinstance(event, SuggestionsChanged):
            raise _tombstone()
        self._telling.suggestions_changed(event, received.envelope.caused(), self._within(writing))

    def on_turn(self, received: Received, writing: Writing) -> None:
        """Of a request or a relationship."""
        event = received.payload
        if not isinstance(event, AboutRequest | AboutRelationship):
            raise _tombstone()
        self._telling.pair_changed(event, received.envelope.caused(), self._within(writing))

    def on_left_over(self, received: Received, writing: Writing) -> None:
        """By a round."""
        event = received.payload
        if not isinstance(event, AboutPlace):
            raise _tombstone()
        self._telling.left_over(event, received.envelope.caused(), self._within(writing))

    def on_erasure_requested(self, received: Received, writing: Writing) -> None:
        """By a coordinator."""
        event = received.payload
        if not isinstance(event, ErasureRequested):
            raise _tombstone()
        self._telling.erasure_requested(event, received.envelope.caused(), self._within(writing))


def _tombstone() -> Rejected:
    return Rejected("tombstone_of_a_fact", "a fact cannot be erased: this record has no value")
