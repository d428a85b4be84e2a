"""Follows matching's relationships: each of their events changes the mentorship in the reaction's transaction."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from services.mentorships.kernel.pairs import Decided, Pair, Party
from services.mentorships.lifecycle import domain
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.lifecycle.repository import MongoMentorships
from services.mentorships.policies.repository import introduction_days
from shared.clock import Clock
from shared.contracts.envelope import Received
from shared.contracts.matching import (
    AboutRelationship,
    RelationshipClosed,
    RelationshipOpened,
    RelationshipPaused,
    RelationshipResumed,
)
from shared.contracts.payload import Recipient
from shared.errors import Rejected
from shared.mongo import Transaction

P = TypeVar("P", bound=AboutRelationship)


class Reactions:
    def __init__(self, mentorships: MongoMentorships, clock: Clock) -> None:
        self._mentorships = mentorships
        self._clock = clock

    def on_opened(self, received: Received, transaction: Transaction) -> None:
        event = _payload(received, RelationshipOpened)
        if self._mentorships.load(transaction, event.relationship) is not None:
            return
        now = self._clock.now()
        decided = domain.begin(
            Pair(programme=event.programme, mentee=_party(event.mentee), mentor=_party(event.mentor)),
            id=event.relationship,
            introduction_days=introduction_days(transaction, event.programme),
            opened_at=received.envelope.time or now,
            now=now,
        )
        self._mentorships.save(transaction, decided, received.envelope.trace_for_effects(), before=None)

    def on_paused(self, received: Received, transaction: Transaction) -> None:
        event = _payload(received, RelationshipPaused)
        self._follow(received, event, transaction, lambda known, now: domain.pause(known, reason=event.reason, now=now))

    def on_resumed(self, received: Received, transaction: Transaction) -> None:
        event = _payload(received, RelationshipResumed)
        self._follow(received, event, transaction, lambda known, now: domain.resume(known, now=now))

    def on_closed(self, received: Received, transaction: Transaction) -> None:
        event = _payload(received, RelationshipClosed)

        def decide(known: Mentorship, now: datetime) -> Decided[Mentorship] | None:
            return domain.close(known, reason=event.reason, already_notified=event.recipients, now=now)

        self._follow(received, event, transaction, decide)

    def _follow(
        self,
        received: Received,
        event: AboutRelationship,
        transaction: Transaction,
        decide: Callable[[Mentorship, datetime], Decided[Mentorship] | None],
    ) -> None:
        """Ignores a relationship that was opened before this service first read the topic."""
        known = self._mentorships.load(transaction, event.relationship)
        decided = decide(known, self._clock.now()) if known is not None else None
        if decided is not None:
            self._mentorships.save(transaction, decided, received.envelope.trace_for_effects(), before=known)


def _payload(received: Received, kind: type[P]) -> P:
    if not isinstance(received.payload, kind):
        raise Rejected("tombstone_of_a_fact", "a fact cannot be erased: this record has no value")
    return received.payload


def _party(named: Recipient) -> Party:
    return Party(member=named.member, institution=named.institution)
