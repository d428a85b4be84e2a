"""Ranks the pairs that may be matched: the wishes of a round's input.

A mentee ranks by own choice, then by score. A mentor ranks by own choice, then by band of score, then by the mentee's
wait. Equal ranks stay equal: the solver breaks ties by lot.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from services.matching.kernel.columns import Bools, Rows
from services.matching.rounds.solver.model import Longs, Wishes, lots


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Columns of equal length, with an entry for each pair that no rule forbids."""

    mentee: Rows
    mentor: Rows
    score: Longs
    named: Longs
    """The rank of the mentee's own choice, from 1; 0 for a pair that they did not name."""
    mentor_named: Longs

    def at(self, rows: Rows | Bools) -> Self:
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


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
    """The best `list_length` of each mentee, ties broken by lot. A `score_band` of 0 or 1 compares exact scores."""
    drawn = lots(pairs.mentee, pairs.mentor, round=round, mentees=mentees, mentors=mentors)
    pairs = pairs.at(np.lexsort((drawn, -pairs.score, _unnamed_last(pairs.named), pairs.mentee)))
    pairs = pairs.at(_position_in_group(pairs.mentee) < list_length)
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


def _position_in_group(group: Rows) -> Longs:
    """By entry of a sorted column: how many entries of its group are before it."""
    return np.arange(group.size) - np.searchsorted(group, group)


def _ranks(group: Rows, keys: Sequence[Longs]) -> Longs:
    """1 for the lowest of a group; equal keys share a rank, and ranks have no gaps."""
    order = np.lexsort((*reversed(keys), group))
    columns = np.stack([group, *keys])[:, order]
    rises = np.ones(group.size, dtype=np.int64)
    rises[1:] = (columns[:, 1:] != columns[:, :-1]).any(axis=0)
    step = np.cumsum(rises)
    ranks = np.empty(group.size, dtype=np.int64)
    ranks[order] = step - step[np.searchsorted(group[order], group[order])] + 1 if group.size else 0
    return ranks
