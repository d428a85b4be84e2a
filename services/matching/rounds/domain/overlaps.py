"""Checks, before a round takes its first seat, that rounds published since its freeze left the seats that it assigns.

A member's capacity counts in all programmes, so rounds of different programmes can assign the same seats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsSince:
    """Effects of the rounds whose publication began after this round's freeze."""

    is_superseded: bool = False
    """Whether such a round is of the same programme."""
    gives: Mapping[str, int] = field(default_factory=dict)
    """By mentor with mentees in this round and in such a round: the seats that this round assigns."""
    left: Mapping[str, int] = field(default_factory=dict)
    """By the same mentors: free seats, less those that a round in publication is still to take."""


def require_current(since_freeze: RoundsSince) -> None:
    """Raises `Conflict`."""
    if since_freeze.is_superseded:
        raise _outdated("another round of this programme was published")
    if short := sum(seats > since_freeze.left.get(mentor, 0) for mentor, seats in since_freeze.gives.items()):
        mentors = "1 mentor has" if short == 1 else f"{short} mentors have"
        raise _outdated(f"{mentors} fewer seats left than this round gives: another round was published")


def _outdated(why: str) -> Conflict:
    do = "drop this round and open it again, so that it is made from the people as they are now"
    return Conflict("round_outdated", f"{why} after this round's people were frozen: {do}")
