"""Each mentee's best mentors beyond the list, by the mentee's row, so that one who falls or leaves costs no new search.

Kept true: whoever is inside stands with the score they have now, and nobody outside ranks above the bound. So the first
of the inside are the first of all, as long as enough are left.
"""

from collections.abc import Callable

import numpy as np

from services.matching.kernel.columns import Bools, Ints, Rows, Words

RESERVE = 64
_EMPTY = -1
_UNKNOWN = np.iinfo(np.int32).max
"""As a bound: no search has been made yet, and nobody ranks above it."""
_NOBODY_OUTSIDE = -1
"""As a bound: everybody who may be suggested is inside."""
Ties = Callable[[Rows, Rows], Words]
"""Of mentees' and mentors' rows, pair by pair."""


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
        """After a search: the best in their order, more than fit inside if there are so many."""
        self.forget(mentee)
        self._known += 1
        inside = min(self.size, mentors.size)
        self._rows[mentee, :inside], self._scores[mentee, :inside] = mentors[:inside], scores[:inside]
        self._count[mentee], self._bound[mentee] = inside, _NOBODY_OUTSIDE
        if mentors.size > inside:
            self._bound[mentee] = scores[inside]
            self._bound_tie[mentee] = self._ties(np.array([mentee]), mentors[inside : inside + 1])[0]

    def forget(self, mentee: int) -> None:
        """Until the next search; and makes room for a mentee who is new."""
        while mentee >= self._count.size:
            self._grow()
        if self._bound[mentee] != _UNKNOWN:
            self._known -= 1
            self._rows[mentee] = self._scores[mentee] = _EMPTY
            self._count[mentee], self._bound[mentee] = 0, _UNKNOWN

    def clear(self) -> None:
        self.__dict__.update(Reserves(self._ties, size=self.size, rows=self._count.size).__dict__)

    def knows_first(self, mentees: Rows, length: int) -> Bools:
        """Whose best so many stand here, or everybody; for the others only a search can tell, or say why nobody."""
        enough = (self._count[mentees] >= length) | (self._bound[mentees] == _NOBODY_OUTSIDE)
        known: Bools = enough & (self._count[mentees] > 0)
        return known

    def first(self, mentees: Rows, length: int) -> tuple[Rows, Rows, Ints]:
        """Places in `mentees`, mentors and scores, pair by pair: each mentee's best in their order."""
        mentors, scores = self._rows[mentees].astype(np.intp), self._scores[mentees]
        ties = self._ties(np.repeat(mentees, self.size), mentors.reshape(-1)).reshape(mentors.shape)
        order = np.lexsort((ties, -scores))[:, :length]
        places = np.repeat(np.arange(mentees.size), order.shape[1])
        mentors, scores = mentors[places, order.reshape(-1)], scores[places, order.reshape(-1)]
        filled = mentors != _EMPTY
        return places[filled], mentors[filled], scores[filled]

    def put(self, mentor: int, eligible: Bools, scores: Ints) -> None:
        """The mentor as they are now, for all mentees; who is not eligible for a list is outside."""
        above = eligible & self._is_above(scores, mentor)
        places = np.flatnonzero(self._rows[: scores.size].reshape(-1) == mentor)
        mentees, slots = np.divmod(places, self.size)
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
        """Of those inside and the new one, the last goes outside, and is the bound."""
        slots, worst, worst_tie = self._worst(mentees)
        mine, my_tie = scores[mentees], self._ties(mentees, np.full(mentees.size, mentor))
        enters = (mine > worst) | ((mine == worst) & (my_tie < worst_tie))
        self._bound[mentees] = np.where(enters, worst, mine)
        self._bound_tie[mentees] = np.where(enters, worst_tie, my_tie)
        self._rows[mentees[enters], slots[enters]] = mentor
        self._scores[mentees[enters], slots[enters]] = mine[enters]

    def _worst(self, mentees: Rows) -> tuple[Rows, Ints, Words]:
        """Slot, score and tie of the last one inside, of full reserves."""
        scores = self._scores[mentees]
        worst = scores.min(axis=1)
        at, slots = np.nonzero(scores == worst[:, None])
        ties = self._ties(mentees[at], self._rows[mentees[at], slots].astype(np.intp))
        order = np.lexsort((ties, at))
        last = order[np.searchsorted(at, np.arange(mentees.size), side="right") - 1]
        return slots[last], worst, ties[last]

    def _grow(self) -> None:
        bigger, size = Reserves(self._ties, size=self.size, rows=2 * self._count.size), self._count.size
        for name in ("_rows", "_scores", "_count", "_bound", "_bound_tie"):
            getattr(bigger, name)[:size] = getattr(self, name)
        bigger._known = self._known
        self.__dict__.update(bigger.__dict__)
