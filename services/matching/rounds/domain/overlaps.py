"""Whether a round that waited while others were published can still be published as a whole, before it takes a seat.

Capacity is a member's in all programmes, so rounds of different programmes give away the same seats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanwhile:
    """What rounds did that were published, or began to be, after this one's people were frozen."""

    is_superseded: bool = False
    """One of them is of the same programme."""
    gives: Mapping[str, int] = field(default_factory=dict)
    """By mentor to whom both bring people: how many seats this round gives."""
    left: Mapping[str, int] = field(default_factory=dict)
    """Of the same mentors: seats that are free, without those that a round being published gives."""


def require_current(meanwhile: Meanwhile) -> None:
    """Raises `Conflict`."""
    if meanwhile.is_superseded:
        raise _outdated("another round of this programme was published")
    if short := sum(seats > meanwhile.left.get(mentor, 0) for mentor, seats in meanwhile.gives.items()):
        mentors = "1 mentor has" if short == 1 else f"{short} mentors have"
        raise _outdated(f"{mentors} fewer seats left than this round gives: another round was published")


def _outdated(why: str) -> Conflict:
    do = "drop this round and open it again, so that it is made from the people as they are now"
    return Conflict("round_outdated", f"{why} after this round's people were frozen: {do}")
