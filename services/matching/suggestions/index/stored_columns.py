"""The stored lists of a programme's mentees as columns, so that one vector comparison finds the lists that a changed
mentor enters or leaves.
"""

import numpy as np

from services.matching.kernel.columns import Bools
from services.matching.kernel.participants import Weights
from shared.contracts.profiles import FACTORS

LONGEST = 10
"""Largest number of entries of a list."""
NO_MENTOR = -1


class StoredListColumns:
    """Indexed by the mentees' rows."""

    def __init__(self, rows: int = 64) -> None:
        self.kept: Bools = np.zeros(rows, dtype=np.bool_)
        self.awaited: Bools = np.zeros(rows, dtype=np.bool_)
        self.rows = np.full((rows, LONGEST), NO_MENTOR, dtype=np.int32)
        self.length = np.zeros(rows, dtype=np.int32)
        self.last = np.zeros(rows, dtype=np.int32)
        """Score of the last entry; its tie-breaker is `tie`."""
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
        self.rows[row] = mentors + [NO_MENTOR] * (LONGEST - len(mentors))
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
