"""Follows mentorships: one that has ended closes its relationship, and a planned return resumes it. Each once."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from services.matching.kernel.pairs import Decided
from services.matching.mentoring.domain import relationships as domain
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Situation
from shared.clock import Clock
from shared.contracts.envelope import Received, Trace
from shared.contracts.mentorships import AboutMentorship, MentorshipEnded, MentorshipReturnDue
from shared.errors import Conflict, Rejected
from shared.mongo import Transaction

P = TypeVar("P", bound=AboutMentorship)
Decide = Callable[[Relationship, Situation], Decided[Relationship] | None]


class ChangeWithin(Protocol):
    def __call__(self, transaction: Transaction, id: str, decide: Decide, trace: Trace) -> None:
        """Changes the relationship in the caller's transaction; ignores an id that is unknown."""


class Reactions:
    def __init__(self, change: ChangeWithin, clock: Clock) -> None:
        self._change = change
        self._clock = clock

    def on_mentorship_ended(self, received: Received, transaction: Transaction) -> None:
        event, now = _payload(received, MentorshipEnded), self._clock.now()
        self._follow(received, event, transaction, lambda open_, situation: _close(event, open_, situation, now))

    def on_return_due(self, received: Received, transaction: Transaction) -> None:
        event = _payload(received, MentorshipReturnDue)
        self._follow(received, event, transaction, _resume)

    def _follow(self, received: Received, event: AboutMentorship, transaction: Transaction, decide: Decide) -> None:
        def decide_own(relationship: Relationship, situation: Situation) -> Decided[Relationship] | None:
            if not _is_about(event, relationship):
                raise Rejected("another_institution", "names another programme, mentee or mentor of the relationship")
            return decide(relationship, situation)

        self._change(transaction, event.mentorship, decide_own, received.envelope.trace_for_effects())


def _close(
    event: MentorshipEnded, relationship: Relationship, situation: Situation, now: datetime
) -> Decided[Relationship] | None:
    """None where it is closed already: then the mentorship ended because of that."""
    if not relationship.is_open:
        return None
    return domain.end(relationship, reason=event.reason, policy=situation.policy, now=now)


def _resume(relationship: Relationship, situation: Situation) -> Decided[Relationship] | None:
    """None where it is not paused any more, or cannot be resumed: both are notified, and can see why when they try."""
    if relationship.state != "paused":
        return None
    try:
        return domain.resume_after_planned_pause(
            relationship, mentee=situation.mentee, mentor=situation.mentor, policy=situation.policy
        )
    except Conflict:  # the docstring says why that is right
        return None


def _is_about(event: AboutMentorship, relationship: Relationship) -> bool:
    pair = relationship.pair
    named = (event.programme, event.mentee, event.mentor)
    return named == (pair.programme, pair.mentee.as_recipient, pair.mentor.as_recipient)


def _payload(received: Received, kind: type[P]) -> P:
    if not isinstance(received.payload, kind):
        raise Rejected("tombstone_of_a_fact", "a fact cannot be erased: this record has no value")
    return received.payload
