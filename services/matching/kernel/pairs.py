"""A mentee and a mentor as a pair in a programme, and the result of a decision about them."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from services.matching.kernel.participants import Exchange
from shared.contracts.payload import Payload, Recipient

Side = Literal["mentee", "mentor"]
DisplacementCause = Literal["mentor_left", "capacity_lowered", "conflict", "closed_by_mentor", "lapsed"]
"""Why a mentee lost a mentor, or is about to, without having asked for it. `lapsed` (a round's pair that never began)
occurs in older documents only.
"""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    member: str
    institution: str

    @property
    def as_recipient(self) -> Recipient:
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
        """The party on the other side."""
        return self.mentor if side == "mentee" else self.mentee

    @property
    def exchange(self) -> Exchange:
        return self.mentee.institution, self.mentor.institution

    @property
    def is_across_institutions(self) -> bool:
        return self.mentee.institution != self.mentor.institution


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Generic[T]):
    """A new state, which replaces the previous version, and the event to publish."""

    state: T
    event: Payload | None
    seats: int = 0
    """Seats of the mentor that the decision takes: 1, 0 or -1."""
    displaces: DisplacementCause | None = None
    """Why the decision displaces the mentee, so that a repair places them again; None where it does not."""
