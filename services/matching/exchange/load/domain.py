"""The load of mentors: taken seats, promised and given hours, pending requests. Of groups only sums are shown.

A group of fewer than five mentors is hidden and excluded from all sums, so that it cannot be found by subtraction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

LEAST_GROUP = 5
COUNTED = timedelta(days=30)
"""The month to which `hours_per_month` is compared: hours given in the last 30 days count."""
Format = Literal["meeting", "group", "flash", "outreach"]
"""How hours were given: a meeting of one mentorship or of several; or, without a seat, a conversation or a visit to a
school.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Hours that a mentor gave once."""

    id: str
    mentor: str
    institution: str
    format: Format
    at: datetime
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenMinutes:
    """In the last month."""

    in_all: int = 0
    without_seat: int = 0
    """Of these, in formats that take no seat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load of a mentor, in all programmes together."""

    seats: int
    taken: int
    hours: int
    """Hours a month that the mentor gives to mentoring."""
    unanswered: int
    minutes: GivenMinutes = GivenMinutes()

    @property
    def promised(self) -> float:
        """Promised hours a month: each seat is worth an equal share of `hours`, and what takes no seat counts as it was
        given. Exceeds `hours` where the seats were lowered below the taken seats; where they were
        lowered to 0 (a pause), all hours are promised.
        """
        return self.hours * self.taken / (self.seats or max(1, self.taken)) + self.minutes.without_seat / 60

    @property
    def given(self) -> float:
        """Hours in the last month, in every format."""
        return self.minutes.in_all / 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    mentors: int
    seats: int
    taken: int
    hours: int
    promised: float
    given: float
    unanswered: int


def total(loads: Iterable[Load]) -> Total:
    known = list(loads)
    return Total(
        mentors=len(known),
        seats=sum(load.seats for load in known),
        taken=sum(load.taken for load in known),
        hours=sum(load.hours for load in known),
        promised=sum(load.promised for load in known),
        given=sum(load.given for load in known),
        unanswered=sum(load.unanswered for load in known),
    )


def large_groups(groups: Mapping[str, Sequence[Load]]) -> dict[str, Sequence[Load]]:
    """The groups of at least `LEAST_GROUP` mentors, sorted by name."""
    return {name: loads for name, loads in sorted(groups.items()) if len(loads) >= LEAST_GROUP}
