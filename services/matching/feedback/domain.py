"""A mentor's level from mentees' ratings, computed so that no single answer can be inferred.

Answers count in groups of three and more, so that a level never differs because of one or two answers. Of a group only
its sum counts, and the three lowest sums count alike, as do the three highest, so that unanimity does not show: every
level is consistent with several answers of each member of a group. The mean is shrunk towards the network's as if five
more mentees had answered with it (an empirical Bayes estimate with a fixed prior), and rounded to few steps. All
numbers are whole.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from services.matching.kernel.participants import USUAL

Rating = Literal[1, 2, 3, 4, 5]
RATINGS: tuple[Rating, ...] = get_args(Rating)
_TOGETHER = 3
"""The least number of new answers that are counted, as a group."""
_ALIKE = 2
"""Sums within this distance of the lowest or the highest count alike, as their middle."""
_PRIOR = 5
"""The number of answers for which the network's mean counts."""
_STEP = 25
_EIGHTHS = (1, 4)
"""Distances from the network's mean, in eighths of a rating, at which the first and the second step begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """The number and the total of ratings."""

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
    """Whether there are enough new answers for a group."""
    return len(new) >= _TOGETHER


def count(new: Sequence[Rating], before: Sum, others: Sum) -> Counted:
    """Counts a new group with the mentor's earlier groups (`before`); `others` is the sum of all other mentors."""
    own = before + _blurred(new)
    return Counted(sum=own, level=_level(own, own + others))


def forget(left: Collection[Sequence[Rating]], level: int) -> Counted:
    """Counts again after an erasure dissolved groups: the level stays unless no group is left."""
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
