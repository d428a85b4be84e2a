"""Passes consumed events to the notifier."""

from collections.abc import Callable

from services.notifications.notifying.usecases import NotificationRepository, Notifier
from shared.contracts.envelope import Received
from shared.contracts.matching import AboutPlace, AboutRelationship, AboutRequest, SuggestionsChanged
from shared.contracts.mentorships import AboutMentorship, HearerListed, SupportChanged
from shared.contracts.profiles import ErasureRequested, ErasureWithdrawn
from shared.errors import Rejected
from shared.mongo import Writing


class Reactions:
    def __init__(self, notifier: Notifier, within: Callable[[Writing], NotificationRepository]) -> None:
        """`within` builds the repository of a transaction."""
        self._notifier = notifier
        self._within = within

    def on_suggestions_changed(self, received: Received, writing: Writing) -> None:
        event = received.payload
        if not isinstance(event, SuggestionsChanged):
            raise _tombstone()
        self._notifier.suggestions_changed(event, received.envelope.trace_for_effects(), self._within(writing))

    def on_pair_changed(self, received: Received, writing: Writing) -> None:
        """Handles every event about a request, a relationship or a mentorship."""
        event = received.payload
        if not isinstance(event, AboutRequest | AboutRelationship | AboutMentorship):
            raise _tombstone()
        self._notifier.pair_changed(event, received.envelope.trace_for_effects(), self._within(writing))

    def on_left_over(self, received: Received, writing: Writing) -> None:
        """Handles a mentee whom a round left without a mentor."""
        event = received.payload
        if not isinstance(event, AboutPlace):
            raise _tombstone()
        self._notifier.left_over(event, received.envelope.trace_for_effects(), self._within(writing))

    def on_confidential(self, received: Received, writing: Writing) -> None:
        """Handles what nobody reads in a notification."""
        event = received.payload
        if not isinstance(event, SupportChanged | HearerListed):
            raise _tombstone()
        self._notifier.hint(event, received.envelope.trace_for_effects(), self._within(writing))

    def on_erasure_request_changed(self, received: Received, writing: Writing) -> None:
        """Handles a coordinator's request for an erasure, and its withdrawal."""
        event = received.payload
        if not isinstance(event, ErasureRequested | ErasureWithdrawn):
            raise _tombstone()
        self._notifier.erasure_request_changed(event, received.envelope.trace_for_effects(), self._within(writing))


def _tombstone() -> Rejected:
    return Rejected("tombstone_of_a_fact", "a fact cannot be erased: this record has no value")
