"""A round as columns with an entry for each wish, sorted by mentee and by the mentee's strict order.

Ties of rank are broken by a lot that round, mentee and mentor determine, so the order within a file has no effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.matching.kernel.columns import Bools, Rows, Words
from services.matching.kernel.scoring import seed, ties

Longs = npt.NDArray[np.int64]
NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Columns of equal length, in any order. Each pair that may be matched appears once."""

    mentee: Rows
    mentor: Rows
    rank: Longs
    """The rank that the mentee gives the mentor; 1 is best, ties are allowed."""
    mentor_rank: Longs
    score: Longs


@dataclass(frozen=True, kw_only=True)
class Instance:
    """`mentee`, `mentor`, … have an entry for each wish; `first[i]` to `first[i + 1]` are those of mentee i."""

    mentees: Sequence[str]
    mentors: Sequence[str]
    capacity: Longs
    mentee: Rows
    mentor: Rows
    rank: Longs
    score: Longs
    first: Rows
    mentor_position: Rows
    """By wish: its position when all are sorted by mentor and by the mentor's strict order."""
    excluded: Bools
    pinned: Rows
    """By mentee: the wish that a coordinator fixed, or NONE."""
    place: Longs
    """By wish: 1 for a first choice; ties share a number. Wishes that were granted in an earlier turn count."""
    wanted: Longs
    """By mentee: mentors wanted, in this turn and later ones."""
    least_group: Longs
    """By mentor: the fewest mentees, unless none."""
    closed: Bools
    """By mentor: takes nobody, because the minimum group size was not reached."""
    used: Longs
    """By mentor: seats that earlier turns took."""
    waits: Bools
    """By mentee: takes part from the next turn on."""

    @cached_property
    def by_mentor_position(self) -> Rows:
        """The inverse of `mentor_position`."""
        return _inverse(self.mentor_position)

    @cached_property
    def seats(self) -> Longs:
        """By mentor: the capacity less the mentees who are pinned, and those of earlier turns."""
        pinned = self.mentor[self.pinned[self.pinned != NONE]]
        return self.capacity - self.used - np.bincount(pinned, minlength=len(self.mentors))

    @cached_property
    def takes_part(self) -> Bools:
        """By mentee: takes part in this turn."""
        takes_part: Bools = (self.wanted > 0) & ~self.waits
        return takes_part

    @cached_property
    def open(self) -> Bools:
        """Wishes that could be matched if there were seats: of a mentee who takes part and is not pinned, without an
        exclusion, for a mentor who is not closed.
        """
        is_free = (self.pinned == NONE) & ~self.waits
        possible: Bools = ~self.excluded & is_free[self.mentee] & ~self.closed[self.mentor]
        return possible

    @cached_property
    def live(self) -> Bools:
        """Wishes that can be matched."""
        return self.open & (self.seats > 0)[self.mentor]

    def without(self, mentors: Sequence[int]) -> "Instance":
        """The same round, with these mentors closed too."""
        return replace(self, closed=self.closed | np.isin(np.arange(len(self.mentors)), mentors))

    def goes_on(self, outcome: Rows) -> Bools:
        """By mentee: takes part in the next turn."""
        again: Bools = (self.wanted > 1) & (outcome != NONE)
        return np.logical_or(self.waits, again)

    def next_turn(self, outcome: Rows) -> "Instance":
        """The mentees who want one more mentor and got one in this turn, and those who waited for the next turn, with
        the seats and wishes that are left.
        """
        kept = outcome[outcome != NONE]
        goes_on = self.goes_on(outcome)
        stays = goes_on[self.mentee]
        stays[kept] = False
        mentee = self.mentee[stays]
        return replace(
            self,
            mentee=mentee,
            mentor=self.mentor[stays],
            rank=self.rank[stays],
            score=self.score[stays],
            first=np.searchsorted(mentee, np.arange(len(self.mentees) + 1)),
            mentor_position=_inverse(np.argsort(self.mentor_position[stays])),
            excluded=self.excluded[stays],
            pinned=np.full(len(self.mentees), NONE, dtype=np.intp),
            place=self.place[stays],
            wanted=np.where(goes_on, self.wanted - ~self.waits, 0),
            used=self.used + np.bincount(self.mentor[kept], minlength=len(self.mentors)),
            waits=np.zeros(len(self.mentees), dtype=np.bool_),
        )


def instance(  # noqa: PLR0913 -- the columns of a round
    wishes: Wishes,
    *,
    round: str,
    mentees: Sequence[str],
    mentors: Sequence[str],
    capacity: Longs,
    pins: Sequence[tuple[int, int]] = (),
    exclusions: Sequence[tuple[int, int]] = (),
    wanted: Longs | None = None,
    waits: Bools | None = None,
    least_group: Longs | None = None,
) -> Instance:
    """`mentees` and `mentors` sorted by id; pins and exclusions as indexes of them. A pin must be among the wishes.
    By default each mentee wants one mentor and has none, and no mentor has a minimum group size.
    """
    drawn = lots(wishes.mentee, wishes.mentor, round=round, mentees=mentees, mentors=mentors)
    order = np.lexsort((wishes.mentor, drawn, wishes.rank, wishes.mentee))
    mentee, mentor = wishes.mentee[order], wishes.mentor[order]
    by_mentor_position = np.lexsort((mentee, drawn[order], wishes.mentor_rank[order], mentor))
    pair = mentee * len(mentors) + mentor
    pinned = np.full(len(mentees), NONE, dtype=np.intp)
    for row, column in pins:
        pinned[row] = np.flatnonzero(pair == row * len(mentors) + column)[0]
    first = np.searchsorted(mentee, np.arange(len(mentees) + 1))
    return Instance(
        mentees=mentees,
        mentors=mentors,
        capacity=capacity,
        mentee=mentee,
        mentor=mentor,
        rank=wishes.rank[order],
        score=wishes.score[order],
        first=first,
        mentor_position=_inverse(by_mentor_position),
        excluded=np.isin(pair, [row * len(mentors) + column for row, column in exclusions]),
        pinned=pinned,
        place=_places(mentee, wishes.rank[order], first),
        wanted=np.ones(len(mentees), dtype=np.int64) if wanted is None else wanted,
        least_group=np.zeros(len(mentors), dtype=np.int64) if least_group is None else least_group,
        closed=np.zeros(len(mentors), dtype=np.bool_),
        used=np.zeros(len(mentors), dtype=np.int64),
        waits=np.zeros(len(mentees), dtype=np.bool_) if waits is None else waits,
    )


def _places(mentee: Rows, rank: Longs, first: Rows) -> Longs:
    order = np.arange(mentee.size)
    starts = np.ones(mentee.size, dtype=np.bool_)
    starts[1:] = (mentee[1:] != mentee[:-1]) | (rank[1:] != rank[:-1])
    return np.maximum.accumulate(np.where(starts, order, 0)) - first[mentee] + 1


def lots(mentee: Rows, mentor: Rows, *, round: str, mentees: Sequence[str], mentors: Sequence[str]) -> Words:
    """By pair; the lower is preferred. The lots of a mentee differ, and so do those of a mentor."""
    of_mentee = np.array([seed(round, id) for id in mentees], dtype=np.uint64)
    of_mentor = np.array([seed(id) for id in mentors], dtype=np.uint64)
    return ties(of_mentee[mentee], of_mentor[mentor])


def _inverse(order: Rows) -> Rows:
    inverse = np.empty_like(order)
    inverse[order] = np.arange(order.size)
    return inverse
