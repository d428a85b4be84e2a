"""The lists that a programme's mentees have, as columns: whom a changed mentor enters or leaves is one comparison."""

import numpy as np

from services.matching.kernel.columns import Bools
from services.matching.kernel.participants import Weights
from shared.contracts.profiles import FACTORS

LONGEST = 10
"""Entries of a list."""
NOBODY = -1


class StoredListColumns:
    """By the mentees' rows."""

    def __init__(self, rows: int = 64) -> None:
        self.kept: Bools = np.zeros(rows, dtype=np.bool_)
        self.awaited: Bools = np.zeros(rows, dtype=np.bool_)
        self.rows = np.full((rows, LONGEST), NOBODY, dtype=np.int32)
        self.length = np.zeros(rows, dtype=np.int32)
        self.last = np.zeros(rows, dtype=np.int32)
        """Score and tie of the last one on the list."""
        self.tie = np.zeros(rows, dtype=np.uint64)
        self.weights = np.zeros((len(FACTORS), rows), dtype=np.int32)

    def hold(self, row: int) -> None:
        while row >= self.kept.size:
            self._grow()
        self.kept[row] = True

    def drop(self, row: int) -> None:
        self.kept[row] = self.awaited[row] = False

    def weigh(self, row: int, weights: Weights) -> None:
        self.weights[:, row] = weights

    def remember(self, row: int, mentors: list[int], *, last: int, tie: int) -> None:
        self.rows[row] = mentors + [NOBODY] * (LONGEST - len(mentors))
        self.length[row], self.last[row], self.tie[row] = len(mentors), last, tie

    def first(self, count: int) -> "StoredListColumns":
        part = StoredListColumns(0)
        part.kept, part.rows, part.length = self.kept[:count], self.rows[:count], self.length[:count]
        part.awaited = self.awaited[:count]
        part.last, part.tie, part.weights = self.last[:count], self.tie[:count], self.weights[:, :count]
        return part

    def _grow(self) -> None:
        bigger, size = StoredListColumns(2 * self.kept.size), self.kept.size
        for name in ("kept", "awaited", "rows", "length", "last", "tie"):
            getattr(bigger, name)[:size] = getattr(self, name)
        bigger.weights[:, :size] = self.weights
        self.__dict__.update(bigger.__dict__)
