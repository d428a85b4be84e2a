"""A coordinator matches two members of their own institution. Every hard rule holds as in a round."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services.matching.kernel.pairs import Decided, Pair, Party
from services.matching.kernel.participants import Person
from services.matching.mentoring.domain import requests
from services.matching.mentoring.domain.obstacles import obstacle
from services.matching.mentoring.domain.relationships import Relationship, begin
from services.matching.mentoring.domain.requests import Request, Situation
from shared.errors import Conflict, NotFound

_REFUSALS = {
    "mentee_left": ("not_a_mentee", "this member is not an active mentee of the programme"),
    "mentor_left": ("not_a_mentor", "this member is not an active mentor of the programme"),
    "paused": ("mentee_paused", "the mentee has paused mentoring"),
    "profile_incomplete": ("mentee_incomplete", "the mentee's profile names no topic or no language yet"),
    "no_seat_left": ("mentor_full", "the mentor has no free seat"),
    "no_common_language": ("no_common_language", "the two have no language in common"),
    "no_common_format": ("no_common_format", "the two have no way to meet in common"),
}
"""Code and text, by obstacle. Every other obstacle may be private to one of the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPair:
    id: str
    """Of the relationship."""
    programme: str
    institution: str
    """The coordinator's."""
    mentee: str
    mentor: str


def match_by_hand(
    wanted: WantedPair, situation: Situation, *, now: datetime
) -> Iterator[Decided[Relationship] | Decided[Request]]:
    """The relationship that begins, and the requests that it settles. Raises `NotFound`, `Conflict`."""
    _require_own(situation.mentee, wanted, "mentee")
    _require_own(situation.mentor, wanted, "mentor")
    if situation.are_together:
        raise Conflict("already_together", "these two are mentee and mentor in this programme already")
    if reason := obstacle(situation, is_served=False):
        raise Conflict(*_REFUSALS.get(reason, ("pair_not_possible", "these two cannot be matched: ask both of them")))
    home = wanted.institution
    pair = Pair(
        programme=wanted.programme,
        mentee=Party(member=wanted.mentee, institution=home),
        mentor=Party(member=wanted.mentor, institution=home),
    )
    yield begin(pair, id=wanted.id, request=None, now=now)
    yield from requests.requests_ended_by_pair(pair, situation, reason="matched_by_coordinator", now=now)


def _require_own(person: Person | None, wanted: WantedPair, side: str) -> None:
    if person is None or person.member.institution != wanted.institution:
        raise NotFound(f"{side}_not_found", f"your institution has no member with this id: {side}")
