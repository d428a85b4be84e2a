"""From pairs that may be matched to ranked wishes: what goes into a round's input.

A mentee ranks by own wishes, then by score. A mentor ranks by own wishes, then by band of score, then by who waits
longest. What is equal then stays equal: the solver draws lots.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.matching.domain.columns import Rows
from services.matching.domain.rounds.model import Longs, Wishes, lots


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Columns of equal length: one entry a pair that no rule forbids."""

    mentee: Rows
    mentor: Rows
    score: Longs
    named: Longs
    """The mentee's own wish: 1 for the first, 0 where they named others or nobody."""
    mentor_named: Longs


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
    own = (_unnamed_last(pairs.named), -pairs.score)
    drawn = lots(pairs.mentee, pairs.mentor, round=round, mentees=mentees, mentors=mentors)
    order = np.lexsort((drawn, *reversed(own), pairs.mentee))
    kept = order[_nth(pairs.mentee[order]) < list_length]
    bands = -(pairs.score // max(1, score_band))
    theirs = (_unnamed_last(pairs.mentor_named), bands, -waiting_days[pairs.mentee])
    return Wishes(
        mentee=pairs.mentee[kept],
        mentor=pairs.mentor[kept],
        rank=_ranks(pairs.mentee[kept], [key[kept] for key in own]),
        mentor_rank=_ranks(pairs.mentor[kept], [key[kept] for key in theirs]),
        score=pairs.score[kept],
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
