"""A mentor and the mentee they have taken on. It takes a seat while active or paused, none while on hold or closed.

It is put on hold when one of the two becomes inactive: kept, but its seat is free for somebody else, and has to be
taken again to resume it.

Once it is closed, the same two are kept apart for as long as the programme says for that reason, whichever of them
would be the mentor; forever where the person who closes it asks for that, which nobody else can see.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from services.matching.kernel.pairs import Decided, Displacing, Pair, Side
from services.matching.kernel.participants import Person, Policy
from shared.contracts.matching import (
    ConflictDetected,
    RelationshipClosed,
    RelationshipOpened,
    RelationshipPaused,
    RelationshipResumed,
)
from shared.contracts.profiles import separation_days
from shared.errors import Conflict

RelationshipState = Literal["active", "paused", "on_hold", "closed"]
ClosingReason = Literal["goals_reached", "no_time", "not_a_fit", "conflict_of_interest", "moved_on", "unspecified"]
_ALLOWS_REPEAT = frozenset({"goals_reached", "moved_on", "repaired"})
"""Reasons that say nothing against the two: the mentee may ask again at any time."""
_LEAVES_BEHIND = frozenset({"no_time", "not_a_fit", "conflict_of_interest", "unspecified"})
"""A mentor's reasons after which the mentee is placed again; the others say that it came to its end."""

EXCHANGE_FULL = "the mentor's institution has already given the mentee's institution all the seats that they agreed on"
Conflicting = Literal["assessment"]


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
    reason: str | None = None
    """Why it is paused, on hold or closed."""
    closed_at: datetime | None = None
    conflict: Conflicting | None = None
    """Why the two should not be mentor and mentee; None while nothing speaks against it."""
    due_at: datetime | None = None
    """When a closed one stops keeping the two apart for its reason."""
    is_apart_for_good: bool = False
    """A closed one keeps them apart, whatever the time. Shown to nobody."""
    hidden_versions: int = 0
    """Versions that record such a wish after the closing, and that no entity tag may tell."""

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
        """It is closed, and the two are kept apart."""
        return not self.is_open and (self.due_at is not None or self.is_apart_for_good)

    @property
    def allows_repeat(self) -> bool:
        """By the mentee's wish, although it separates the two."""
        return self.reason in _ALLOWS_REPEAT and not self.is_apart_for_good


def begin(
    pair: Pair, *, id: str, request: str | None, now: datetime, round: str | None = None, repair: str | None = None
) -> Decided[Relationship]:
    """By a request, whose own fact tells who asked; or by a round or a repair, of which both hear the first time."""
    new = Relationship(id=id, pair=pair, request=request, round=round, repair=repair, since=now)
    told = (pair.mentee.told, pair.mentor.told) if round or repair else ()
    event = RelationshipOpened(request=request, round=round, repair=repair, recipients=told, **_about(new))
    return Decided(state=new, event=event, seats=1)


def pause(relationship: Relationship, *, by: Side) -> Decided[Relationship]:
    if relationship.state != "active":
        raise _not(relationship, "relationship_not_active")
    after = _next(relationship, state="paused", reason=f"by_{by}")
    event = RelationshipPaused(reason=f"by_{by}", recipients=(after.pair.across(by).told,), **_about(after))
    return Decided(state=after, event=event)


def resume(
    relationship: Relationship, *, by: Side, mentee: Person | None, mentor: Person | None, policy: Policy | None
) -> Decided[Relationship]:
    """Raises `Conflict`. Seats and ceilings are the mentor's side's own: to the mentee all that hinders is one code."""
    if relationship.state not in ("paused", "on_hold"):
        raise _not(relationship, "relationship_not_paused")
    seatless = None if relationship.takes_seat or mentor is None else _seatless(relationship, mentor, policy)
    if seatless is not None and by == "mentor":
        raise seatless
    is_here = mentee is not None and mentor is not None and mentee.member.is_active and mentor.member.is_active
    if not is_here or relationship.conflict or seatless:
        raise Conflict("not_available", "this mentee and this mentor cannot be matched at the moment")
    after = _next(relationship, state="active", reason=None)
    event = RelationshipResumed(recipients=(after.pair.across(by).told,), **_about(after))
    return Decided(state=after, event=event, seats=int(after.takes_seat) - int(relationship.takes_seat))


def _seatless(relationship: Relationship, mentor: Person, policy: Policy | None) -> Conflict | None:
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
    """With `never_again` the state's versions pass as without it, so that they do not tell."""
    if not relationship.is_open:
        raise _not(relationship, "relationship_closed")
    return _separated(_closed(relationship, by=by, reason=reason, now=now), policy, now, never_again=never_again)


def keep_apart(relationship: Relationship) -> Decided[Relationship] | None:
    """The wish of either person once it is closed, whoever closed it; None where they are apart for good already."""
    if relationship.is_open or relationship.is_apart_for_good:
        return None
    hidden = relationship.hidden_versions + 1
    return Decided(state=_next(relationship, is_apart_for_good=True, hidden_versions=hidden), event=None)


def give_way(relationship: Relationship, *, policy: Policy | None, now: datetime) -> Decided[Relationship]:
    """To what a repair found instead: of that the mentee hears, of this the mentor."""
    return _separated(_closed(relationship, by="mentee", reason="repaired", now=now), policy, now, never_again=False)


def pass_time(relationship: Relationship, *, now: datetime) -> Decided[Relationship] | None:
    """The time for which it separates the two is over; None where nothing is due."""
    if relationship.due_at is None or relationship.due_at > now:
        return None
    return Decided(state=_next(relationship, due_at=None), event=None)


def _separated(
    closed: Decided[Relationship], policy: Policy | None, now: datetime, *, never_again: bool
) -> Decided[Relationship]:
    said = separation_days(policy.programme.separation_days if policy else {})
    days = next((days for reason, days in said.items() if reason == closed.state.reason), 0)
    due_at = now + timedelta(days=days) if isinstance(days, int) and days > 0 else None
    for_good = never_again or days == "forever"
    return replace(closed, state=replace(closed.state, due_at=due_at, is_apart_for_good=for_good))


def find_conflict(relationship: Relationship, *, reason: Conflicting) -> Decided[Relationship]:
    """Both hear that something has to change, neither what; whoever has a seat keeps it until repair finds another."""
    after = _next(relationship, conflict=reason)
    both = (after.pair.mentee.told, after.pair.mentor.told)
    event = ConflictDetected(reason=reason, recipients=both, **_about(after))
    return Decided(state=after, event=event, displaces="conflict" if after.takes_seat else None)


def clear_conflict(relationship: Relationship) -> Decided[Relationship]:
    return Decided(state=_next(relationship, conflict=None), event=None)


def leave(relationship: Relationship, *, side: Side, is_erased: bool, now: datetime) -> Decided[Relationship] | None:
    """What becomes of it when one of the two goes; None where it stays as it is."""
    if is_erased and relationship.is_open:
        return _closed(relationship, by=side, reason=f"{side}_left", now=now)
    return _held(relationship, side) if relationship.takes_seat else None


def _held(relationship: Relationship, side: Side) -> Decided[Relationship]:
    after = _next(relationship, state="on_hold", reason=f"{side}_inactive")
    event = RelationshipPaused(reason=f"{side}_inactive", recipients=(after.pair.across(side).told,), **_about(after))
    return Decided(state=after, event=event, seats=-1, displaces="mentor_left" if side == "mentor" else None)


def _closed(relationship: Relationship, *, by: Side, reason: str, now: datetime) -> Decided[Relationship]:
    after = _next(relationship, state="closed", reason=reason, closed_at=now)
    event = RelationshipClosed(reason=reason, recipients=(after.pair.across(by).told,), **_about(after))
    return Decided(
        state=after, event=event, seats=-int(relationship.takes_seat), displaces=_displacing(by=by, reason=reason)
    )


def _displacing(*, by: Side, reason: str) -> Displacing | None:
    if by == "mentor" and reason in _LEAVES_BEHIND:
        return "closed_by_mentor"
    return "mentor_left" if reason == "mentor_left" else None


def _next(relationship: Relationship, **changed: Any) -> Relationship:
    return replace(relationship, version=relationship.version + 1, **changed)


def _about(relationship: Relationship) -> dict[str, Any]:
    pair = relationship.pair
    return {
        "relationship": relationship.id,
        "programme": pair.programme,
        "mentee": pair.mentee.told,
        "mentor": pair.mentor.told,
    }


def _not(relationship: Relationship, code: str) -> Conflict:
    return Conflict(code, f"the relationship is {relationship.state.replace('_', ' ')}, so this cannot be done")
