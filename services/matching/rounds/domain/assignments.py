"""A mentee's place in a round: with a mentor, or left over. Members see nothing of it before it is settled.

Publication settles each on its own: the hard rules are asked again, and the seat is taken as an acceptance takes it.
What cannot be is `lapsed`, with a reason, and waits like those who were left over, in the order of the waiting list:
a mentee who never had a mentor is not displaced, and no repair places them before others who wait longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from services.matching.kernel import rules
from services.matching.kernel.pairs import Decided, Pair, Party
from services.matching.mentoring.domain import requests
from services.matching.mentoring.domain.relationships import Relationship, begin
from services.matching.mentoring.domain.requests import Request, Situation
from shared.contracts.matching import MenteeUnmatched, PairLapsed

PlaceState = Literal["planned", "left", "opened", "lapsed", "unmatched"]
"""Before publication and after it: a pair, or nobody."""
UNSETTLED: tuple[PlaceState, ...] = ("planned", "left")
_GONE = frozenset({"matched_elsewhere", "mentee_left", "paused"})
"""Reasons of somebody who waits no more."""
_MENTEES_OWN = _GONE | {"profile_incomplete"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What would change it: so many more seats there."""

    mentor: Party
    seats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    id: str
    round: str
    institution: str
    """The round's."""
    programme: str
    mentee: Party
    mentor: Party | None = None
    choice: int | None = None
    """1 for a first choice."""
    is_pinned: bool = False
    state: PlaceState
    version: int = 1
    reason: str | None = None
    """Why nobody, or why lapsed: a code."""
    opens: tuple[Opening, ...] = ()
    waiting_since: datetime
    order: str
    """Of the waiting list: who waits longest is first, then a lot."""
    waits: bool = False
    """On the waiting list."""
    relationship: str | None = None

    @property
    def is_settled(self) -> bool:
        return self.state not in UNSETTLED

    @property
    def published_reason(self) -> str | None:
        """As the mentee may hear it: one code for whatever is the mentor's own affair."""
        is_theirs = self.state == "lapsed" and self.reason not in _MENTEES_OWN
        return "not_available" if is_theirs else self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    place: Decided[Place]
    pair: Sequence[Decided[Relationship] | Decided[Request]] = ()
    """The relationship that begins, and the requests that it settles."""


def settle(place: Place, situation: Situation, *, relationship: str, now: datetime) -> Settlement | None:
    """None where somebody else has settled it."""
    if place.is_settled:
        return None
    if place.mentor is None:
        return Settlement(place=_left_over(place, _own_hindrance(situation) or place.reason or "outranked"))
    if reason := hindrance(situation):
        return Settlement(place=_lapsed(place, reason))
    pair = Pair(programme=place.programme, mentee=place.mentee, mentor=place.mentor)
    begun = begin(pair, id=relationship, request=None, round=place.round, now=now)
    settled = requests.settled_by_pairing(pair, situation, reason="matched_in_round", now=now)
    opened = Decided(state=_next(place, state="opened", relationship=relationship), event=None)
    return Settlement(place=opened, pair=[begun, *settled])


def _left_over(place: Place, reason: str) -> Decided[Place]:
    after = _next(place, state="unmatched", reason=reason, waits=reason not in _GONE)
    told = (after.mentee.as_recipient,) if after.waits else ()
    return Decided(state=after, event=MenteeUnmatched(reason=reason, recipients=told, **_about(after)))


def _lapsed(place: Place, reason: str) -> Decided[Place]:
    after = _next(place, state="lapsed", reason=reason, waits=reason not in _GONE)
    told, said = (after.mentee.as_recipient,) if after.waits else (), after.published_reason or reason
    event = PairLapsed(reason=said, recipients=told, **_about(after))
    return Decided(state=after, event=event)


def _own_hindrance(situation: Situation) -> str | None:
    who, policy = situation.mentee, situation.policy
    if who is None or policy is None or not rules.is_mentee(who, policy):
        return "mentee_left"
    return "matched_elsewhere" if situation.is_engaged else rules.own_reason(who)


def hindrance(situation: Situation) -> str | None:
    """Why the two cannot be brought together now: a code."""
    if mine := _own_hindrance(situation):
        return mine
    who, other, policy = situation.mentee, situation.mentor, situation.policy
    if who is None or policy is None or other is None or not rules.is_mentor(other, policy):
        return "mentor_left"
    if other.taken >= other.member.capacity:
        return "no_seat_left"
    if policy.is_full((who.member.institution, other.member.institution)):
        return "exchange_full"
    return rules.broken(who, other, policy)


def _next(place: Place, **changed: Any) -> Place:
    return replace(place, version=place.version + 1, **changed)


def _about(place: Place) -> dict[str, Any]:
    return {"place": place.id, "round": place.round, "programme": place.programme, "mentee": place.mentee.as_recipient}
