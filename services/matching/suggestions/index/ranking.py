"""Ranks mentors for many mentees at once. Mentees are ordered so that neighbors share values: partial sums of factors
are reused up to the first factor in which the next mentee differs. The results equal those of `Pool.shortlist`, which a
test checks.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from services.matching.kernel import rules, scoring
from services.matching.kernel.columns import Bools, ExchangeTables, Ints, Rows, Side
from shared.contracts.profiles import FACTORS, Factor

_HIDDEN: tuple[Factor, ...] = FACTORS[scoring.OPEN :]
_ADDED: tuple[Factor, ...] = (
    *_HIDDEN,
    "formats",
    "languages",
    "stage",
    "time_zone",
    "style",
    "availability",
    "specialty",
    "topics",
)
"""The factors in the order of their sum: the fewer values mentees have, the earlier."""
_REMEMBERED = 256
"""Values of each factor: of 20,000 mentors 10 MB."""
Values = npt.NDArray[np.integer[Any]]


class Ranking:
    def __init__(self, mentors: Side, exchanges: ExchangeTables, *, least: int, length: int) -> None:
        self._mentors = mentors
        self._exchanges = exchanges
        self._least = least
        self._length = length
        self._no_mentor: Bools = np.zeros(mentors.present.size, dtype=np.bool_)

    def best(self, mentees: Side, weights: Ints, apart: Callable[[int], Rows]) -> Iterator[tuple[int, Rows, Ints]]:
        """Yields for each mentee, in any order: position, rows of mentors and scores, the best first, without `apart`.
        `weights` by factor and mentee.
        """
        keys = _keys(mentees, weights)
        order = np.lexsort(keys[::-1])
        sums = np.zeros((len(_ADDED) + 1, self._no_mentor.size), dtype=_narrowest(weights))
        known: list[dict[int, Values]] = [{} for _ in _ADDED]
        allowed: Rows = np.zeros(0, dtype=np.intp)
        for position, since in zip(order.tolist(), _first_that_differs(keys[:, order]), strict=True):
            mentee, own = mentees.take(slice(position, position + 1)), weights[:, position].tolist()
            if since == 0:
                allowed = self._allowed(mentee)
            for nth in range(max(0, since - 1), len(_ADDED)):
                factor, key = FACTORS.index(_ADDED[nth]), int(keys[nth + 1, position])
                if key not in known[nth]:
                    if len(known[nth]) >= _REMEMBERED:
                        known[nth].clear()
                    known[nth][key] = (scoring.EACH[factor][0](mentee, self._mentors) * own[factor]).astype(sums.dtype)
                np.add(sums[nth], known[nth][key], out=sums[nth + 1])
            rows = self._without(apart(position), allowed)
            if self._least:
                open_ = sums[-1].take(rows) - sums[len(_HIDDEN)].take(rows)
                rows = rows[open_ >= self._least * sum(own[: scoring.OPEN])]
            scores = sums[-1].take(rows)
            positions = scoring.best(scores, mentee=mentee.seed, mentors=self._mentors.seed[rows], length=self._length)
            yield position, rows[positions], scores[positions].astype(np.int32)

    def _allowed(self, mentee: Side) -> Rows:
        remaining = ~self._no_mentor
        for _, passes in rules.passing(mentee, self._mentors, self._exchanges, self._no_mentor):
            remaining &= passes
        return np.flatnonzero(remaining)

    def _without(self, apart: Rows, rows: Rows) -> Rows:
        if not apart.size:
            return rows
        kept = ~self._no_mentor
        kept[apart] = False
        return rows[kept[rows]]


def _keys(mentees: Side, weights: Ints) -> npt.NDArray[np.int64]:
    """Keys by row and mentee that are equal where the values read are: first those that rules read, then those of each
    factor of _ADDED with its weight.
    """
    reads = [(rules.READ, ()), *((scoring.EACH[nth][1], (weights[nth],)) for nth in map(FACTORS.index, _ADDED))]
    return np.stack([_numbers(mentees, names, own) for names, own in reads])


def _numbers(mentees: Side, names: tuple[str, ...], own: tuple[Ints, ...]) -> npt.NDArray[np.int64]:
    numbers = np.zeros(mentees.present.size, dtype=np.int64)
    for column in (*(row for name in names for row in np.atleast_2d(getattr(mentees, name))), *own):
        _, each = np.unique(column, return_inverse=True)
        _, numbers = np.unique(numbers * (int(each.max(initial=0)) + 1) + each, return_inverse=True)
    return numbers


def _first_that_differs(keys: npt.NDArray[np.int64]) -> list[int]:
    """By column: the first row in which it differs from the previous column; 0 for the first column."""
    differs = np.ones(keys.shape, dtype=np.bool_)
    differs[:-1, 1:] = keys[:-1, 1:] != keys[:-1, :-1]
    first: list[int] = differs.argmax(axis=0).tolist()
    return first


def _narrowest(weights: Ints) -> type[np.integer[Any]]:
    """Sums of half the width are twice as fast."""
    return np.uint16 if 100 * int(weights.sum(axis=0).max(initial=0)) < 2**16 else np.int32
