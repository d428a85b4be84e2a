"""Follows matching's requests: when each was made, and what came of it."""

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


class Reactions:
    def __init__(self, record: Record) -> None:
        self._record = record

    def on_request_changed(self, received: Received, transaction: Transaction) -> None:
        event = received.payload
        if not isinstance(event, AboutRequest):
            raise Rejected("tombstone_of_a_fact", "a fact cannot be erased: this record has no value")
        self._record(transaction, received, event, OUTCOMES[type(event)])
