"""Many mentees' best mentors, one mentee after another: what depends on one of their attributes is worked out once for
each value that it has. Lists are the same as those that a search makes, and a test says so.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from services.matching.domain import rules, scoring
from services.matching.domain.columns import Bools, Ints, Rows, Side
from services.matching.domain.model import Weights

_REMEMBERED = 256
"""Values of each kind: of 20,000 mentors 20 MB a factor."""


class Ranking:
    def __init__(self, mentors: Side, exchanges: Bools, *, least: int, length: int) -> None:
        self._mentors = mentors
        self._exchanges = exchanges
        self._least = least
        self._length = length
        self._nobody: Bools = np.zeros(mentors.present.size, dtype=np.bool_)
        self._passing: dict[bytes, Rows] = {}
        self._weighed: list[dict[bytes, Ints]] = [{} for _ in scoring.EACH]

    def best(self, mentee: Side, weights: Weights, apart: Rows) -> tuple[Rows, Ints]:
        """Rows of mentors and their scores, the best first; none of `apart`."""
        rows = self._allowed(mentee)
        if apart.size:
            kept = ~self._nobody
            kept[apart] = False
            rows = rows[kept[rows]]
        open_ = self._sum(mentee, weights, range(scoring.OPEN))
        rows = rows[open_[rows] >= self._least * sum(weights[: scoring.OPEN])] if self._least else rows
        scores = (open_ + self._sum(mentee, weights, range(scoring.OPEN, len(scoring.EACH))))[rows]
        places = scoring.best(scores, mentee=mentee.seed, mentors=self._mentors.seed[rows], length=self._length)
        return rows[places], scores[places]

    def _allowed(self, mentee: Side) -> Rows:
        key = _key(mentee, rules.READ)
        if key not in self._passing:
            standing = ~self._nobody
            for _, passes in rules.passing(mentee, self._mentors, self._exchanges, self._nobody):
                standing &= passes
            _remember(self._passing, key, np.flatnonzero(standing))
        return self._passing[key]

    def _sum(self, mentee: Side, weights: Weights, which: range) -> Ints:
        total: Ints = np.zeros(self._nobody.size, dtype=np.int32)
        for nth in which:
            if weights[nth]:
                total += self._row(mentee, nth, weights[nth])
        return total

    def _row(self, mentee: Side, nth: int, weight: int) -> Ints:
        (factor, reads), known = scoring.EACH[nth], self._weighed[nth]
        key = _key(mentee, reads) + bytes([weight])
        if key not in known:
            _remember(known, key, factor(mentee, self._mentors) * np.int32(weight))
        return known[key]


def alike(mentees: Side) -> Rows:
    """An order in which those follow each other who have much in common, so that what is remembered is near."""
    few = (mentees.style, mentees.zone, mentees.stage, mentees.formats)
    return np.lexsort((*few, *mentees.languages, mentees.across, mentees.institution))


def _key(mentee: Side, reads: tuple[str, ...]) -> bytes:
    return b"".join(getattr(mentee, name).tobytes() for name in reads)


def _remember(known: dict[bytes, npt.NDArray[Any]], key: bytes, value: npt.NDArray[Any]) -> None:
    if len(known) >= _REMEMBERED:
        known.clear()
    known[key] = value
