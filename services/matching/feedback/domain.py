"""How content a mentor's mentees were, counted so that nobody's answer can be told from it.

Answers count in groups of three and more: a level never differs because of one or two of them. Of a group only its sum
counts, and the lowest and the highest three sums alike: unanimity does not show. So whatever follows of levels, each of
a group may have given another answer. The mean is shrunk towards the network's, as if five more mentees had answered
that (an empirical Bayes estimate with a fixed prior), and rounded to few steps. All in whole numbers.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from services.matching.kernel.participants import USUAL

Rating = Literal[1, 2, 3, 4, 5]
RATINGS: tuple[Rating, ...] = get_args(Rating)
_TOGETHER = 3
"""So many new answers are counted together, and nothing is said of fewer."""
_ALIKE = 2
"""Sums so near to the lowest or the highest are one, and count as the middle of them."""
_PRIOR = 5
"""Answers that the network's mean is worth."""
_STEP = 25
_EIGHTHS = (1, 4)
"""Of a rating from the network's mean at which the first and the second step begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Of ratings."""

    answers: int = 0
    total: int = 0

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(answers=self.answers + other.answers, total=self.total + other.total)

    def __sub__(self, other: "Sum") -> "Sum":
        return Sum(answers=self.answers - other.answers, total=self.total - other.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    sum: Sum
    level: int


def is_group(new: Sequence[Rating]) -> bool:
    """Whether answers that do not count yet are enough to."""
    return len(new) >= _TOGETHER


def count(new: Sequence[Rating], before: Sum, others: Sum) -> Counted:
    """A group, with those of a mentor that count already; `others`: of all other mentors."""
    own = before + _blurred(new)
    return Counted(sum=own, level=_level(own, own + others))


def forget(left: Collection[Sequence[Rating]], level: int) -> Counted:
    """What counts when the groups of an erased answer are dissolved: the level stays while anybody stands behind it."""
    own = Sum()
    for group in left:
        own += _blurred(group)
    return Counted(sum=own, level=level if left else USUAL)


def _blurred(group: Sequence[Rating]) -> Sum:
    total: int = sum(group)
    lowest, highest = min(RATINGS) * len(group), max(RATINGS) * len(group)
    if total <= lowest + _ALIKE:
        total = lowest + _ALIKE // 2
    elif total >= highest - _ALIKE:
        total = highest - _ALIKE // 2
    return Sum(answers=len(group), total=total)


def _level(own: Sum, everyone: Sum) -> int:
    """The shrunk mean is n / (n + prior) x (own mean - network's) above the network's: compared without dividing."""
    above = own.total * everyone.answers - own.answers * everyone.total
    unit = everyone.answers * (own.answers + _PRIOR)
    steps = sum(8 * abs(above) >= eighths * unit for eighths in _EIGHTHS)
    return USUAL + _STEP * steps * (1 if above > 0 else -1)
