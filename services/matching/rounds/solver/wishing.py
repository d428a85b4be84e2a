"""From pairs that may be matched to ranked wishes: what goes into a round's input.

A mentee ranks by own wishes, then by score. A mentor ranks by own wishes, then by band of score, then by who waits
longest. What is equal then stays equal: the solver draws lots.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from services.matching.kernel.columns import Bools, Rows
from services.matching.rounds.solver.model import Longs, Wishes, lots


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Columns of equal length: one entry a pair that no rule forbids."""

    mentee: Rows
    mentor: Rows
    score: Longs
    named: Longs
    """The mentee's own wish: 1 for the first, 0 where they named others or nobody."""
    mentor_named: Longs

    def at(self, rows: Rows | Bools) -> Self:
        return type(self)(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})

    def and_(self, other: Self) -> Self:
        both = {one.name: (getattr(self, one.name), getattr(other, one.name)) for one in fields(self)}
        return type(self)(**{name: np.concatenate(columns) for name, columns in both.items()})


def wishes(
    pairs: Pairs,
    *,
    round: str,
    mentees: Sequence[str],
    mentors: Sequence[str],
    waiting_days: Longs,
    list_length: int,
    score_band: int,
) -> Wishes:
    """The first `list_length` of each mentee. `score_band` 0 or 1: scores as they are."""
    order = in_order(pairs, round=round, mentees=mentees, mentors=mentors)
    return ranked(listed(pairs.at(order), list_length), waiting_days=waiting_days, score_band=score_band)


def in_order(pairs: Pairs, *, round: str, mentees: Sequence[str], mentors: Sequence[str]) -> Rows:
    """Rows by mentee, the best first; equal ones by the solver's lot."""
    drawn = lots(pairs.mentee, pairs.mentor, round=round, mentees=mentees, mentors=mentors)
    return np.lexsort((drawn, -pairs.score, _unnamed_last(pairs.named), pairs.mentee))


def listed(pairs: Pairs, list_length: int) -> Pairs:
    """The first of each mentee, of pairs in order."""
    return pairs.at(_nth(pairs.mentee) < list_length)


def ranked(pairs: Pairs, *, waiting_days: Longs, score_band: int) -> Wishes:
    bands = -(pairs.score // max(1, score_band))
    own = [_unnamed_last(pairs.named), -pairs.score]
    theirs = [_unnamed_last(pairs.mentor_named), bands, -waiting_days[pairs.mentee]]
    return Wishes(
        mentee=pairs.mentee,
        mentor=pairs.mentor,
        rank=_ranks(pairs.mentee, own),
        mentor_rank=_ranks(pairs.mentor, theirs),
        score=pairs.score,
    )


def _unnamed_last(named: Longs) -> Longs:
    return np.where(named == 0, np.iinfo(np.int64).max, named)


def _nth(group: Rows) -> Longs:
    """Of each entry of a sorted column: how many of its group stand before it."""
    return np.arange(group.size) - np.searchsorted(group, group)


def _ranks(group: Rows, keys: Sequence[Longs]) -> Longs:
    """1 for the least of a group; equal keys share a rank, and no rank is left out."""
    order = np.lexsort((*reversed(keys), group))
    columns = np.stack([group, *keys])[:, order]
    rises = np.ones(group.size, dtype=np.int64)
    rises[1:] = (columns[:, 1:] != columns[:, :-1]).any(axis=0)
    step = np.cumsum(rises)
    ranks = np.empty(group.size, dtype=np.int64)
    ranks[order] = step - step[np.searchsorted(group[order], group[order])] + 1 if group.size else 0
    return ranks
