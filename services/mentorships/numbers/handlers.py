"""Follows matching: who was suggested a mentor, when each request was made, and what came of it."""

from typing import Protocol

from services.mentorships.numbers.domain import RequestOutcome
from shared.contracts.envelope import Received
from shared.contracts.matching import (
    AboutRequest,
    MentorRequested,
    RequestAccepted,
    RequestDeclined,
    RequestExpired,
    RequestWithdrawn,
    SuggestionsChanged,
)
from shared.errors import Rejected
from shared.mongo import Transaction

OUTCOMES: dict[type[AboutRequest], RequestOutcome] = {
    MentorRequested: "pending",
    RequestAccepted: "accepted",
    RequestDeclined: "declined",
    RequestWithdrawn: "withdrawn",
    RequestExpired: "expired",
}


class Record(Protocol):
    def __call__(
        self, transaction: Transaction, received: Received, event: AboutRequest, outcome: RequestOutcome
    ) -> None: ...


class RecordSuggested(Protocol):
    def __call__(self, transaction: Transaction, received: Received, event: SuggestionsChanged) -> None: ...


class Reactions:
    def __init__(self, record: Record, record_suggested: RecordSuggested) -> None:
        self._record = record
        self._record_suggested = record_suggested

    def on_suggestions_changed(self, received: Received, transaction: Transaction) -> None:
        if not isinstance(received.payload, SuggestionsChanged):
            raise Rejected("tombstone_of_a_fact", "a fact cannot be erased: this record has no value")
        self._record_suggested(transaction, received, received.payload)

    def on_request_changed(self, received: Received, transaction: Transaction) -> None:
        event = received.payload
        if not isinstance(event, AboutRequest):
            raise Rejected("tombstone_of_a_fact", "a fact cannot be erased: this record has no value")
        self._record(transaction, received, event, OUTCOMES[type(event)])
