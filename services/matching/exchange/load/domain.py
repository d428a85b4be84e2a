"""The load of mentors: taken seats, promised hours, pending requests. Of institutions' groups only sums are shown.

A group of fewer than five mentors is hidden and excluded from all sums, so that it cannot be found by subtraction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

LEAST_GROUP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load of a mentor, in all programmes together."""

    seats: int
    taken: int
    hours: int
    """Hours a month that the mentor gives to mentoring."""
    unanswered: int

    @property
    def promised(self) -> float:
        """Promised hours a month: each seat is worth an equal share of `hours`. Exceeds `hours` where the seats were
        lowered below the taken seats; where they were lowered to 0 (a pause), all hours are promised.
        """
        return self.hours * self.taken / (self.seats or max(1, self.taken))


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    mentors: int
    seats: int
    taken: int
    hours: int
    promised: float
    unanswered: int


def total(loads: Iterable[Load]) -> Total:
    known = list(loads)
    return Total(
        mentors=len(known),
        seats=sum(load.seats for load in known),
        taken=sum(load.taken for load in known),
        hours=sum(load.hours for load in known),
        promised=sum(load.promised for load in known),
        unanswered=sum(load.unanswered for load in known),
    )


def large_groups(groups: Mapping[str, Sequence[Load]]) -> dict[str, Sequence[Load]]:
    """The groups of at least `LEAST_GROUP` mentors, sorted by name."""
    return {name: loads for name, loads in sorted(groups.items()) if len(loads) >= LEAST_GROUP}
