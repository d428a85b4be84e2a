"""The hours of a mentorship, from the meetings that were held, and the mentor's certificate of them. Pure decisions.

A certificate names the mentor, and neither the mentee nor anything by which others find them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.mentorships.kernel.pairs import Side
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.meetings.domain.states import HeldMeeting
from shared.clock import derived_id
from shared.errors import Conflict, Forbidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    meetings: tuple[HeldMeeting, ...]
    """In order."""

    @property
    def minutes(self) -> int:
        return sum(meeting.minutes for meeting in self.meetings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    id: str
    """Derived from the mentorship's, which cannot be found from it."""
    member: str
    name: str
    """The mentor's own."""
    institution: str
    programme: str
    """The programme's name."""
    began_at: datetime
    ended_at: datetime
    meetings: int
    minutes: int


def hours(held: Sequence[HeldMeeting]) -> Hours:
    return Hours(meetings=tuple(sorted(held, key=lambda meeting: meeting.starts_at)))


def certify(mentorship: Mentorship, side: Side, given: Hours, *, name: str, programme: str) -> Certificate:
    """Raises `Forbidden` for the mentee, and `Conflict` before the end and where no meeting was held."""
    if side != "mentor":
        raise Forbidden("mentor_only", "a certificate is for the mentor; your record of hours is at /hours")
    if mentorship.ended_at is None:
        raise Conflict("mentorship_open", "there is a certificate once the mentorship has ended")
    if not given.meetings:
        raise Conflict("nothing_to_certify", "no meeting of this mentorship is recorded as held")
    mentor = mentorship.pair.mentor
    return Certificate(
        id=derived_id(mentorship.id, "certificate"),
        member=mentor.member,
        name=name,
        institution=mentor.institution,
        programme=programme,
        began_at=mentorship.began_at,
        ended_at=mentorship.ended_at,
        meetings=len(given.meetings),
        minutes=given.minutes,
    )
