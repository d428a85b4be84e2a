"""What mentors carry: seats taken, hours promised, asks that wait for an answer. Of groups, sums only.

A group of fewer than five is hidden, and no sum has it in it: nothing in one answer can be subtracted from another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

LEAST_GROUP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One mentor's, all programmes together."""

    seats: int
    taken: int
    hours: int
    """A month, that they give to mentoring."""
    unanswered: int

    @property
    def promised(self) -> float:
        """Hours a month: a seat is worth an equal share of all. Above `hours` where seats were lowered beneath what is
        taken; where they were lowered to none (a pause), all hours are promised to those who stay.
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


def shown(groups: Mapping[str, Sequence[Load]]) -> dict[str, Sequence[Load]]:
    return {name: loads for name, loads in sorted(groups.items()) if len(loads) >= LEAST_GROUP}
