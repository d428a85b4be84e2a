"""The mentee and the mentor of a mentorship, and the result of a decision about them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, Protocol, TypeVar, get_args

from shared.contracts.payload import Payload, Recipient

Side = Literal["mentee", "mentor"]
SIDES: tuple[Side, ...] = get_args(Side)
"""In the order of `Pair.members`, and of the `parties` of a document."""


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

    def party(self, side: Side) -> Party:
        return self.mentee if side == "mentee" else self.mentor

    def across(self, side: Side) -> Party:
        """The party on the other side."""
        return self.mentor if side == "mentee" else self.mentee

    @property
    def both(self) -> tuple[Recipient, Recipient]:
        return self.mentee.as_recipient, self.mentor.as_recipient

    @property
    def members(self) -> tuple[str, str]:
        return self.mentee.member, self.mentor.member

    @property
    def institutions(self) -> tuple[str, ...]:
        return tuple(sorted({self.mentee.institution, self.mentor.institution}))


class Parties(Protocol):
    """The people whose an aggregate is, and the institutions whose members may be shown it."""

    @property
    def members(self) -> tuple[str, ...]: ...
    @property
    def institutions(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The parties of an aggregate that belongs to no mentorship."""

    members: tuple[str, ...]
    institutions: tuple[str, ...]


class OfPair:
    """An aggregate whose parties are the two people of a mentorship."""

    __slots__ = ()
    pair: Pair

    @property
    def parties(self) -> Pair:
        return self.pair


class Aggregate(Protocol):
    """What every aggregate of this service has. `kernel/repository.py` stores it."""

    @property
    def id(self) -> str: ...
    @property
    def parties(self) -> Parties: ...
    @property
    def version(self) -> int:
        """1 for a new aggregate; each saved decision raises it by one."""

    @property
    def due_at(self) -> datetime | None:
        """When time next changes the aggregate; None where nothing is due."""


S = TypeVar("S", bound=Aggregate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Generic[S]):
    """A new state, which replaces the previous version, and the event to publish."""

    state: S
    event: Payload | None = None
