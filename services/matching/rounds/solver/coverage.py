"""Coverage: the most matched mentees, then the greatest total score; exact, with dual values that prove it.

The value of a wish is `bonus` + its score; the bonus exceeds the sum of all scores. Dual values (prices of seats,
gains of mentees) prove that no matching has a greater value: weak duality of linear programs, in whole numbers.
"""

from dataclasses import dataclass

import numpy as np

from services.matching.kernel.columns import Bools, Rows
from services.matching.rounds.solver.model import NONE, Instance, Longs
from shared.errors import Rejected

_MAX_CANDIDATES = 20_000_000
"""Pairs of a wish and a seat that it may take; so many need 1.6 GB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    outcome: Rows
    """By mentee: the matched wish, or NONE."""
    gain: Longs
    """By mentee: the value of the matched wish less the price of its seat."""
    price: Longs
    """By mentor: of each seat; 0 where a seat is free. The lowest prices that prove the outcome."""
    bonus: int


def coverage(instance: Instance, *, bonus: int) -> Covered:
    """`bonus` is `bonus_of` the round. Raises `Rejected` where it needs too much memory, and ArithmeticError where the
    outcome is not the best, which is a fault of the solver and never of the round.
    """
    value = instance.score + bonus
    granted = _assigned(instance, value)
    price = _prices(instance, value, granted)
    gain = np.zeros(len(instance.mentees), dtype=np.int64)
    gain[instance.mentee[granted]] = value[granted] - price[instance.mentor[granted]]
    taken = np.bincount(instance.mentor[granted], minlength=len(instance.mentors))
    if (gain < 0).any() or (price[taken < instance.seats] != 0).any():
        raise ArithmeticError("the assignment is not the best: its prices contradict it")
    outcome = instance.pinned.copy()
    outcome[instance.mentee[granted]] = granted
    return Covered(outcome=outcome, gain=gain, price=price, bonus=bonus)


def bonus_of(instance: Instance) -> int:
    return len(instance.mentees) * int(instance.score.max(initial=0)) + 1


def _assigned(instance: Instance, value: Longs) -> Rows:
    """Jonker & Volgenant's shortest augmenting paths on a sparse matrix: a row for each mentee, a column for each seat.

    Where a mentor has a seat for every wish, each wish gets a column of its own. Each mentee has one more column, which
    costs most: to remain unmatched.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    wishes = np.flatnonzero(instance.live)
    if not wishes.size:
        return wishes
    rows, row = np.unique(instance.mentee[wishes], return_inverse=True)
    wish, column = _columns(instance, wishes)
    unmatched_cost = int(value.max()) + 1
    alone = int(column.max()) + 1 + np.arange(rows.size)
    cost = np.concatenate([unmatched_cost - value[wishes[wish]], np.full(rows.size, unmatched_cost)])
    place = (np.concatenate([row[wish], np.arange(rows.size)]), np.concatenate([column, alone]))
    matrix = csr_array((cost.astype(np.float64), place), shape=(rows.size, int(alone[-1]) + 1))
    taken = np.full(matrix.shape[1], NONE)
    matched, seat = min_weight_full_bipartite_matching(matrix)
    taken[seat] = rows[matched]
    is_granted = taken[column] == instance.mentee[wishes[wish]]
    return np.unique(wishes[wish[is_granted]])


def _columns(instance: Instance, wishes: Rows) -> tuple[Rows, Rows]:
    """Pairs of (index in `wishes`, seat): every seat that a wish may take."""
    mentor = instance.mentor[wishes]
    asked = np.bincount(mentor, minlength=len(instance.mentors))
    contested = asked > instance.seats
    seats = np.where(contested, instance.seats, asked)
    start = np.concatenate([[0], np.cumsum(seats)])
    each = np.where(contested, instance.seats, 1)[mentor]
    if each.sum() > _MAX_CANDIDATES:
        raise _too_large(instance, np.where(contested, asked * instance.seats, 0))
    wish = np.repeat(np.arange(wishes.size), each)
    nth = np.arange(wish.size) - np.repeat(np.cumsum(each) - each, each)
    own = np.where(contested[mentor], 0, _position_in_group(mentor, asked))
    return wish, start[mentor[wish]] + nth + own[wish]


def _too_large(instance: Instance, pairs: Longs) -> Rejected:
    busiest = int(pairs.argmax())
    message = (
        f"coverage takes {pairs.sum()} pairs of a wish and a seat, and at most {_MAX_CANDIDATES} are worked out: lower "
        f"capacities, first that of {instance.mentors[busiest]!r}, or have target fit and no comparison"
    )
    return Rejected("round_too_large", message)


def _position_in_group(group: Rows, sizes: Rows) -> Rows:
    """By entry: how many entries of its group are before it."""
    order = np.argsort(group, kind="stable")
    nth = np.empty_like(group)
    nth[order] = np.arange(group.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return nth


def _prices(instance: Instance, value: Longs, granted: Rows) -> Longs:
    """The lowest prices at which no mentee would gain by another seat: longest paths by Bellman & Ford.

    gain + price ≥ value for each wish; gain = value - price of a matched mentee, 0 of an unmatched one.
    """
    by_mentor = instance.by_mentor_position[instance.live[instance.by_mentor_position]]
    price = np.zeros(len(instance.mentors), dtype=np.int64)
    if not by_mentor.size:
        return price
    mentee, mentor = instance.mentee[by_mentor], instance.mentor[by_mentor]
    starts = np.flatnonzero(np.append(True, mentor[1:] != mentor[:-1]))
    held = np.full(len(instance.mentees), NONE)
    held[instance.mentee[granted]] = granted
    matched: Bools = held != NONE
    for _ in range(len(instance.mentors) + 2):
        gain = np.where(matched, value[held] - price[instance.mentor[held]], 0)
        least = np.maximum.reduceat(value[by_mentor] - gain[mentee], starts)
        risen = price.copy()
        risen[mentor[starts]] = np.maximum(least, price[mentor[starts]])
        if (risen == price).all():
            return price
        price = risen
    raise ArithmeticError("the assignment is not the best: its prices do not converge")
