"""Receipts: the other services' events that say that they have forgotten an erased member."""

from typing import Protocol

from shared.contracts.envelope import Received
from shared.contracts.matching import MatchingErasureCompleted
from shared.contracts.mentorships import MentorshipsErasureCompleted
from shared.contracts.notifications import NotificationsErasureCompleted
from shared.errors import Rejected
from shared.mongo import Transaction


class Receive(Protocol):
    def __call__(self, transaction: Transaction, institution: str, erasure: str, *, service: str) -> None: ...


class Reactions:
    def __init__(self, receive: Receive) -> None:
        """`receive` stores a service's receipt of an erasure, inside a transaction."""
        self._receive = receive

    def on_erasure_completed(self, received: Received, transaction: Transaction) -> None:
        event = received.payload
        if isinstance(event, MatchingErasureCompleted):
            self._receive(transaction, event.institution, event.erasure, service="matching")
        elif isinstance(event, MentorshipsErasureCompleted):
            self._receive(transaction, event.institution, event.erasure, service="mentorships")
        elif isinstance(event, NotificationsErasureCompleted):
            self._receive(transaction, event.institution, event.erasure, service="notifications")
        else:
            raise Rejected("tombstone_of_a_fact", "a fact cannot be erased: this record has no value")
