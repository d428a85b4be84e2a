"""Reserves: each mentee's best mentors beyond the list, so that a mentor who falls or leaves needs no new search.

Invariants: a mentor in the reserve has their current score there, and no mentor outside ranks above the bound. So the
best of the reserve are the best of all, as long as enough are left.
"""

from collections.abc import Callable

import numpy as np

from services.matching.kernel.columns import Bools, Ints, Rows, Words

RESERVE = 64
_EMPTY = -1
_UNKNOWN = np.iinfo(np.int32).max
"""A bound above all scores: no search has been made yet."""
_NONE_OUTSIDE = -1
"""A bound below all scores: every eligible mentor is in the reserve."""
Ties = Callable[[Rows, Rows], Words]
"""Tie-breakers of mentees' and mentors' rows, pair by pair."""


class Reserves:
    def __init__(self, ties: Ties, *, size: int = RESERVE, rows: int = 64) -> None:
        self._ties = ties
        self.size = size
        self._rows = np.full((rows, size), _EMPTY, dtype=np.int32)
        self._scores = np.full((rows, size), _EMPTY, dtype=np.int32)
        self._count = np.zeros(rows, dtype=np.int32)
        self._bound = np.full(rows, _UNKNOWN, dtype=np.int32)
        self._bound_tie = np.zeros(rows, dtype=np.uint64)
        self._known = 0

    @property
    def any_known(self) -> bool:
        return self._known > 0

    def fill(self, mentee: int, mentors: Rows, scores: Ints) -> None:
        """Stores a search's result: mentors by rank, more than `size` of them if there are as many."""
        self.forget(mentee)
        self._known += 1
        inside = min(self.size, mentors.size)
        self._rows[mentee, :inside], self._scores[mentee, :inside] = mentors[:inside], scores[:inside]
        self._count[mentee], self._bound[mentee] = inside, _NONE_OUTSIDE
        if mentors.size > inside:
            self._bound[mentee] = scores[inside]
            self._bound_tie[mentee] = self._ties(np.array([mentee]), mentors[inside : inside + 1])[0]

    def forget(self, mentee: int) -> None:
        """Empties the reserve until the next search; adds rows for a new mentee."""
        while mentee >= self._count.size:
            self._grow()
        if self._bound[mentee] != _UNKNOWN:
            self._known -= 1
            self._rows[mentee] = self._scores[mentee] = _EMPTY
            self._count[mentee], self._bound[mentee] = 0, _UNKNOWN

    def clear(self) -> None:
        self.__dict__.update(Reserves(self._ties, size=self.size, rows=self._count.size).__dict__)

    def knows_first(self, mentees: Rows, length: int) -> Bools:
        """Whether the reserve holds the mentee's best `length` mentors, or all eligible ones; otherwise a search is
        needed.
        """
        enough = (self._count[mentees] >= length) | (self._bound[mentees] == _NONE_OUTSIDE)
        known: Bools = enough & (self._count[mentees] > 0)
        return known

    def first(self, mentees: Rows, length: int) -> tuple[Rows, Rows, Ints]:
        """Positions in `mentees`, mentors and scores, pair by pair: each mentee's best by rank."""
        mentors, scores = self._rows[mentees].astype(np.intp), self._scores[mentees]
        ties = self._ties(np.repeat(mentees, self.size), mentors.reshape(-1)).reshape(mentors.shape)
        order = np.lexsort((ties, -scores))[:, :length]
        positions = np.repeat(np.arange(mentees.size), order.shape[1])
        mentors, scores = mentors[positions, order.reshape(-1)], scores[positions, order.reshape(-1)]
        filled = mentors != _EMPTY
        return positions[filled], mentors[filled], scores[filled]

    def put(self, mentor: int, eligible: Bools, scores: Ints) -> None:
        """Updates a changed mentor in all reserves; where the mentor is not eligible, they are removed."""
        above = eligible & self._is_above(scores, mentor)
        positions = np.flatnonzero(self._rows[: scores.size].reshape(-1) == mentor)
        mentees, slots = np.divmod(positions, self.size)
        stays = above[mentees]
        self._scores[mentees[stays], slots[stays]] = scores[mentees[stays]]
        self._leave(mentees[~stays], slots[~stays])
        above[mentees] = False
        self._enter(mentor, np.flatnonzero(above), scores)

    def _is_above(self, scores: Ints, mentor: int) -> Bools:
        bound = self._bound[: scores.size]
        above: Bools = scores > bound
        level = np.flatnonzero(scores == bound)
        above[level] = self._ties(level, np.full(level.size, mentor)) < self._bound_tie[level]
        return above

    def _leave(self, mentees: Rows, slots: Rows) -> None:
        self._rows[mentees, slots] = self._scores[mentees, slots] = _EMPTY
        self._count[mentees] -= 1

    def _enter(self, mentor: int, mentees: Rows, scores: Ints) -> None:
        is_full = self._count[mentees] == self.size
        self._replace_worst(mentor, mentees[is_full], scores)
        mentees = mentees[~is_full]
        slots = (self._rows[mentees] == _EMPTY).argmax(axis=1)
        self._rows[mentees, slots], self._scores[mentees, slots] = mentor, scores[mentees]
        self._count[mentees] += 1

    def _replace_worst(self, mentor: int, mentees: Rows, scores: Ints) -> None:
        """Adds the mentor to full reserves; the worst of the old and the new mentors leaves and becomes the bound."""
        slots, worst, worst_tie = self._worst(mentees)
        mentor_scores, my_tie = scores[mentees], self._ties(mentees, np.full(mentees.size, mentor))
        enters = (mentor_scores > worst) | ((mentor_scores == worst) & (my_tie < worst_tie))
        self._bound[mentees] = np.where(enters, worst, mentor_scores)
        self._bound_tie[mentees] = np.where(enters, worst_tie, my_tie)
        self._rows[mentees[enters], slots[enters]] = mentor
        self._scores[mentees[enters], slots[enters]] = mentor_scores[enters]

    def _worst(self, mentees: Rows) -> tuple[Rows, Ints, Words]:
        """Slot, score and tie-breaker of the last mentor in each full reserve."""
        scores = self._scores[mentees]
        worst = scores.min(axis=1)
        positions, slots = np.nonzero(scores == worst[:, None])
        ties = self._ties(mentees[positions], self._rows[mentees[positions], slots].astype(np.intp))
        order = np.lexsort((ties, positions))
        last = order[np.searchsorted(positions, np.arange(mentees.size), side="right") - 1]
        return slots[last], worst, ties[last]

    def _grow(self) -> None:
        bigger, size = Reserves(self._ties, size=self.size, rows=2 * self._count.size), self._count.size
        for name in ("_rows", "_scores", "_count", "_bound", "_bound_tie"):
            getattr(bigger, name)[:size] = getattr(self, name)
        bigger._known = self._known
        self.__dict__.update(bigger.__dict__)
