"""A mentee's place in a round: a mentor, or left over. Members see a place only after it is settled. A mentee who gets
several mentors has a place for each.

Publication settles each place separately: it checks the hard rules again and takes the seat as an acceptance does.
A pair that is no longer possible becomes `lapsed` with a reason. Its mentee joins the waiting list in its order, and is
not displaced: repairs are for mentees who had a mentor, and would put this one before others who wait longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from services.matching.kernel.pairs import Decided, Pair, Party
from services.matching.mentoring.domain import requests
from services.matching.mentoring.domain.obstacles import obstacle, own_obstacle
from services.matching.mentoring.domain.relationships import Relationship, begin
from services.matching.mentoring.domain.requests import Request, Situation
from shared.contracts.matching import MenteeUnmatched, PairLapsed

PlaceState = Literal["planned", "left", "opened", "lapsed", "unmatched"]
"""Before publication `planned` (a pair) or `left` (left over); after it one of the others."""
UNSETTLED: tuple[PlaceState, ...] = ("planned", "left")
_GONE = frozenset({"matched_elsewhere", "mentee_left", "paused"})
"""Reasons of mentees who no longer wait."""
_MENTEES_OWN = _GONE | {"profile_incomplete"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The mentee is matched if the mentor gets `seats` more seats."""

    mentor: Party
    seats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    id: str
    round: str
    institution: str
    """The institution that owns the round."""
    programme: str
    mentee: Party
    mentor: Party | None = None
    choice: int | None = None
    """The mentor's rank on the mentee's list, from 1."""
    is_pinned: bool = False
    turn: int = 1
    """2 for a mentee's second mentor."""
    state: PlaceState
    version: int = 1
    reason: str | None = None
    """The code that explains `left`, `unmatched` or `lapsed`."""
    opens: tuple[Opening, ...] = ()
    waiting_since: datetime
    order: str
    """Sort key of the waiting list: the longest wait first, then a lot."""
    waits: bool = False
    """Whether the mentee is on the waiting list."""
    relationship: str | None = None

    @property
    def is_settled(self) -> bool:
        return self.state not in UNSETTLED

    @property
    def published_reason(self) -> str | None:
        """The reason that the mentee may see: `not_available` for every reason on the mentor's side."""
        is_mentors = self.state == "lapsed" and self.reason not in _MENTEES_OWN
        return "not_available" if is_mentors else self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    place: Decided[Place]
    pair: Sequence[Decided[Relationship] | Decided[Request]] = ()
    """The relationship that begins, and the requests that it withdraws."""


def settle(place: Place, situation: Situation, *, relationship: str, now: datetime) -> Settlement | None:
    """None where the place is settled already."""
    if place.is_settled:
        return None
    if place.mentor is None:
        own = own_obstacle(situation, is_served=situation.mentors > 0)
        return Settlement(place=_left_over(place, own or place.reason or "outranked"))
    if reason := obstacle(situation, is_served=situation.has_enough_mentors):
        return Settlement(place=_lapsed(place, reason, has_mentor=situation.mentors > 0))
    pair = Pair(programme=place.programme, mentee=place.mentee, mentor=place.mentor)
    begun = begin(pair, id=relationship, request=None, round=place.round, now=now)
    settled = requests.requests_ended_by_pair(pair, situation, reason="matched_in_round", now=now)
    opened = Decided(state=_next(place, state="opened", relationship=relationship), event=None)
    return Settlement(place=opened, pair=[begun, *settled])


def _left_over(place: Place, reason: str) -> Decided[Place]:
    after = _next(place, state="unmatched", reason=reason, waits=reason not in _GONE)
    recipients = (after.mentee.as_recipient,) if after.waits else ()
    return Decided(state=after, event=MenteeUnmatched(reason=reason, recipients=recipients, **_event_fields(after)))


def _lapsed(place: Place, reason: str, *, has_mentor: bool) -> Decided[Place]:
    """A mentee who has another mentor does not wait: the next round counts them among those who want one more."""
    after = _next(place, state="lapsed", reason=reason, waits=reason not in _GONE and not has_mentor)
    recipients = (after.mentee.as_recipient,) if after.waits else ()
    event = PairLapsed(reason=after.published_reason or reason, recipients=recipients, **_event_fields(after))
    return Decided(state=after, event=event)


def _next(place: Place, **changed: Any) -> Place:
    return replace(place, version=place.version + 1, **changed)


def _event_fields(place: Place) -> dict[str, Any]:
    return {"place": place.id, "round": place.round, "programme": place.programme, "mentee": place.mentee.as_recipient}
