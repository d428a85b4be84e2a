"""Mentoring requests: a mentee requests a mentor, who accepts or declines. A settled request never opens again.

Reasons that are private to the mentor's side (never-list, pause, seats, policy) reach the mentee as one code,
`not_available`: when the request is refused, and when a pending request is withdrawn for such a reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from services.matching.kernel import rules
from services.matching.kernel.pairs import Decided, Pair, Party, Side
from services.matching.kernel.participants import Person, Policy
from services.matching.kernel.reasons import UNMATCHED
from services.matching.mentoring.domain.relationships import EXCHANGE_FULL, Relationship, begin
from shared.contracts.matching import (
    MentorNudged,
    MentorRequested,
    RequestAccepted,
    RequestDeclined,
    RequestExpired,
    RequestWithdrawn,
)
from shared.errors import Conflict, NotFound, Rejected

RequestState = Literal["pending", "accepted", "declined", "withdrawn", "expired"]
DecliningReason = Literal["no_time", "other_expertise", "not_a_fit", "conflict_of_interest", "unspecified"]
Retraction = Literal[
    "matched_elsewhere",
    "matched_in_round",
    "matched_in_repair",
    "matched_by_coordinator",
    "mentee_left",
    "mentor_full",
    "mentor_left",
    "assessment",
    "exchange_full",
    "not_available",
]

PENDING_AT_MOST = 5
MESSAGE_LENGTH = 2000
OPEN_FOR = timedelta(days=14)
NUDGES = (timedelta(days=5), timedelta(days=10))
"""Times after the request at which the mentor is reminded of it."""
APART_FOR = timedelta(days=90)
_PRIVATE_REASONS: tuple[Retraction, ...] = (
    "mentor_full",
    "mentor_left",
    "assessment",
    "exchange_full",
    "not_available",
)
"""Published as `not_available` and to the mentee only, so that the event does not reveal which of them applied."""

_NOT_AVAILABLE = "this mentee and this mentor cannot be matched at the moment"
_REFUSALS = {
    "mentor_full": ("no_seat_left", "the mentor has no free seat: the request was withdrawn"),
    "exchange_full": ("exchange_full", EXCHANGE_FULL),
    "not_available": ("not_available", _NOT_AVAILABLE),
}
"""Refusals of a mentor's answer after the request was withdrawn: code and text are those of an answer just before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    id: str
    pair: Pair
    message: str
    """Visible to the two parties only."""
    state: RequestState = "pending"
    version: int = 1
    asked_at: datetime
    due_at: datetime | None
    """When the request is processed next: a pending one is nudged or expires, a declined one stops separating the two.
    """
    settled_at: datetime | None = None
    reason: str | None = None
    relationship: str | None = None
    is_repeat: bool = False
    """The two had a relationship before, which was closed."""

    @property
    def keeps_apart(self) -> bool:
        return self.state == "declined" and self.due_at is not None

    @property
    def expires_at(self) -> datetime | None:
        """None unless the request is pending."""
        return self.asked_at + OPEN_FOR if self.state == "pending" else None

    def is_open_at(self, now: datetime) -> bool:
        """Pending, and not due to expire."""
        return self.expires_at is not None and self.expires_at > now

    @property
    def published_reason(self) -> str | None:
        """The reason as published, and as everybody but the mentor may see it."""
        return "not_available" if self.reason in _PRIVATE_REASONS else self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that a decision about one mentee and one mentor depends on, as read in its transaction."""

    policy: Policy | None
    mentee: Person | None
    mentor: Person | None
    asked: Sequence[Request]
    """The mentee's pending requests."""
    competing_requests: Sequence[Request] = ()
    """The mentor's pending requests, read only where the decision may take the last seat."""
    are_together: bool = False
    """The two are mentee and mentor in this programme; read for pairs by hand only."""
    mentors: int = 0
    """How many mentors the mentee has in this programme; of a repair's move without the one whom the mentee leaves."""
    is_waiting: bool = False
    """The mentee is on a round's waiting list in this programme."""
    had_mentoring: bool = False
    """A relationship of this mentee with this mentor was closed."""

    @property
    def has_enough_mentors(self) -> bool:
        """The mentee has as many mentors in this programme as they want."""
        return self.mentee is not None and self.mentors >= self.mentee.member.mentors_wanted

    @property
    def is_last_wanted(self) -> bool:
        """With one mentor more, the mentee has as many as they want."""
        return self.mentee is None or self.mentors + 1 >= self.mentee.member.mentors_wanted

    @property
    def is_last_seat(self) -> bool:
        return self.mentor is not None and self.mentor.taken + 1 >= self.mentor.member.capacity


def request(
    id: str, *, programme: str, mentor: str, message: str, situation: Situation, now: datetime
) -> Decided[Request]:
    """Raises `NotFound`, `Conflict`, `Rejected`."""
    if len(message) > MESSAGE_LENGTH:
        raise Rejected("message_too_long", f"the message may have at most {MESSAGE_LENGTH} characters: shorten it")
    pair = _requested_pair(programme, mentor, situation)
    if any(pending.pair.mentor.member == mentor for pending in situation.asked):
        raise Conflict(
            "already_asked", "you have already asked this mentor: wait for the answer, or withdraw the request"
        )
    if len(situation.asked) >= PENDING_AT_MOST:
        raise Conflict("too_many_pending", f"you may have at most {PENDING_AT_MOST} open requests: withdraw one first")
    is_repeat = situation.had_mentoring
    new = Request(id=id, pair=pair, message=message, asked_at=now, due_at=now + NUDGES[0], is_repeat=is_repeat)
    event = MentorRequested(
        expires_at=now + OPEN_FOR, repeat=is_repeat, recipients=(pair.mentor.as_recipient,), **_event_fields(new)
    )
    return Decided(state=new, event=event)


def accept(
    request: Request, *, situation: Situation, relationship: str, now: datetime
) -> tuple[Decided[Request], Decided[Relationship], tuple[Decided[Request], ...]]:
    """Returns the accepted request, the new relationship, and the requests that the acceptance withdraws. Raises
    `Conflict`.

    `request` may have been read before the transaction; the situation determines whether it is still pending.
    """
    refuse_settled(request, now)
    _refuse_broken(situation)
    if all(pending.id != request.id for pending in situation.asked):
        raise Conflict("request_not_pending", "the request was answered or withdrawn a moment ago: load it again")
    accepted = _settled(request, "accepted", now, relationship=relationship)
    event = RequestAccepted(
        relationship=relationship, recipients=(request.pair.mentee.as_recipient,), **_event_fields(request)
    )
    return (
        Decided(state=accepted, event=event),
        begin(request.pair, id=relationship, request=request.id, now=now),
        tuple(_competing_requests(request.pair, situation, now, except_id=request.id)),
    )


def requests_ended_by_pair(
    pair: Pair, situation: Situation, *, reason: Retraction, now: datetime
) -> Iterator[Decided[Request]]:
    """Of two people who become a pair without an accepted request: withdraws the mentee's request to this mentor, if
    there is one, and what an acceptance of it would withdraw.
    """
    between_the_two = [pending for pending in situation.asked if pending.pair.mentor == pair.mentor]
    for pending in between_the_two:
        yield retract(pending, reason=reason, now=now)
    except_id = between_the_two[0].id if between_the_two else None
    yield from _competing_requests(pair, situation, now, except_id=except_id)


def decline(request: Request, *, reason: DecliningReason, now: datetime) -> Decided[Request]:
    refuse_settled(request, now)
    declined = _settled(request, "declined", now, reason=reason, due_at=now + APART_FOR)
    event = RequestDeclined(reason=reason, recipients=(request.pair.mentee.as_recipient,), **_event_fields(request))
    return Decided(state=declined, event=event)


def withdraw(request: Request, *, now: datetime) -> Decided[Request]:
    refuse_settled(request, now)
    withdrawn = _settled(request, "withdrawn", now, reason="by_mentee")
    event = RequestWithdrawn(
        reason="by_mentee", recipients=(request.pair.mentor.as_recipient,), **_event_fields(request)
    )
    return Decided(state=withdrawn, event=event)


def retract(request: Request, *, reason: Retraction, now: datetime) -> Decided[Request]:
    """Withdraws a request that can no longer be accepted. Where the reason is private to the mentor's side, the mentee
    is notified; otherwise the mentor.
    """
    withdrawn = _settled(request, "withdrawn", now, reason=reason)
    recipient = request.pair.mentee if reason in _PRIVATE_REASONS else request.pair.mentor
    published = withdrawn.published_reason or reason
    return Decided(
        state=withdrawn,
        event=RequestWithdrawn(reason=published, recipients=(recipient.as_recipient,), **_event_fields(request)),
    )


def end_if_unavailable(request: Request, *, situation: Situation, now: datetime) -> Decided[Request] | None:
    """Withdraws a pending request that a private rule makes impossible; None where no private rule does.

    Public rules are not read. The mentee's own never-list comes first and counts as a withdrawal by the mentee, which
    hides it from the mentor; every other private rule gives the same state, published reason and event. The stored
    reason is what the mentor's late answer is refused with.
    """
    mentee, mentor, policy = situation.mentee, situation.mentor, situation.policy
    if mentee is None or mentor is None or policy is None or not request.is_open_at(now):
        return None
    if mentor.id in mentee.private.never:
        return withdraw(request, now=now)
    if not rules.is_unavailable(mentee, mentor, policy):
        return None
    return retract(request, reason=_retraction_for(mentee, mentor, policy), now=now)


def _retraction_for(mentee: Person, mentor: Person, policy: Policy) -> Retraction:
    if mentor.taken >= mentor.member.capacity:
        return "mentor_full"
    return (
        "exchange_full" if policy.is_full((mentee.member.institution, mentor.member.institution)) else "not_available"
    )


def pass_time(request: Request, *, now: datetime) -> Decided[Request] | None:
    """Nudges or expires a pending request, or ends the separation of a declined one; None where nothing is due."""
    if request.due_at is None or request.due_at > now:
        return None
    if request.expires_at is None:
        return Decided(state=replace(request, version=request.version + 1, due_at=None), event=None)
    if now < request.expires_at:
        return _nudge(request, request.expires_at, now)
    event = RequestExpired(recipients=(request.pair.mentee.as_recipient,), **_event_fields(request))
    return Decided(state=_settled(request, "expired", now), event=event)


def _nudge(request: Request, expires_at: datetime, now: datetime) -> Decided[Request]:
    """Sends a single nudge, even where several have become due since the request was last processed."""
    times = [request.asked_at + after for after in NUDGES]
    next_due = next((at for at in times if at > now), expires_at)
    event = MentorNudged(
        nudge=sum(at <= now for at in times),
        expires_at=expires_at,
        recipients=(request.pair.mentor.as_recipient,),
        **_event_fields(request),
    )
    return Decided(state=replace(request, version=request.version + 1, due_at=next_due), event=event)


def leave(request: Request, *, side: Side, now: datetime) -> Decided[Request]:
    return retract(request, reason="mentee_left" if side == "mentee" else "mentor_left", now=now)


def _requested_pair(programme: str, mentor: str, situation: Situation) -> Pair:
    policy, mentee, other = situation.policy, situation.mentee, situation.mentor
    if policy is None or mentee is None or not rules.is_mentee(mentee, policy):
        raise NotFound("enrolment_not_found", "you are not enrolled as a mentee in a programme with this id")
    home = mentee.member.institution
    if other is None or not rules.is_mentor(other, policy) or not policy.exchanges(home, other.member.institution):
        raise NotFound("mentor_not_found", "there is no mentor with this id in this programme")
    if mine := rules.own_reason(mentee):
        raise Conflict(mine, UNMATCHED[mine])
    if rules.broken_by_wish(mentee, other, policy):
        raise Conflict(
            "not_available", "this mentor is not available at the moment: your list shows whom else you can ask"
        )
    return Pair(
        programme=programme,
        mentee=Party(member=mentee.id, institution=home),
        mentor=Party(member=mentor, institution=other.member.institution),
    )


def refuse_settled(request: Request, now: datetime) -> None:
    if request.state == "withdrawn" and request.reason in _REFUSALS:
        raise Conflict(*_REFUSALS[request.reason])
    if request.state != "pending":
        raise Conflict("request_not_pending", f"the request is {request.state} already")
    if request.expires_at is not None and request.expires_at <= now:
        raise Conflict("request_not_pending", "the request has expired: nobody answered it in time")


def _refuse_broken(situation: Situation) -> None:
    mentee, mentor, policy = situation.mentee, situation.mentor, situation.policy
    if mentee is None or mentor is None or policy is None:
        raise Conflict("not_available", _NOT_AVAILABLE)
    if mentor.taken >= mentor.member.capacity:
        raise Conflict("no_seat_left", "the mentor has no free seat: raise the capacity, or wait until a seat is free")
    if policy.is_full((mentee.member.institution, mentor.member.institution)):
        raise Conflict("exchange_full", EXCHANGE_FULL)
    if rules.broken_by_wish(mentee, mentor, policy):
        raise Conflict("not_available", _NOT_AVAILABLE)


def _competing_requests(
    pair: Pair, situation: Situation, now: datetime, *, except_id: str | None
) -> Iterator[Decided[Request]]:
    """Withdraws the mentee's other requests in the programme, unless they want one more mentor, and, where the pairing
    takes the mentor's last seat, every other mentee's request to this mentor.
    """
    for request in situation.asked if situation.is_last_wanted else ():
        if request.id != except_id and request.pair.programme == pair.programme:
            yield retract(request, reason="matched_elsewhere", now=now)
    for request in situation.competing_requests if situation.is_last_seat else ():
        if request.pair.mentee != pair.mentee:
            yield retract(request, reason="mentor_full", now=now)


def _settled(request: Request, state: RequestState, now: datetime, **changed: Any) -> Request:
    settled = {"version": request.version + 1, "settled_at": now, "due_at": None}
    return replace(request, state=state, **{**settled, **changed})


def _event_fields(request: Request) -> dict[str, Any]:
    pair = request.pair
    return {
        "request": request.id,
        "programme": pair.programme,
        "mentee": pair.mentee.as_recipient,
        "mentor": pair.mentor.as_recipient,
    }
