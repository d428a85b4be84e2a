"""Events of the other services: who is suggested, asked and matched, for cards; and receipts of erasures."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.consuming.consumer import Fold
from shared.consuming.projection import Refused
from shared.contracts.envelope import Received
from shared.contracts.matching import (
    ConflictDetected,
    MatchingErasureCompleted,
    MentorNudged,
    MentorRequested,
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
from shared.contracts.notifications import NotificationsErasureCompleted
from shared.contracts.payload import Payload
from shared.errors import Rejected
from shared.mongo import Writing


class Relations(Protocol):
    async def fold_pairs(self, received: Sequence[Received]) -> Sequence[Refused]: ...

    async def fold_lists(self, received: Sequence[Received]) -> Sequence[Refused]: ...


def projection_handlers(relations: Relations) -> Mapping[type[Payload], Fold]:
    """Which event goes into which copy."""
    return {
        SuggestionsChanged: relations.fold_lists,
        MentorRequested: relations.fold_pairs,
        MentorNudged: relations.fold_pairs,
        RequestAccepted: relations.fold_pairs,
        RequestDeclined: relations.fold_pairs,
        RequestWithdrawn: relations.fold_pairs,
        RequestExpired: relations.fold_pairs,
        RelationshipOpened: relations.fold_pairs,
        RelationshipPaused: relations.fold_pairs,
        RelationshipResumed: relations.fold_pairs,
        RelationshipClosed: relations.fold_pairs,
        ConflictDetected: relations.fold_pairs,
    }


class Receive(Protocol):
    def __call__(self, writing: Writing, institution: str, erasure: str, *, service: str) -> None: ...


class Reactions:
    def __init__(self, receive: Receive) -> None:
        """`receive` keeps a service's receipt of an erasure, inside a transaction."""
        self._receive = receive

    def on_erasure_completed(self, received: Received, writing: Writing) -> None:
        event = received.payload
        if isinstance(event, MatchingErasureCompleted):
            self._receive(writing, event.institution, event.erasure, service="matching")
        elif isinstance(event, NotificationsErasureCompleted):
            self._receive(writing, event.institution, event.erasure, service="notifications")
        else:
            raise Rejected("tombstone_of_a_fact", "a fact cannot be erased: this record has no value")
