"""The relationship of a mentor and a mentee. It takes a seat while active or paused, none while on hold or closed.

It is put on hold when one party becomes inactive: its seat becomes free for another mentee, and resuming it takes a
seat again.

A closed relationship separates the two for as long as the programme sets for the closing reason, whichever of them
would be the mentor. Either party can ask to separate them forever; no other person can see that request.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from services.matching.kernel.pairs import Decided, DisplacementCause, Pair, Side
from services.matching.kernel.participants import Person, Policy
from shared.contracts.matching import (
    MEMBER_MOVED,
    ConflictDetected,
    RelationshipClosed,
    RelationshipOpened,
    RelationshipPaused,
    RelationshipResumed,
)
from shared.contracts.payload import Recipient
from shared.contracts.profiles import separation_days
from shared.errors import Conflict

RelationshipState = Literal["active", "paused", "on_hold", "closed"]
ClosingReason = Literal["goals_reached", "no_time", "not_a_fit", "conflict_of_interest", "moved_on", "unspecified"]
_ALLOWS_REPEAT = frozenset({"goals_reached", "moved_on", "repaired", "lapsed", "period_over"})
"""Closing reasons after which the mentee may request the same mentor again at any time."""
_DISPLACING_REASONS = frozenset({"no_time", "not_a_fit", "conflict_of_interest", "unspecified"})
"""Reasons of a mentor's closing that displace the mentee; after the others the mentoring is complete."""

EXCHANGE_FULL = "the mentor's institution has already given the mentee's institution all the seats that they agreed on"
ConflictReason = Literal["assessment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    id: str
    pair: Pair
    state: RelationshipState = "active"
    version: int = 1
    since: datetime
    request: str | None = None
    round: str | None = None
    repair: str | None = None
    continues: str | None = None
    """The closed relationship that it continues, after one of the two has moved to another institution."""
    reason: str | None = None
    """Why it is paused, on hold or closed."""
    closed_at: datetime | None = None
    conflict: ConflictReason | None = None
    """Why the two should not be mentor and mentee; None without a conflict."""
    due_at: datetime | None = None
    """When the separation that follows from the closing reason ends."""
    is_apart_for_good: bool = False
    """The closed relationship separates the two without an end. Never shown."""
    hidden_versions: int = 0
    """Number of versions that recorded such a request after the closing. Entity tags leave them out, to hide it."""

    @property
    def shown_version(self) -> int:
        return self.version - self.hidden_versions

    @property
    def takes_seat(self) -> bool:
        return self.state in ("active", "paused")

    @property
    def is_open(self) -> bool:
        return self.state != "closed"

    @property
    def separates(self) -> bool:
        """Whether it is closed and keeps the two apart."""
        return not self.is_open and (self.due_at is not None or self.is_apart_for_good)

    @property
    def allows_repeat(self) -> bool:
        """Whether the mentee may request the same mentor again, although the relationship separates the two."""
        return self.reason in _ALLOWS_REPEAT and not self.is_apart_for_good


def begin(
    pair: Pair, *, id: str, request: str | None, now: datetime, round: str | None = None, repair: str | None = None
) -> Decided[Relationship]:
    """Opens a relationship: after a request, or for a round, a repair or (without any of them) a coordinator. Both
    parties are recipients of the event; after a request none are, because the acceptance already notifies the mentee.
    """
    new = Relationship(id=id, pair=pair, request=request, round=round, repair=repair, since=now)
    recipients = () if request else _both(pair)
    event = RelationshipOpened(request=request, round=round, repair=repair, recipients=recipients, **_event_fields(new))
    return Decided(state=new, event=event, seats=1)


def continue_elsewhere(
    relationship: Relationship, *, pair: Pair, id: str, now: datetime
) -> tuple[Decided[Relationship], Decided[Relationship]]:
    """Closes the relationship of a member who moves to another institution, and opens the one that continues it between
    `pair`, paused if it was. The second event notifies both.
    """
    closed = _ended(relationship, (), reason=MEMBER_MOVED, now=now)
    is_paused = relationship.state == "paused"
    new = Relationship(
        id=id,
        pair=pair,
        state="paused" if is_paused else "active",
        reason=relationship.reason if is_paused else None,
        continues=relationship.id,
        since=now,
    )
    event = RelationshipOpened(continues=relationship.id, recipients=_both(pair), **_event_fields(new))
    return closed, Decided(state=new, event=event, seats=1)


def pause(relationship: Relationship, *, by: Side) -> Decided[Relationship]:
    if relationship.state != "active":
        raise _wrong_state(relationship, "relationship_not_active")
    after = _next_version(relationship, state="paused", reason=f"by_{by}")
    event = RelationshipPaused(
        reason=f"by_{by}", recipients=(after.pair.across(by).as_recipient,), **_event_fields(after)
    )
    return Decided(state=after, event=event)


def resume(
    relationship: Relationship, *, by: Side, mentee: Person | None, mentor: Person | None, policy: Policy | None
) -> Decided[Relationship]:
    """Raises `Conflict`. Seats and ceilings are private to the mentor's side, so the mentee gets `not_available` for
    every obstacle.
    """
    if relationship.state not in ("paused", "on_hold"):
        raise _wrong_state(relationship, "relationship_not_paused")
    seat_refusal = None if relationship.takes_seat or mentor is None else _seat_refusal(relationship, mentor, policy)
    if seat_refusal is not None and by == "mentor":
        raise seat_refusal
    is_here = mentee is not None and mentor is not None and mentee.member.is_active and mentor.member.is_active
    if not is_here or relationship.conflict or seat_refusal:
        raise Conflict("not_available", "this mentee and this mentor cannot be matched at the moment")
    after = _next_version(relationship, state="active", reason=None)
    event = RelationshipResumed(recipients=(after.pair.across(by).as_recipient,), **_event_fields(after))
    return Decided(state=after, event=event, seats=int(after.takes_seat) - int(relationship.takes_seat))


def resume_after_planned_pause(
    relationship: Relationship, *, mentee: Person | None, mentor: Person | None, policy: Policy | None
) -> Decided[Relationship]:
    """The end of a pause that one of the two has planned; the mentorship's event notifies both. Raises `Conflict`."""
    decided = resume(relationship, by="mentor", mentee=mentee, mentor=mentor, policy=policy)
    return replace(decided, event=RelationshipResumed(recipients=(), **_event_fields(decided.state)))


def _seat_refusal(relationship: Relationship, mentor: Person, policy: Policy | None) -> Conflict | None:
    if mentor.taken >= mentor.member.capacity:
        return Conflict("no_seat_left", "the mentor has no free seat: raise the capacity, or wait until a seat is free")
    if policy is not None and policy.is_full(relationship.pair.exchange):
        return Conflict("exchange_full", EXCHANGE_FULL)
    return None


def close(
    relationship: Relationship,
    *,
    by: Side,
    reason: ClosingReason,
    never_again: bool,
    policy: Policy | None,
    now: datetime,
) -> Decided[Relationship]:
    """Advances the version by one with or without `never_again`, so that the version does not reveal it."""
    if not relationship.is_open:
        raise _wrong_state(relationship, "relationship_closed")
    return _with_separation(_closed(relationship, by=by, reason=reason, now=now), policy, now, never_again=never_again)


def end(relationship: Relationship, *, reason: str, policy: Policy | None, now: datetime) -> Decided[Relationship]:
    """Closes the relationship of a mentorship that has ended, whose event notifies both. Displaces nobody: it ended by
    agreement or by time.
    """
    return _with_separation(_ended(relationship, (), reason=reason, now=now), policy, now, never_again=False)


def end_by_coordinator(
    relationship: Relationship, *, reason: ClosingReason, policy: Policy | None, now: datetime
) -> Decided[Relationship]:
    """Notifies both. Displaces nobody: the coordinator decides who mentors the mentee next."""
    if not relationship.is_open:
        raise _wrong_state(relationship, "relationship_closed")
    closed = _ended(relationship, _both(relationship.pair), reason=reason, now=now)
    return _with_separation(closed, policy, now, never_again=False)


def keep_apart(relationship: Relationship) -> Decided[Relationship] | None:
    """Separates the two forever after the closing, at either party's request; None where they already are."""
    if relationship.is_open or relationship.is_apart_for_good:
        return None
    hidden = relationship.hidden_versions + 1
    return Decided(state=_next_version(relationship, is_apart_for_good=True, hidden_versions=hidden), event=None)


def close_for_repair(relationship: Relationship, *, policy: Policy | None, now: datetime) -> Decided[Relationship]:
    """Closes a relationship that a repair replaced. Only the mentor is notified of the closing; the mentee is notified
    of the new relationship.
    """
    return _with_separation(
        _closed(relationship, by="mentee", reason="repaired", now=now), policy, now, never_again=False
    )


def pass_time(relationship: Relationship, *, now: datetime) -> Decided[Relationship] | None:
    """Ends a separation whose time is over; None where nothing is due."""
    if relationship.due_at is None or relationship.due_at > now:
        return None
    return Decided(state=_next_version(relationship, due_at=None), event=None)


def _with_separation(
    closed: Decided[Relationship], policy: Policy | None, now: datetime, *, never_again: bool
) -> Decided[Relationship]:
    days_by_reason = separation_days(policy.programme.separation_days if policy else {})
    days = next((days for reason, days in days_by_reason.items() if reason == closed.state.reason), 0)
    due_at = now + timedelta(days=days) if isinstance(days, int) and days > 0 else None
    for_good = never_again or days == "forever"
    return replace(closed, state=replace(closed.state, due_at=due_at, is_apart_for_good=for_good))


def find_conflict(relationship: Relationship, *, reason: ConflictReason) -> Decided[Relationship]:
    """Records a conflict and notifies both parties. A relationship that takes a seat keeps it until a repair finds
    another mentor.
    """
    after = _next_version(relationship, conflict=reason)
    event = ConflictDetected(reason=reason, recipients=_both(after.pair), **_event_fields(after))
    return Decided(state=after, event=event, displaces="conflict" if after.takes_seat else None)


def clear_conflict(relationship: Relationship) -> Decided[Relationship]:
    return Decided(state=_next_version(relationship, conflict=None), event=None)


def leave(relationship: Relationship, *, side: Side, is_erased: bool, now: datetime) -> Decided[Relationship] | None:
    """Puts the relationship on hold, or closes it after an erasure; None where it does not change."""
    if is_erased and relationship.is_open:
        return _closed(relationship, by=side, reason=f"{side}_left", now=now)
    return _put_on_hold(relationship, side) if relationship.takes_seat else None


def _put_on_hold(relationship: Relationship, side: Side) -> Decided[Relationship]:
    after = _next_version(relationship, state="on_hold", reason=f"{side}_inactive")
    event = RelationshipPaused(
        reason=f"{side}_inactive", recipients=(after.pair.across(side).as_recipient,), **_event_fields(after)
    )
    return Decided(state=after, event=event, seats=-1, displaces="mentor_left" if side == "mentor" else None)


def _closed(relationship: Relationship, *, by: Side, reason: str, now: datetime) -> Decided[Relationship]:
    after = _next_version(relationship, state="closed", reason=reason, closed_at=now)
    event = RelationshipClosed(reason=reason, recipients=(after.pair.across(by).as_recipient,), **_event_fields(after))
    return Decided(
        state=after,
        event=event,
        seats=-int(relationship.takes_seat),
        displaces=_displacement_cause(by=by, reason=reason),
    )


def _ended(
    relationship: Relationship, recipients: tuple[Recipient, ...], *, reason: str, now: datetime
) -> Decided[Relationship]:
    after = _next_version(relationship, state="closed", reason=reason, closed_at=now)
    event = RelationshipClosed(reason=reason, recipients=recipients, **_event_fields(after))
    return Decided(state=after, event=event, seats=-int(relationship.takes_seat))


def _both(pair: Pair) -> tuple[Recipient, Recipient]:
    return pair.mentee.as_recipient, pair.mentor.as_recipient


def _displacement_cause(*, by: Side, reason: str) -> DisplacementCause | None:
    if by == "mentor" and reason in _DISPLACING_REASONS:
        return "closed_by_mentor"
    return "mentor_left" if reason == "mentor_left" else None


def _next_version(relationship: Relationship, **changed: Any) -> Relationship:
    return replace(relationship, version=relationship.version + 1, **changed)


def _event_fields(relationship: Relationship) -> dict[str, Any]:
    pair = relationship.pair
    return {
        "relationship": relationship.id,
        "programme": pair.programme,
        "mentee": pair.mentee.as_recipient,
        "mentor": pair.mentor.as_recipient,
    }


def _wrong_state(relationship: Relationship, code: str) -> Conflict:
    return Conflict(code, f"the relationship is {relationship.state.replace('_', ' ')}, so this cannot be done")
