"""Coverage: as many people matched as can be, then the greatest total score; exact, with dual values that prove it.

A wish is worth `bonus` + its score, the bonus being more than all scores together. Dual values (prices of seats, gains
of mentees) prove that no matching is worth more: linear programming's weak duality, in whole numbers.
"""

from dataclasses import dataclass

import numpy as np

from services.matching.kernel.columns import Bools, Rows
from services.matching.rounds.solver.model import NOBODY, Instance, Longs
from shared.errors import Rejected

_MOST_PLACES = 20_000_000
"""Pairs of a wish and a seat that it may take: 1.6 GB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    outcome: Rows
    """By mentee: the wish that came true, or NOBODY."""
    gain: Longs
    """By mentee: what the matching is worth to them above the seat's price."""
    price: Longs
    """By mentor, of one seat; 0 where one is left over. Of all prices that prove the outcome, the lowest."""
    bonus: int


def coverage(instance: Instance) -> Covered:
    """Raises `Rejected` where that takes too much memory; and ArithmeticError where the outcome would not be the best,
    which is a fault of the solver, never of the round.
    """
    bonus = bonus_of(instance)
    worth = instance.score + bonus
    kept = _assigned(instance, worth)
    price = _prices(instance, worth, kept)
    gain = np.zeros(len(instance.mentees), dtype=np.int64)
    gain[instance.mentee[kept]] = worth[kept] - price[instance.mentor[kept]]
    taken = np.bincount(instance.mentor[kept], minlength=len(instance.mentors))
    if (gain < 0).any() or (price[taken < instance.seats] != 0).any():
        raise ArithmeticError("the assignment is not the best: its prices contradict it")
    outcome = instance.pinned.copy()
    outcome[instance.mentee[kept]] = kept
    return Covered(outcome=outcome, gain=gain, price=price, bonus=bonus)


def bonus_of(instance: Instance) -> int:
    return len(instance.mentees) * int(instance.score.max(initial=0)) + 1


def _assigned(instance: Instance, worth: Longs) -> Rows:
    """Jonker & Volgenant's shortest augmenting paths on a sparse matrix: a row a mentee, a column a seat.

    A mentor with no more who ask than seats needs no common seats: each wish gets its own column. Each mentee has one
    column more, which costs most: remaining unmatched.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    wishes = np.flatnonzero(instance.live)
    if not wishes.size:
        return wishes
    rows, row = np.unique(instance.mentee[wishes], return_inverse=True)
    wish, column = _columns(instance, wishes)
    dear = int(worth.max()) + 1
    alone = int(column.max()) + 1 + np.arange(rows.size)
    cost = np.concatenate([dear - worth[wishes[wish]], np.full(rows.size, dear)])
    place = (np.concatenate([row[wish], np.arange(rows.size)]), np.concatenate([column, alone]))
    matrix = csr_array((cost.astype(np.float64), place), shape=(rows.size, int(alone[-1]) + 1))
    taken = np.full(matrix.shape[1], NOBODY)
    matched, seat = min_weight_full_bipartite_matching(matrix)
    taken[seat] = rows[matched]
    came_true = taken[column] == instance.mentee[wishes[wish]]
    return np.unique(wishes[wish[came_true]])


def _columns(instance: Instance, wishes: Rows) -> tuple[Rows, Rows]:
    """Pairs of (place in `wishes`, seat): every seat that a wish may take."""
    mentor = instance.mentor[wishes]
    asked = np.bincount(mentor, minlength=len(instance.mentors))
    contested = asked > instance.seats
    seats = np.where(contested, instance.seats, asked)
    start = np.concatenate([[0], np.cumsum(seats)])
    each = np.where(contested, instance.seats, 1)[mentor]
    if each.sum() > _MOST_PLACES:
        raise _too_large(instance, np.where(contested, asked * instance.seats, 0))
    wish = np.repeat(np.arange(wishes.size), each)
    nth = np.arange(wish.size) - np.repeat(np.cumsum(each) - each, each)
    own = np.where(contested[mentor], 0, _nth_of(mentor, asked))
    return wish, start[mentor[wish]] + nth + own[wish]


def _too_large(instance: Instance, places: Longs) -> Rejected:
    busiest = int(places.argmax())
    message = (
        f"coverage takes {places.sum()} pairs of a wish and a seat, and at most {_MOST_PLACES} are worked out: lower "
        f"capacities, first that of {instance.mentors[busiest]!r}, or have target fit and no comparison"
    )
    return Rejected("round_too_large", message)


def _nth_of(group: Rows, sizes: Rows) -> Rows:
    """The how manieth of its group each is, from 0."""
    order = np.argsort(group, kind="stable")
    nth = np.empty_like(group)
    nth[order] = np.arange(group.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return nth


def _prices(instance: Instance, worth: Longs, kept: Rows) -> Longs:
    """The lowest at which nobody would gain by another seat: longest paths by Bellman & Ford, over those who can rise.

    u + price ≥ worth for each wish, u = worth - price for who is matched, 0 for who is not.
    """
    by_mentor = instance.by_standing[instance.live[instance.by_standing]]
    price = np.zeros(len(instance.mentors), dtype=np.int64)
    if not by_mentor.size:
        return price
    mentee, mentor = instance.mentee[by_mentor], instance.mentor[by_mentor]
    starts = np.flatnonzero(np.append(True, mentor[1:] != mentor[:-1]))
    held = np.full(len(instance.mentees), NOBODY)
    held[instance.mentee[kept]] = kept
    matched: Bools = held != NOBODY
    for _ in range(len(instance.mentors) + 2):
        gain = np.where(matched, worth[held] - price[instance.mentor[held]], 0)
        least = np.maximum.reduceat(worth[by_mentor] - gain[mentee], starts)
        risen = price.copy()
        risen[mentor[starts]] = np.maximum(least, price[mentor[starts]])
        if (risen == price).all():
            return price
        price = risen
    raise ArithmeticError("the assignment is not the best: its prices rise for ever")
