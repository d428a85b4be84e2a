"""Many mentees' best mentors, the mentees in an order in which neighbours have much in common: of a sum of factors only
those are added anew from which on the next mentee differs. Lists are the same as those that a search makes, and a test
says so.
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
        self._nobody: Bools = np.zeros(mentors.present.size, dtype=np.bool_)

    def best(self, mentees: Side, weights: Ints, apart: Callable[[int], Rows]) -> Iterator[tuple[int, Rows, Ints]]:
        """Of each mentee, by place and in any order: rows of mentors and their scores, the best first; none of `apart`.
        `weights` by factor and mentee.
        """
        keys = _keys(mentees, weights)
        order = np.lexsort(keys[::-1])
        sums = np.zeros((len(_ADDED) + 1, self._nobody.size), dtype=_narrowest(weights))
        known: list[dict[int, Values]] = [{} for _ in _ADDED]
        allowed: Rows = np.zeros(0, dtype=np.intp)
        for place, since in zip(order.tolist(), _first_that_differs(keys[:, order]), strict=True):
            one, own = mentees.take(slice(place, place + 1)), weights[:, place].tolist()
            if since == 0:
                allowed = self._allowed(one)
            for nth in range(max(0, since - 1), len(_ADDED)):
                factor, key = FACTORS.index(_ADDED[nth]), int(keys[nth + 1, place])
                if key not in known[nth]:
                    if len(known[nth]) >= _REMEMBERED:
                        known[nth].clear()
                    known[nth][key] = (scoring.EACH[factor][0](one, self._mentors) * own[factor]).astype(sums.dtype)
                np.add(sums[nth], known[nth][key], out=sums[nth + 1])
            rows = self._but(apart(place), allowed)
            if self._least:
                open_ = sums[-1].take(rows) - sums[len(_HIDDEN)].take(rows)
                rows = rows[open_ >= self._least * sum(own[: scoring.OPEN])]
            scores = sums[-1].take(rows)
            places = scoring.best(scores, mentee=one.seed, mentors=self._mentors.seed[rows], length=self._length)
            yield place, rows[places], scores[places].astype(np.int32)

    def _allowed(self, mentee: Side) -> Rows:
        standing = ~self._nobody
        for _, passes in rules.passing(mentee, self._mentors, self._exchanges, self._nobody):
            standing &= passes
        return np.flatnonzero(standing)

    def _but(self, apart: Rows, rows: Rows) -> Rows:
        if not apart.size:
            return rows
        kept = ~self._nobody
        kept[apart] = False
        return rows[kept[rows]]


def _keys(mentees: Side, weights: Ints) -> npt.NDArray[np.int64]:
    """Rows of numbers that differ where what is read of a mentee does: first what rules read, then each factor of
    _ADDED with its weight.
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
    """Of columns in their order: the first row in which each is another than the one before; of the first one, 0."""
    differs = np.ones(keys.shape, dtype=np.bool_)
    differs[:-1, 1:] = keys[:-1, 1:] != keys[:-1, :-1]
    first: list[int] = differs.argmax(axis=0).tolist()
    return first


def _narrowest(weights: Ints) -> type[np.integer[Any]]:
    """Half as wide is twice as fast."""
    return np.uint16 if 100 * int(weights.sum(axis=0).max(initial=0)) < 2**16 else np.int32
