"""Two people who are about to be, are, or were brought together, and the form in which decisions about them come."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from services.matching.kernel.participants import Exchange
from shared.contracts.payload import Payload, Recipient

Side = Literal["mentee", "mentor"]
DisplacementCause = Literal["mentor_left", "capacity_lowered", "conflict", "closed_by_mentor", "lapsed"]
"""Why somebody lost a mentor, or is about to, through no wish of their own. `lapsed`, of a round's pair that never
began, is read from older documents only.
"""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    member: str
    institution: str

    @property
    def told(self) -> Recipient:
        return Recipient(member=self.member, institution=self.institution)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    programme: str
    mentee: Party
    mentor: Party

    def side_of(self, member: str) -> Side | None:
        if member == self.mentee.member:
            return "mentee"
        return "mentor" if member == self.mentor.member else None

    def across(self, side: Side) -> Party:
        """The other one."""
        return self.mentor if side == "mentee" else self.mentee

    @property
    def exchange(self) -> Exchange:
        return self.mentee.institution, self.mentor.institution

    @property
    def is_across_institutions(self) -> bool:
        return self.mentee.institution != self.mentor.institution


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Generic[T]):
    """A state that follows the version right before its own, and the fact of it."""

    state: T
    event: Payload | None
    seats: int = 0
    """Of the mentor's, taken by it: 1, 0 or -1."""
    displaces: DisplacementCause | None = None
    """The mentee is to be placed again, for this cause."""
