"""Follows matching's relationships: each of their events changes the mentorship in the reaction's transaction."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from services.mentorships.kernel.pairs import Decided, Pair, Party
from services.mentorships.lifecycle import domain
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.lifecycle.repository import CarryOver, MongoMentorships
from services.mentorships.policies.repository import introduction_days
from services.mentorships.projections.repository import are_held
from shared.clock import Clock
from shared.contracts.envelope import Received
from shared.contracts.matching import (
    MEMBER_MOVED,
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
    def __init__(self, mentorships: MongoMentorships, clock: Clock, *, carry_over: Sequence[CarryOver]) -> None:
        self._mentorships = mentorships
        self._clock = clock
        self._carry_over = carry_over

    def on_opened(self, received: Received, transaction: Transaction) -> None:
        event = _payload(received, RelationshipOpened)
        if self._mentorships.load(transaction, event.relationship) is not None:
            return
        if event.continues is not None and self._continue(received, event, event.continues, transaction):
            return
        now = self._clock.now()
        decided = domain.begin(
            _pair(event),
            id=event.relationship,
            introduction_days=introduction_days(transaction, event.programme),
            opened_at=received.envelope.time or now,
            now=now,
        )
        self._mentorships.save(transaction, decided, received.envelope.trace_for_effects(), before=None)

    def _continue(
        self, received: Received, event: RelationshipOpened, continued: str, transaction: Transaction
    ) -> bool:
        """Whether there was a mentorship to continue."""
        known = self._mentorships.load(transaction, continued)
        moved = (
            domain.continue_elsewhere(known, _pair(event), id=event.relationship, now=self._clock.now())
            if known is not None
            else None
        )
        if known is None or moved is None:
            return False
        ended, new = moved
        if are_held(transaction, new.state.pair.members):
            for carry_over in self._carry_over:
                carry_over(transaction, known, new.state)
        trace = received.envelope.trace_for_effects()
        self._mentorships.save(transaction, ended, trace, before=known)
        self._mentorships.save(transaction, new, trace, before=None)
        return True

    def on_paused(self, received: Received, transaction: Transaction) -> None:
        event = _payload(received, RelationshipPaused)
        self._follow(received, event, transaction, lambda known, now: domain.pause(known, reason=event.reason, now=now))

    def on_resumed(self, received: Received, transaction: Transaction) -> None:
        event = _payload(received, RelationshipResumed)
        self._follow(received, event, transaction, lambda known, now: domain.resume(known, now=now))

    def on_closed(self, received: Received, transaction: Transaction) -> None:
        event = _payload(received, RelationshipClosed)
        if event.reason == MEMBER_MOVED:  # the event of the relationship that continues it ends the mentorship
            return

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


def _pair(event: AboutRelationship) -> Pair:
    return Pair(programme=event.programme, mentee=_party(event.mentee), mentor=_party(event.mentor))


def _party(named: Recipient) -> Party:
    return Party(member=named.member, institution=named.institution)
