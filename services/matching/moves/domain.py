"""A person who changes institution takes their mentoring along: what decides whether a relationship can go on. Pure.

A member's institution never changes, so the person is another member at the new one. Each open relationship of the
former member is closed, and one with the new member continues it: each institution keeps the part of its own member.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from services.matching.kernel import rules
from services.matching.kernel.pairs import Decided, Pair, Party
from services.matching.mentoring.domain import relationships
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Situation

LASTS = timedelta(days=30)
StayReason = Literal["no_seat_left", "not_available"]
"""Why a relationship stays with the former member. `not_available` for everything that is private to the two."""
Moved = tuple[Decided[Relationship], Decided[Relationship]]
"""The relationship that is closed, and the one that continues it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveCode:
    """A member's code, stored by its hash. The member who enters it first is the new one, and may enter it again."""

    code_hash: str
    former: Party
    expires_at: datetime
    new: Party | None = None


def pair_after(pair: Pair, *, former: Party, new: Party) -> Pair:
    return replace(pair, mentee=new) if pair.mentee == former else replace(pair, mentor=new)


def move(
    relationship: Relationship, *, former: Party, new: Party, id: str, situation: Situation, now: datetime
) -> Moved | StayReason:
    """`situation`: of the pair after the move. Enrolment and terms between institutions do not count, as for every
    mentoring that has begun; seats do, and whatever keeps the two apart.
    """
    pair, mentee, mentor = pair_after(relationship.pair, former=former, new=new), situation.mentee, situation.mentor
    is_here = mentee is not None and mentor is not None and mentee.member.is_active and mentor.member.is_active
    if not is_here or mentee is None or mentor is None or situation.policy is None or mentee.id == mentor.id:
        return "not_available"
    if relationship.conflict or rules.are_kept_apart(mentee, mentor, situation.policy):
        return "not_available"
    gives_seat_back = relationship.takes_seat and pair.mentor == relationship.pair.mentor
    if not gives_seat_back and mentor.taken >= mentor.member.capacity:
        return "no_seat_left"
    return relationships.continue_elsewhere(relationship, pair=pair, id=id, now=now)
